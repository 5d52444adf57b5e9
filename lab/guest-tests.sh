# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the suites that run tests in a guest share. To be sourced.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/ktap.sh"

# Programs whose surroundings are a suite of their own.
OWN_SUITE=' l2fwd_tcp.sh zc_nic zc_nic_queues faults '

# For COMMAND... of lab/boot: the program that follows has what it says of a failure
# (the harness does so on standard error) among its results, in their order.
# shellcheck disable=SC2016,SC2034 # for the guest to expand; for the suites as well
IN_ORDER=(sh -c 'exec "$0" "$@" 2>&1')

# What the manual says to steer packets with, a command a line
steering_commands() {
	awk '/^Steering packets of i40e/ { inside = 1 }
	inside && sub(/^    ethtool /, "ethtool ") { print; found = 1 }
	found && /^$/ { exit }
	END { exit !found }' "$LAB_ROOT/Documentation/networking/packet_v4.rst"
}

# The folder of the selftests in $dir, and in $programs those of them that are to
# be run: all but $KSELFTEST_WITHOUT, or those named in $KSELFTEST_PROGRAMS
find_kselftests() {
	local program

	programs=()
	dir=$("$LAB_ROOT/lab/selftests" v4)
	while read -r program; do
		[[ "$OWN_SUITE ${KSELFTEST_WITHOUT:-} " == *" $program "* ]] ||
			programs+=("$program")
	done <"$dir/.tests"
	[ -z "${KSELFTEST_PROGRAMS:-}" ] ||
		read -ra programs <<<"$KSELFTEST_PROGRAMS"
}

# kselftest LANE TIMEOUT [OPTION...]: each program of af_packet_v4 in a guest of
# its own, so that a splat or a leak tells whose it is
kselftest() {
	local lane=$1 timeout=$2 dir program
	local -a programs kernel=("--$1")

	shift 2
	[[ " $* " != *' --debug '* ]] || kernel+=(--debug)
	find_kselftests
	"$LAB_ROOT/lab/kernel" "${kernel[@]}" >/dev/null

	ktap_plan "${#programs[@]}"
	cd "$dir" || exit
	for program in "${programs[@]}"; do
		ktap_nested "$program" "$LAB_ROOT/lab/boot" "--$lane" \
			--timeout "$timeout" "$@" -- "${IN_ORDER[@]}" "./$program"
	done
	ktap_exit
}

# kunit TESTS OPTION...: the KUnit tests whose suite's name matches TESTS, in a
# guest. They run while the kernel boots, and report in its log.
kunit() {
	local tests=$1 tmp log status=0

	shift
	lab_tmpdir tmp
	log=${tmp:?}/kernel.log
	"$LAB_ROOT/lab/boot" "$@" --log "$log" \
		--append "kunit.enable=1 kunit.filter_glob=$tests" -- true ||
		status=$?
	[ ! -e "$log" ] || sed -n -e 's/\r$//' \
		-e 's/^\[ *[0-9]*\.[0-9]*\] //' -e '/^KTAP version/,$p' "$log"
	exit "$status"
}

# For lab/boot with a kernel that has KCSAN: it looks ten times as often as it does
# by default, and waits longer for another CPU, which here is a slow one.
# shellcheck disable=SC2034 # for the suites
KCSAN=(--append "kcsan.skip_watch=400 kcsan.udelay_task=300 kcsan.udelay_interrupt=100")

# How many CPUs a guest gets that is slow anyhow: $TP4_CPUS, or as many as there are,
# two to four. Emulated CPUs that the machine lacks wait for each other, most of all
# for locks that somebody watches.
guest_cpus() {
	local cpus

	cpus=$(nproc)
	echo "${TP4_CPUS:-$((cpus < 2 ? 2 : cpus > 4 ? 4 : cpus))}"
}

# kselftest_together OPTION... -- BOOT_OPTION...: all of them in one guest in QEMU,
# for kernels that take long to boot; the first options are those of lab/kernel
kselftest_together() {
	local dir image
	local -a programs options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	find_kselftests
	image=$("$LAB_ROOT/lab/kernel" --qemu "${options[@]}")
	cd "$dir" || exit
	exec "$LAB_ROOT/lab/boot" --qemu --kernel "$image" --patient --mem 2G \
		--timeout 7200 --share "$LAB_ROOT/lab" "$@" -- \
		"$LAB_ROOT/lab/kselftest-guest" "${programs[@]}" </dev/null
}

STOCK_TESTS=('psock_tpacket' 'psock_fanout' 'psock_snd.sh'
	     'txring_overwrite')

