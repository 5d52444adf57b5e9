#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The i40e driver as it is, on two ports of the model with a cable between them. To
# be run in a guest: lab/boot --stock --xl710 2 -- lab/xl710/tests/stock.sh
#
# Usage: lab/xl710/tests/stock.sh [basic | all | fixed]
#
# Prints KTAP. Without "basic" there are also AF_XDP, resets and faults, and with
# "fixed" what the stock driver gets wrong.
#
# shellcheck disable=SC2317 # test_case calls them
set -u

ctl=$TP4_XL710CTL
xsk=$(dirname "$ctl")/xsk
tmp=$(mktemp -d)
nr=0
failed=0

# test_case NAME FUNCTION
test_case() {
	nr=$((nr + 1))
	if "$2" >"$tmp/output" 2>&1; then
		echo "ok $nr $1"
	else
		sed 's/^/# /' "$tmp/output"
		echo "not ok $nr $1"
		failed=1
	fi
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || {
			echo "in vain: $*"
			return 1
		}
		sleep 0.05
	done
}

# The interface of a port, by its address.
find_if() {
	local dev

	for dev in /sys/class/net/*; do
		if [ "$(cat "$dev/address")" = "02:71:00:00:00:0$(($1 + 1))" ]; then
			basename "$dev"
			return
		fi
	done
	return 1
}

in_a() {
	ip netns exec a "$@"
}

in_b() {
	ip netns exec b "$@"
}

carrier() {
	[ "$("$1" cat "/sys/class/net/$2/carrier" 2>/dev/null)" = "$3" ]
}

ping_b() {
	in_a ping -q -c "${1:-5}" -i 0.02 -W 5 -s "${2:-56}" 198.18.0.2
}

# counter PORT COMMAND KEY
counter() {
	"$ctl" -p "$1" "$2" | sed -n "s/^$3 //p"
}

probe() {
	a=$(find_if 0) && b=$(find_if 1) || return
	[ "$(basename "$(readlink "/sys/class/net/$a/device/driver")")" = i40e ]
}

link_up() {
	ip netns add a && ip netns add b &&
		ip link set "$a" netns a && ip link set "$b" netns b || return
	in_a ip addr add 198.18.0.1/24 dev "$a"
	in_b ip addr add 198.18.0.2/24 dev "$b"
	in_a ip link set "$a" up && in_b ip link set "$b" up || return
	wait_for 20 carrier in_a "$a" 1 && wait_for 20 carrier in_b "$b" 1
}

ping_works() {
	ping_b 20 && ping_b 5 1400
}

# TSO and checksums, both ways; the receiving end checks its contents.
tcp() {
	head -c 2000000 /dev/urandom >"$tmp/sent"
	# Its standard input has no end: it waits for that of the other side.
	mkfifo "$tmp/hold"
	in_b busybox nc -l -p 7000 <>"$tmp/hold" >"$tmp/got" &
	server=$!
	wait_for 10 in_b sh -c 'ss -Htln | grep -q :7000' || return
	in_a busybox nc 198.18.0.2 7000 <"$tmp/sent" || return
	wait "$server"
	cmp "$tmp/sent" "$tmp/got" || return
	[ "$(counter 0 sink bad_csum)" = 0 ] && [ "$(counter 1 sink bad_csum)" = 0 ]
}

ring_sizes() {
	in_a ethtool -G "$a" rx 1024 tx 256 && in_b ethtool -G "$b" rx 256 tx 1024 ||
		return
	wait_for 20 carrier in_a "$a" 1 && wait_for 20 carrier in_b "$b" 1 && ping_b &&
		"$ctl" -p 0 queues | grep -q '^rx0 enabled 1 .* len 1024 ' &&
		in_a ethtool -G "$a" rx 512 tx 512 && in_b ethtool -G "$b" rx 512 tx 512
}

mtu() {
	in_a ip link set "$a" mtu 9000 && in_b ip link set "$b" mtu 9000 || return
	wait_for 20 carrier in_a "$a" 1 && wait_for 20 carrier in_b "$b" 1 &&
		ping_b 5 8000 || return
	in_a ip link set "$a" mtu 1500 && in_b ip link set "$b" mtu 1500 &&
		wait_for 20 carrier in_a "$a" 1 && wait_for 20 carrier in_b "$b" 1 && ping_b
}

vlan() {
	in_a ip link add link "$a" name v5 type vlan id 5 &&
		in_b ip link add link "$b" name v5 type vlan id 5 || return
	in_a ip addr add 198.19.0.1/24 dev v5 && in_b ip addr add 198.19.0.2/24 dev v5
	in_a ip link set v5 up && in_b ip link set v5 up || return
	in_a ping -q -c 5 -i 0.02 -W 5 198.19.0.2 &&
		in_a ethtool -K "$a" rxvlan off txvlan off &&
		in_a ping -q -c 5 -i 0.02 -W 5 198.19.0.2 &&
		in_a ethtool -K "$a" rxvlan on txvlan on &&
		in_a ip link del v5 && in_b ip link del v5
}

flow_director() {
	local before

	in_b ethtool -N "$b" flow-type udp4 src-ip 198.18.0.1 dst-ip 198.18.0.2 \
		src-port 4000 dst-port 5000 action -1 loc 10 || return
	wait_for 5 "$ctl" -p 1 wait 0 fd_filters 1 stats || return
	before=$(counter 1 stats rx_fd_dropped)
	"$ctl" -p 1 gen 100 sport=4000 dport=5000 &&
		"$ctl" -p 1 wait 10 running 0 gen || return
	[ "$(counter 1 stats rx_fd_dropped)" = $((before + 100)) ] || return
	in_b ethtool -N "$b" delete 10 &&
		wait_for 5 "$ctl" -p 1 wait 0 fd_filters 0 stats
}

statistics() {
	local before after

	before=$(in_a ethtool -S "$a" | sed -n 's/^ *port.rx_unicast: //p')
	"$ctl" -p 0 gen 1000 size=200 && "$ctl" -p 0 wait 10 sent 1000 gen || return
	# The driver looks once a second.
	rx_counted() {
		after=$(in_a ethtool -S "$a" | sed -n 's/^ *port.rx_unicast: //p')
		[ "$after" -ge $((before + 1000)) ]
	}
	wait_for 10 rx_counted
}

link_flap() {
	"$ctl" -p 0 link down >/dev/null && wait_for 10 carrier in_a "$a" 0 &&
		wait_for 10 carrier in_b "$b" 0 || return
	"$ctl" -p 0 link up >/dev/null && wait_for 10 carrier in_a "$a" 1 &&
		wait_for 10 carrier in_b "$b" 1 && ping_b
}

# reset HOW...: does it, and waits until the driver is through.
reset() {
	local before

	before=$(counter 0 status resets)
	"$@" || return
	more_resets() {
		[ "$(counter 0 status resets)" -gt "$before" ]
	}
	wait_for 30 more_resets && wait_for 30 carrier in_a "$a" 1 && wait_for 30 ping_b 1
}

by_debugfs() {
	local dir

	dir=/sys/kernel/debug/i40e/$(basename "$(in_a readlink "/sys/class/net/$a/device")")
	echo "$1" >"$dir/command"
}

pf_reset() {
	reset by_debugfs pfr
}

core_reset() {
	reset by_debugfs corer
}

reset_event() {
	reset "$ctl" -p 0 reset global
}

# The watchdog of the stack looks at queues that are full, and the driver at none: a
# port that hangs is found out when there is more to send than it has room for.
fill_up() {
	in_a bash -c 'for i in {1..100}; do echo >/dev/udp/198.18.0.2/9; done'
}

# with_short_ring COMMAND...: with one that is full soon
with_short_ring() {
	local status=0

	in_a ethtool -G "$a" tx 64 && wait_for 20 carrier in_a "$a" 1 &&
		wait_for 20 ping_b 1 || return
	"$@" || status=1
	in_a ethtool -G "$a" tx 512 && wait_for 20 carrier in_a "$a" 1 || return
	return "$status"
}

hang() {
	"$ctl" -p 0 hang 0 && reset fill_up
}

tx_hang() {
	with_short_ring hang
}

# The driver clears it, and does nothing else; what the device does then, with a
# queue that sends such things, is to stop it.
mdd_events() {
	"$ctl" -p 0 mdd rx 0 && "$ctl" -p 0 wait 10 mdd 0 status || return
	"$ctl" -p 0 mdd tx 0 && "$ctl" -p 0 wait 10 mdd 0 status && reset fill_up
}

mdd_event() {
	with_short_ring mdd_events
}

aq_errors() {
	"$ctl" -p 0 fault aq-error 1 5 0x0607 && "$ctl" -p 0 link flap &&
		wait_for 20 carrier in_a "$a" 1 && ping_b &&
		[ "$(counter 0 fault aq-error)" = 0 ]
}

pci_address() {
	basename "$("$1" readlink "/sys/class/net/$2/device")"
}

unbind_bind() {
	local dev=/sys/bus/pci/drivers/i40e addr

	addr=$(pci_address in_a "$a")
	echo "$addr" >"$dev/unbind" || return
	in_a test ! -e "/sys/class/net/$a" || return
	echo "$addr" >"$dev/bind" || return
	a=$(find_if 0) && ip link set "$a" netns a &&
		in_a ip addr add 198.18.0.1/24 dev "$a" && in_a ip link set "$a" up &&
		wait_for 20 carrier in_a "$a" 1 && ping_b
}

# with_program MODE PACKETS GEN-OPTION...: the program, and packets for it
with_program() {
	local mode=$1 packets=$2 pid

	shift 2
	rm -f "$tmp/xsk"
	in_a "$xsk" "$mode" "$a" "$packets" >"$tmp/xsk" 2>&1 &
	pid=$!
	wait_for 20 grep -qs ready "$tmp/xsk" || {
		cat "$tmp/xsk"
		return 1
	}
	# The driver tells the device of its filters some time after a reset, and
	# until then the device hears nothing.
	"$ctl" -p 0 wait 20 receives 1 status || return
	"$ctl" -p 0 gen "$packets" "$@"
	wait "$pid"
	pid=$?
	cat "$tmp/xsk"
	"$ctl" -p 0 gen
	return "$pid"
}

xdp_drop() {
	with_program drop 100000 size=64
}

zc_rx() {
	with_program rx 30000 size=64-1500
}

# What the port sends is for the sink, not for the other port.
with_sink() {
	local status=0

	"$ctl" -p 0 wire sink && "$ctl" -p 0 sink reset || return
	"$@" || status=1
	"$ctl" -p 0 sink
	"$ctl" -p 0 wire peer
	return "$status"
}

good_in_sink() {
	"$ctl" -p 0 wait 5 good "$1" sink && "$ctl" -p 0 wait 0 bad 0 sink &&
		"$ctl" -p 0 wait 0 dup 0 sink && "$ctl" -p 0 wait 0 bad_csum 0 sink
}

forward() {
	with_program fwd 30000 size=60-1514 && good_in_sink 30000
}

send() {
	in_a "$xsk" tx "$a" 30000 1500 && good_in_sink 30000
}

zc_tx() {
	with_sink send
}

zc_fwd() {
	with_sink forward
}

after_all() {
	wait_for 20 carrier in_a "$a" 1 && wait_for 20 ping_b 5
}

# unfinished RING COMMAND...: the queue stops as half of its descriptors are those of a
# packet whose end has not come. No packet after that is taken for the rest of it.
unfinished() {
	local before n=$(($1 / 2))

	shift
	"$ctl" -p 0 wait 20 receives 1 status &&
		"$ctl" -p 0 fault rx-truncated "$n" &&
		"$ctl" -p 0 gen "$n" proto=raw size=500 &&
		"$ctl" -p 0 wait 10 running 0 gen &&
		"$ctl" -p 0 wait 0 rx-truncated 0 fault || return
	"$@" && wait_for 20 carrier in_a "$a" 1 && wait_for 20 carrier in_b "$b" 1 &&
		"$ctl" -p 0 wait 20 receives 1 status || return
	before=$(no_ports)
	"$ctl" -p 0 gen 100 saddr=198.18.0.2 daddr=198.18.0.1 dport=7 size=500 ||
		return
	all_came() {
		[ "$(no_ports)" = $((before + 100)) ]
	}
	wait_for 10 all_came || {
		echo "$(($(no_ports) - before)) of 100 packets have come"
		return 1
	}
}

# UDP packets that had nowhere to go
no_ports() {
	in_a cat /proc/net/snmp | awk '/^Udp:/ { n = $3 } END { print n }'
}

free_pages() {
	sync
	awk '/^nr_free_pages / { print $2 }' /proc/vmstat
}

down_up() {
	in_a ip link set "$a" down && in_a ip link set "$a" up
}

resize() {
	in_a ethtool -G "$a" rx "$1"
}

# The only one of them that leaves the ring where it is
resize_mtu() {
	in_a ip link set "$a" mtu "$1"
}

# Its buffers are given back, too: a page each. They are more than the kernel keeps for
# itself, free but not counted.
rx_unfinished() {
	local ring=4096 rounds=8 before lost i

	unfinished 512 resize "$ring" && unfinished "$ring" resize_mtu 1400 &&
		unfinished "$ring" down_up || return
	before=$(free_pages)
	for ((i = 0; i < rounds; i++)); do
		unfinished "$ring" down_up || return
	done
	lost=$((before - $(free_pages)))
	echo "$lost of $((rounds * ring / 2)) pages are gone"
	[ "$lost" -lt $((rounds * ring / 4)) ] || return
	unfinished "$ring" resize 512
}

# lab/boot shows what it is.
nothing_wrong() {
	local port bad=0

	for port in 0 1; do
		"$ctl" -p "$port" wait 0 violations 0 status || bad=1
		"$ctl" -p "$port" wait 0 unmodelled 0 status || bad=1
	done
	return "$bad"
}

removal() {
	local addr

	addr=$(pci_address in_b "$b")
	"$ctl" -p 1 remove || return
	echo 1 >"/sys/bus/pci/devices/$addr/remove" || return
	in_b test ! -e "/sys/class/net/$b"
}

# What a NIC is for, and what goes wrong.
basic=(
	"probe" probe
	"link up" link_up
	"ping between two ports" ping_works
	"TCP with checksum offload and TSO" tcp
	"ethtool -G" ring_sizes
	"MTU of 9000" mtu
	"VLAN: filter, insertion, stripping" vlan
	"flow director: drop" flow_director
	"statistics" statistics
	"XDP_DROP of 100000 packets" xdp_drop
	"nothing is unknown to the model, nothing wrong" nothing_wrong
)
more=(
	"AF_XDP zero copy: receive 30000" zc_rx
	"AF_XDP zero copy: send 30000" zc_tx
	"AF_XDP zero copy: forward 30000" zc_fwd
	"ping still works" after_all
	"unbind and bind" unbind_bind
	"PF reset" pf_reset
	"core reset" core_reset
	"link flap" link_flap
	"global reset, told by an interrupt" reset_event
	"malicious driver detection" mdd_event
	"TX hang" tx_hang
	"an error of the admin queue" aq_errors
	"nothing wrong after the faults" nothing_wrong
	"surprise removal" removal
)
fixed=(
	"a packet has begun when its queue stops" rx_unfinished
	"nothing wrong after that" nothing_wrong
)
case ${1:-all} in
basic)
	tests=("${basic[@]}")
	;;
all)
	tests=("${basic[@]}" "${more[@]}")
	;;
fixed)
	tests=("${basic[@]:0:4}" "${fixed[@]}")
	;;
*)
	echo "basic, all or fixed?" >&2
	exit 2
	;;
esac

echo "KTAP version 1"
echo "1..$((${#tests[@]} / 2))"
for ((i = 0; i < ${#tests[@]}; i += 2)); do
	test_case "${tests[i]}" "${tests[i + 1]}"
done
rm -rf "$tmp"
exit "$failed"
