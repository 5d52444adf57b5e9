#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two namespaces that are connected by nothing but samples/tpacket4/l2fwd:
#
#	tp4left		   tp4mid		tp4right
#	left --veth-- in  l2fwd --out  out --veth-- right
#
# TCP must get through, in both directions, and with checksums that are right:
# the sender leaves them to its device, so l2fwd sees them finished, or the
# other side drops the segments and counts them.
#
# TSO, GSO and GRO are off: a forwarder cannot send what is larger than the MTU.
set -euo pipefail

readonly ksft_skip=4
readonly wait_s=60

dir=$(cd "$(dirname "$0")" && pwd)
bytes=$((64 * 1024 * 1024 / ${TP4_SCALE:-1}))
cases=0
failed=0
log=
started=
l2fwd_pid=
server_pid=

skip() {
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit "$ksft_skip"
}

for tool in iperf3 ethtool ip; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ "$(id -u)" -eq 0 ] || skip "root is needed"
[ -x "$dir/l2fwd" ] || skip "l2fwd was not built"

in_ns() {
	local ns=$1

	shift
	ip netns exec "$ns" "$@"
}

stop() {
	local pid

	for pid in "$server_pid" "$l2fwd_pid"; do
		[ -n "$pid" ] || continue
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	server_pid=
	l2fwd_pid=
}

cleanup() {
	local ns

	stop
	for ns in tp4left tp4mid tp4right; do
		ip netns del "$ns" 2>/dev/null || true
	done
	[ -z "$log" ] || rm -rf "$log"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

setup() {
	local ns dev conf

	for ns in tp4left tp4mid tp4right; do
		ip netns add "$ns"
		# Nobody else is to talk here
		for conf in all default; do
			conf=/proc/sys/net/ipv6/conf/$conf/disable_ipv6
			[ ! -e "$conf" ] ||
				echo 1 | in_ns "$ns" tee "$conf" >/dev/null
		done
	done
	ip -n tp4mid link add in type veth peer name left netns tp4left
	ip -n tp4mid link add out type veth peer name right netns tp4right
	for dev in tp4left:left tp4mid:in tp4mid:out tp4right:right; do
		in_ns "${dev%:*}" ethtool -K "${dev#*:}" tso off gso off \
			gro off >/dev/null
		ip -n "${dev%:*}" link set "${dev#*:}" up
	done
	ip -n tp4left addr add 192.0.2.1/24 dev left
	ip -n tp4right addr add 192.0.2.2/24 dev right
}

# start NAME TEXT COMMAND...: in the background, its output goes to the log;
# returns, with its pid in $started, when it has written TEXT
start() {
	local name=$1 text=$2 line fd ready=false

	shift 2
	mkfifo "$log/pipe"
	"$@" >"$log/pipe" 2>&1 &
	started=$!
	exec {fd}<"$log/pipe"
	rm "$log/pipe"
	: >"$log/$name"
	while ! "$ready" && read -rt "$wait_s" line <&"$fd"; do
		echo "$line" >>"$log/$name"
		[[ $line != *"$text"* ]] || ready=true
	done
	cat <&"$fd" >>"$log/$name" &
	exec {fd}<&-
	"$ready" && return
	echo "# no \"$text\" from this program:"
	sed 's/^/#   /' "$log/$name"
	return 1
}

# counter NAMESPACE NAME: of TCP, from the table with names above values
counter() {
	in_ns "$1" cat /proc/net/snmp | awk -v name="$2" '
		$1 == "Tcp:" && !n { for (i = 2; i <= NF; i++) col[$i] = i
				     n = 1; next }
		$1 == "Tcp:" { print $col[name] }'
}

# received NAMESPACE DEVICE: bytes
received() {
	in_ns "$1" cat "/sys/class/net/$2/statistics/rx_bytes"
}

result() {
	cases=$((cases + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $cases $2"
	else
		echo "not ok $cases $2"
		failed=$((failed + 1))
	fi
}

# transfer NAME FROM ADDRESS TO DEVICE: the client receives, as it ends when it
# has received all bytes; one that sends ends when it has written them
transfer() {
	local name=$1 from=$2 address=$3 to=$4 dev=$5 before after ns bad ret=0

	before=$(received "$to" "$dev")
	if ! start server listening ip netns exec "$from" \
		iperf3 -s --forceflush; then
		result 1 "$name"
		return
	fi
	server_pid=$started
	in_ns "$to" timeout 300 iperf3 -c "$address" -R -n "$bytes" \
		>"$log/client" 2>&1 || ret=$?
	kill "$server_pid" 2>/dev/null || true
	wait "$server_pid" 2>/dev/null || true
	server_pid=
	if [ "$ret" -ne 0 ]; then
		echo "# iperf3 ended with status $ret:"
		sed 's/^/#   /' "$log/client" "$log/l2fwd"
	fi
	after=$(received "$to" "$dev")
	if [ $((after - before)) -lt "$bytes" ]; then
		echo "# expected $bytes bytes on $dev, seen $((after - before))"
		ret=1
	fi
	for ns in tp4left tp4right; do
		bad=$(counter "$ns" InCsumErrors)
		[ "$bad" = 0 ] && continue
		echo "# expected 0 bad checksums in $ns, seen \"$bad\""
		ret=1
	done
	result "$ret" "$name"
}

# forward NAME L2FWD_OPTION...: both directions through this l2fwd
forward() {
	local name=$1 ret=0

	shift
	if start l2fwd ready ip netns exec tp4mid "$dir/l2fwd" \
		--interface in --out out --poll "$@"; then
		l2fwd_pid=$started
		transfer "$name, left to right" tp4left 192.0.2.1 tp4right right
		transfer "$name, right to left" tp4right 192.0.2.2 tp4left left
	else
		result 1 "$name, left to right"
		result 1 "$name, right to left"
	fi
	# It ends well when it is asked to
	if [ -n "$l2fwd_pid" ] && kill -INT "$l2fwd_pid"; then
		wait "$l2fwd_pid" || ret=$?
	else
		ret=1
	fi
	l2fwd_pid=
	if [ "$ret" -ne 0 ]; then
		echo "# l2fwd ended with status $ret:"
		sed 's/^/#   /' "$log/l2fwd"
	fi
	result "$ret" "$name, l2fwd's own verdict"
	stop
}

log=$(mktemp -d)
setup
echo "TAP version 13"
echo "1..6"
forward "through the qdisc"
forward "past the qdisc" --qdisc-bypass
echo "# Totals: pass:$((cases - failed)) fail:$failed"
[ "$failed" -eq 0 ]
