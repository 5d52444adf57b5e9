# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the suites print their results with. To be sourced.
#
#	ktap_plan 2
#	ktap_run "true works" true
#	ktap_nested api ./api		# a program that prints KTAP itself
#	ktap_exit

ktap_nr=0
ktap_failed=0
ktap_skip=4			# exit status of a test that cannot be run here

ktap_plan() {
	printf 'KTAP version 1\n1..%d\n' "$1"
}

# ktap_result STATUS NAME [REASON]
ktap_result() {
	local status=$1 name=$2 reason=${3:-}

	ktap_nr=$((ktap_nr + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $ktap_nr $name"
	elif [ "$status" -eq "$ktap_skip" ]; then
		echo "ok $ktap_nr $name # SKIP${reason:+ $reason}"
	else
		[ -z "$reason" ] || echo "# $reason"
		echo "not ok $ktap_nr $name"
		ktap_failed=1
	fi
}

# ktap_run NAME COMMAND...: one case, which passes when COMMAND does
ktap_run() {
	local name=$1 status=0

	shift
	"$@" < /dev/null 2>&1 | sed -u 's/^/# /' || status=${PIPESTATUS[0]}
	ktap_result "$status" "$name" "exit status $status"
}

# Make the output of a program a subtest called NAME
ktap_indent() {
	local name=$1 line header=

	while IFS= read -r line || [ -n "$line" ]; do
		line=${line%$'\r'}
		if [ -z "$header" ] && [[ $line =~ ^K?TAP\ version ]]; then
			header=1
			printf '  KTAP version 1\n  # Subtest: %s\n' "$name"
		else
			printf '  %s\n' "$line"
		fi
	done
	[ -n "$header" ]
}

# ktap_nested NAME COMMAND...: the cases of COMMAND, which prints TAP or KTAP.
# NAME's own result is that of COMMAND's exit status, so that a crash or a splat
# in the guest shows even if all cases had passed before it.
ktap_nested() {
	local name=$1
	local -a ends=(0 0)

	shift
	"$@" < /dev/null | ktap_indent "$name" || ends=("${PIPESTATUS[@]}")
	if [ "${ends[0]}" -eq 0 ] && [ "${ends[1]}" -ne 0 ]; then
		ktap_result 1 "$name" "no TAP in its output"
	else
		ktap_result "${ends[0]}" "$name" "exit status ${ends[0]}"
	fi
}

ktap_exit() {
	exit "$ktap_failed"
}
