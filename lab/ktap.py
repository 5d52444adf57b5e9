#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs a test suite and judges its KTAP with the kernel's own parser.

The parser (tools/testing/kunit/kunit_parser.py) is lenient where a kernel log
has to be: it does not mind a missing plan, results beyond the plan, or a
parent that failed although none of its cases did. Here each is a failure, and
so is a suite that ends with another status than its cases suggest.

Programs may say what they have counted, in lines such as

    # tp4: packets=1000 lost=0

which are added up, as are the complaints of kernels that lab/boot has shown. A
packet that was lost is a failure whatever the cases say.
"""

import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import threading
import time

# Lines of what a failed case printed that are shown again at the end.
SAID_BY_FAILED = 8

# What is added up, in the order of the result's first line. The indentation is
# that of subtests, the second # that of a suite's diagnostic lines.
TALLIES = 'packets', 'lost', 'bad', 'faults', 'splats'
TALLY = re.compile(r'[\s#]*# tp4:((?: \w+=\d+)+)\s*$')
SPLAT = re.compile(r'[\s#]*boot: the kernel complained:')

STOP_SIGNALS = signal.SIGINT, signal.SIGTERM


def parse_args():
    """Return the command line's options."""
    args = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--parser', required=True, metavar='DIR',
                      help="the kernel tree's tools/testing/kunit")
    args.add_argument('--log', required=True, metavar='FILE',
                      help='keep all that the suite printed in FILE')
    args.add_argument('--name', metavar='NAME',
                      help='begin each line with NAME, as others run as well')
    args.add_argument('--result', metavar='FILE',
                      help='write "passed failed skipped seconds" and the '
                           'tallies to FILE, and what failed')
    args.add_argument('command', nargs='+', help='the suite')
    return args.parse_args()


class NamedLines:
    """A text file whose lines begin with a name, and come out whole."""

    def __init__(self, file, name):
        self.file = file
        self.name = name
        self.begun = ''

    def write(self, text):
        """Write the lines that are complete."""
        *lines, self.begun = (self.begun + text).split('\n')
        if lines:
            self.file.write(''.join(f'{self.name}: {line}\n'
                                    for line in lines))
            self.file.flush()

    def flush(self):
        """Nothing waits but the start of a line."""

    def isatty(self):
        """Tell whether colours make sense."""
        return self.file.isatty()


def oddities(test, parser, path=()):
    """Yield what is wrong with a test that the counts do not show."""
    name = '.'.join(path + (test.name,))
    counts = test.counts
    if test.subtests:
        # KUnit does not know how many parameters a case has, two levels down.
        if test.expected_count is None and len(path) < 2:
            yield f'{name}: no plan'
        if test.status == parser.TestStatus.FAILURE and \
                not counts.failed + counts.crashed:
            yield f'{name}: not ok, although none of its cases failed'
    for sub in test.subtests:
        yield from oddities(sub, parser, path + (test.name,))


def failed_cases(test, parser, path=()):
    """Yield the failed cases that have none below them, and what they said."""
    below = [line for sub in test.subtests
             for line in failed_cases(sub, parser, path + (sub.name,))]
    bad = parser.TestStatus.FAILURE, parser.TestStatus.TEST_CRASHED
    if path and not below and test.status in bad:
        # One that was planned and never began has no name.
        below = ['.'.join(name or '(missing)' for name in path)]
        below += [f'    {line.strip()}' for line in test.log[-SAID_BY_FAILED:]]
    yield from below


def add_up(line, tallies):
    """Add what a line says that somebody has counted."""
    said = TALLY.match(line)
    if said:
        for word in said[1].split():
            name, count = word.split('=')
            tallies[name] += int(count)
    elif SPLAT.match(line):
        tallies['splats'] += 1


def copy_stderr(source, log, tallies):
    """Show what the suite says beside its results, and log it."""
    for line in source:
        add_up(line, tallies)
        log.write(line)
        log.flush()
        sys.stderr.write(line)
        sys.stderr.flush()


def logged(source, log, tallies):
    """Yield the lines of a suite's output, and log them."""
    for line in source:
        add_up(line, tallies)
        log.write(line)
        log.flush()
        yield line