# stock_tests LANE TIMEOUT: the packet socket tests that the kernel has had
# before, on the kernel as it was and on ours
stock_tests() {
	local lane=$1 timeout=$2 dir program status
	local -A stock=()

	dir=$("$LAB_ROOT/lab/selftests" stock)
	"$LAB_ROOT/lab/kernel" "--$lane" --stock >/dev/null
	"$LAB_ROOT/lab/kernel" "--$lane" >/dev/null

	ktap_plan $((2 * ${#STOCK_TESTS[@]}))
	cd "$dir" || exit
	for program in "${STOCK_TESTS[@]}"; do
		status=0
		in_guest "$program" "--$lane" --stock --timeout "$timeout" ||
			status=$?
		ktap_result "$status" "$program on the stock kernel" \
			"exit status $status"
		stock[$program]=$status

		status=0
		in_guest "$program" "--$lane" --timeout "$timeout" || status=$?
		if [ "$status" -ne "${stock[$program]}" ]; then
			echo "# exit status $status, stock: ${stock[$program]}"
			[ "$status" -ne 0 ] || status=1
			[ "$status" -ne "$ktap_skip" ] || status=1
		fi
		ktap_result "$status" "$program on the patched kernel" \
			"exit status $status"
	done
	ktap_exit
}

# in_guest PROGRAM OPTION...: what it prints goes into diagnostic lines
in_guest() {
	local program=$1 status=0

	shift
	"$LAB_ROOT/lab/boot" "$@" -- "./$program" </dev/null 2>&1 |
		sed -u 's/^/# /' || status=${PIPESTATUS[0]}
	return "$status"
}

# What programs print of their cases, whatever way they do it, as lines of a
# verdict (ok, bad or skip), a tab and a name.
case_verdicts() {
	awk '
	function verdict(value, name) {
		gsub(/^[ -]+|[ :]+$/, "", name)
		if (seen[name]++)
			name = name " (" seen[name] ")"
		printf "%s\t%s\n", value, name
	}
	/^ok [0-9]+ .*# SKIP/ {
		sub(/^ok [0-9]+/, ""); sub(/# SKIP.*/, ""); verdict("skip", $0)
		next
	}
	/^ok [0-9]+ / { sub(/^ok [0-9]+/, ""); verdict("ok", $0); next }
	/^not ok [0-9]+ / { sub(/^not ok [0-9]+/, ""); verdict("bad", $0); next }
	/\[PASS\]$/ { sub(/\[PASS\]$/, ""); verdict("ok", $0); next }
	/\[FAILED\]/ { sub(/\[FAILED\].*/, ""); verdict("bad", $0); next }
	/\[SKIP\]/ { sub(/\[SKIP\].*/, ""); verdict("skip", $0); next }
	/^Pass: / { sub(/^Pass: /, ""); verdict("ok", $0); next }
	/^fail: / { sub(/^fail: /, ""); verdict("bad", $0); next }
	/ ok *$/ { sub(/ ok *$/, ""); verdict("ok", $0); next }
	/ fail( .*)?$/ { sub(/ fail( .*)?$/, ""); verdict("bad", $0); next }'
}

# run_cases FILE OPTION...: runs $program in a guest. Adds what became of its
# cases to FILE, and the exit status as one more: it is bad if no case of this run
# says why it is not 0.
run_cases() {
	local file=$1 status=0 verdict
	local -a command

	shift
	read -ra command <<<"$program"
	"$LAB_ROOT/lab/boot" "$@" -- "./${command[0]}" "${command[@]:1}" \
		</dev/null >"$file.out" 2>"$file.err" || status=$?
	sed 's/^/# /' "$file.out" "$file.err"
	case_verdicts <"$file.out" >"$file.run"
	case $status in
	0)
		verdict=ok
		;;
	"$ktap_skip")
		verdict=skip
		;;
	*)
		verdict=bad
		! grep -q '^bad' "$file.run" || verdict=ok
		;;
	esac
	{
		cat "$file.run"
		printf '%s\texit status\n' "$verdict"
	} >>"$file"
	# A splat is no result.
	[ "$status" -lt 98 ]
}

# compare_cases STOCK PATCHED: KTAP of the cases in the two files. What was good
# once is good; fails if one that is on the stock kernel is not on ours.
compare_cases() {
	awk -F '\t' '
	function rank(verdict) {
		return verdict == "ok" ? 2 : verdict == "skip"
	}
	FNR == 1 { file++ }
	!($2 in nr) { nr[$2] = ++n; name[n] = $2 }
	{
		if (!((file, $2) in best) || rank($1) > rank(best[file, $2]))
			best[file, $2] = $1
	}
	END {
		print "KTAP version 1"
		print "1.." n
		for (i = 1; i <= n; i++) {
			stock = best[1, name[i]]
			ours = best[2, name[i]]
			if (ours == "ok") {
				print "ok " i " " name[i]
			} else if (stock == "ok" || stock == "") {
				print "not ok " i " " name[i]
				failed = 1
			} else if (ours == "skip") {
				print "ok " i " " name[i] " # SKIP"
			} else if (stock == "skip") {
				print "not ok " i " " name[i]
				failed = 1
			} else {
				print "ok " i " " name[i] \
				      " # SKIP fails on the stock kernel as well"
			}
		}
		exit failed || !n
	}' "$1" "$2"
}

# stock_cases LANE TIMEOUT [OPTION...] -- PROGRAM...: tests that the kernel has had
# before, case by case: those that pass on the kernel as it was must pass on ours.
# Some of them give packets a second or two, which is not always enough on a busy
# machine, so what differs is tried again, on both kernels.
stock_cases() {
	local lane=$1 timeout=$2 dir program try status
	local -a options=()

	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	dir=$("$LAB_ROOT/lab/selftests" xdp)
	"$LAB_ROOT/lab/kernel" "--$lane" --stock >/dev/null
	"$LAB_ROOT/lab/kernel" "--$lane" >/dev/null

	lab_tmpdir results
	options+=("--$lane" --timeout "$timeout")
	ktap_plan $#
	cd "$dir" || exit
	for program; do
		# shellcheck disable=SC2154 # lab_tmpdir sets it
		rm -f "$results"/*
		for try in 1 2 3; do
			status=1
			run_cases "$results/stock" --stock "${options[@]}" || break
			run_cases "$results/ours" "${options[@]}" || break
			status=0
			compare_cases "$results/stock" "$results/ours" \
				>"$results/ktap" || status=1
			[ $status -ne 0 ] || break
			echo "# try $try: not as on the stock kernel"
		done
		[ ! -s "$results/ktap" ] ||
			ktap_indent "$program" <"$results/ktap"
		ktap_result "$status" "$program"
	done
	ktap_exit
}
