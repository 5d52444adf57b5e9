# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the suites that run tests in a guest share. To be sourced.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/ktap.sh"

# Programs whose surroundings are a suite of their own.
OWN_SUITE=' l2fwd_tcp.sh '

# kselftest LANE TIMEOUT [OPTION...]: each program of af_packet_v4 in a guest of
# its own, so that a splat or a leak tells whose it is
kselftest() {
	local lane=$1 timeout=$2 dir program
	local -a programs=()

	shift 2
	dir=$("$LAB_ROOT/lab/selftests" v4)
	while read -r program; do
		[[ $OWN_SUITE == *" $program "* ]] || programs+=("$program")
	done <"$dir/.tests"
	"$LAB_ROOT/lab/kernel" "--$lane" >/dev/null

	ktap_plan "${#programs[@]}"
	cd "$dir" || exit
	for program in "${programs[@]}"; do
		ktap_nested "$program" "$LAB_ROOT/lab/boot" "--$lane" \
			--timeout "$timeout" "$@" -- "./$program"
	done
	ktap_exit
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