def end(suite):
    """End a suite; its own traps shall run, hence not SIGKILL at once."""
    try:
        if suite.poll() is None:
            os.killpg(suite.pid, signal.SIGTERM)
            try:
                suite.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(suite.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    suite.wait()


def end_on_signal(suite, stopped):
    """Wait for a signal; note it in stopped, and end the suite."""
    stopped.append(128 + signal.sigwait(STOP_SIGNALS))
    end(suite)
    # What the suite leaves behind may hold its output open.
    threading.main_thread().join(timeout=10)
    os._exit(stopped[0])


def unblock_signals():
    """Let a child have the signals that are blocked here."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def run(command, log, parser):
    """Run a suite; return its test counts, what else failed, and all of it.

    The last of the four is what its programs have counted.
    """
    failures = []
    cases = []
    # Two, as two threads add to them.
    tallies = collections.Counter()
    tallies_stderr = collections.Counter()
    stopped = []
    # A handler could run just before a read that then waits for ever, so a
    # thread waits for signals. None is lost while there is no thread yet.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    # Not in a "with": its end would close stderr and wait for the reader.
    suite = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             encoding='utf-8', errors='replace', bufsize=1,
                             start_new_session=True,
                             preexec_fn=unblock_signals)
    stderr = threading.Thread(target=copy_stderr, daemon=True,
                              args=(suite.stderr, log, tallies_stderr))
    stderr.start()
    threading.Thread(target=end_on_signal, args=(suite, stopped),
                     daemon=True).start()

    try:
        output = logged(suite.stdout, log, tallies)
        lines = parser.extract_tap_lines(output)
        test = parser.Test()
        if lines:
            test = parser.parse_test(lines, 0, [], False)
            failures += oddities(test, parser)
            cases += failed_cases(test, parser)
            extra = [line for line in lines if parser.TEST_RESULT.match(line)]
            failures += [f'beyond the plan: {line}' for line in extra]
        else:
            failures.append('no KTAP output')
        # Whatever follows is for the log; a full pipe would block the suite.
        for _line in output:
            pass
        status = suite.wait()
    finally:
        end(suite)
        # A process left behind by the suite may hold stderr open for ever.
        stderr.join(timeout=5)
    if stopped:
        sys.exit(stopped[0])

    counts = test.counts
    if counts.errors and not counts.failed + counts.crashed:
        failures.append(f'{counts.errors} error(s) in the KTAP output')
    if status < 0:
        failures.append(f'the suite died of signal {-status}')
    elif status and not failures and not counts.failed + counts.crashed:
        failures.append(f'exit status {status}, although no case failed')
    tallies.update(tallies_stderr)
    if tallies['lost']:
        failures.append(f'{tallies["lost"]} packet(s) lost')
    return counts, failures, cases + failures, tallies


def main():
    """Run the suite; exit 0 if nothing failed."""
    args = parse_args()
    sys.dont_write_bytecode = True
    sys.path.insert(0, args.parser)
    sys.stdout.reconfigure(line_buffering=True)
    if args.name:
        sys.stdout = NamedLines(sys.stdout, args.name)
        sys.stderr = NamedLines(sys.stderr, args.name)
    # It takes sys.stdout as it is now.
    import kunit_parser

    started = time.monotonic()
    # Not closed before all ends: who reads stderr may have a line for it.
    log = open(args.log, 'w', encoding='utf-8')
    counts, failures, report, tallies = run(args.command, log, kunit_parser)
    for failure in failures:
        print(f'[FAILED] {failure}')
        log.write(f'[FAILED] {failure}\n')
    log.flush()
    seconds = time.monotonic() - started

    failed = counts.failed + counts.crashed + len(failures)
    if args.result:
        with open(args.result, 'w', encoding='utf-8') as result:
            result.write(f'{counts.passed} {failed} {counts.skipped} '
                         f'{seconds:.0f} ' +
                         ' '.join(str(tallies[name]) for name in TALLIES) +
                         '\n')
            result.writelines(f'{line}\n' for line in report)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
