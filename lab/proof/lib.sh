# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What runs CBMC and herd7 on the kernel's own files. To be sourced after
# lab/lib.sh.

PROOF_DIR=$LAB_ROOT/lab/proof

# What the machine's own suite of Debian does not have, or only an old one of.
# Sets $cbmc_root or $herd_root; 4: cannot be had.
proof_get_cbmc() {
	need gcc
	cbmc_root=$("$LAB_ROOT/lab/unpack" trixie cbmc minisat zlib1g libc6 \
		libgcc-s1 libstdc++6)
}

proof_get_herd() {
	herd_root=$("$LAB_ROOT/lab/unpack" forky herdtools7 libc6 libgmp10)
}

# proof_run ROOT PROGRAM ARGUMENT...: with the libraries that were fetched with it
proof_run() {
	local -a program

	lab_unpacked program "$1" "$2"
	shift 2
	"${program[@]}" "$@"
}

# proof_extract FILE FUNCTION...: the text of functions of a C file
proof_extract() {
	local file=$1 function

	shift
	for function in "$@"; do
		awk -v name="$function" '
			/^(static |struct |union |u32 |u64 |int |void |bool |size_t |long )/ {
				inside = index($0, name "(") && !/;$/
			}
			inside { print; found = 1 }
			inside && /^}/ { print ""; exit }
			END { exit !found }
		' "$file" || lab_die "$file has no function $function"
	done
}

# proof_lay DIR: the sources, and what stands in for the kernel's headers
proof_lay() {
	local dir=$1 stock header

	stock=$(lab_tree stock)
	mkdir -p "$dir/include/linux" "$dir/shim" "$dir/packet"
	cp "$LAB_ROOT/include/linux/tpacket4.h" "$dir/include/linux/"
	cp "$LAB_ROOT"/net/packet/tp4_*.[ch] "$dir/packet/"
	# Arrays of a size that is known, without which each access would be one to
	# bytes of unknown memory.
	sed -i 's/items\[\] __aligned/items[PROOF_NR] __aligned/' \
		"$dir/include/linux/tpacket4.h"
	# As many turns of two loops would be too much for the solver.
	sed -i 's/^#define TP4_INVALID_MAX.*/#define TP4_INVALID_MAX 1/' \
		"$dir/packet/tp4_array.c"
	# A step that is proved by itself, where it would make another proof long.
	sed -i 's/^\t\ttp4a_add_plain(a);/\t\tproof_step_plain(a);/' \
		"$dir/packet/tp4_array.c"
	patch -s --fuzz=0 -o "$dir/include/linux/if_packet.h" \
		"$stock/include/uapi/linux/if_packet.h" \
		"$LAB_ROOT/include/uapi/linux/if_packet.h.patch"
	cp "$PROOF_DIR/kernel.h" "$PROOF_DIR/internal.h" "$dir/shim/"
	cat "$dir"/include/linux/*.h "$dir"/packet/*.[ch] |
		sed -n 's/^#include <\(.*\)>.*/\1/p' | sort -u |
		while read -r header; do
			[ ! -e "$dir/include/$header" ] || continue
			mkdir -p "$dir/shim/$(dirname "$header")"
			echo '#include "kernel.h"' >"$dir/shim/$header"
		done
}

# What is compiled by itself, as the rest of its file needs too much of the kernel.
proof_extract_all() {
	local dir=$1

	{
		grep -E '^#define TP4_FRAME_(SIZE|NR)_MAX' "$dir/packet/tp4_umem.c"
		proof_extract "$dir/packet/tp4_umem.c" tp4_umem_check
		proof_extract "$dir/packet/tp4_sock.c" tp4_ring_set_headroom \
			tp4_area_size
	} >"$dir/extracted.h"
	proof_extract "$dir/packet/tp4_sock.c" tp4_rings_new \
		>"$dir/extracted-rings.h"
}

# proof_cbmc DIR FILE PROOF [OPTION...]: 0: proved, 10: refuted, else: CBMC
# could not read it. What CBMC says goes to DIR/PROOF.log.
proof_cbmc() {
	local dir=$1 file=$2 proof=$3 unwind=7

	shift 3
	# Loops go round a few times more often than there are slots. If one goes
	# round more often than this, the proof fails.
	case ${1:-} in
	-DPROOF_NR=*)
		unwind=$((${1#*=} + 5))
		;;
	esac
	proof_run "$cbmc_root" cbmc "$PROOF_DIR/$file" --function "$proof" \
		-I "$dir/shim" -I "$dir/include" -I "$dir/packet" -I "$dir" \
		--bounds-check --pointer-check --div-by-zero-check \
		--pointer-overflow-check --undefined-shift-check \
		--no-malloc-may-fail --no-standard-checks \
		--unwind "$unwind" --unwinding-assertions \
		--unwindset ilog2.0:33,tp4a_populate.0:2 \
		--slice-formula "$@" >"$dir/$proof.log" 2>&1
}

# proof_herd FILE: prints herd7's verdict: Never, Sometimes or Always
proof_herd() {
	local model

	model=$(lab_tree stock)/tools/memory-model
	(
		cd "$model" || exit
		proof_run "$herd_root" herd7 \
			-set-libdir "$herd_root/usr/share/herdtools7/herd" \
			-conf linux-kernel.cfg "$1"
	) | sed -n 's/^Observation [^ ]* \([A-Z][a-z]*\) .*/\1/p'
}

# The letters of the barriers in the source, and in the litmus tests: the same,
# and each test has at least one barrier left out in "weakened".
proof_letters() {
	local file source tests=''

	source=$(cd "$LAB_ROOT" && grep -ohE '\([A-Z]\)' net/packet/*.[ch] \
		include/linux/tpacket4.h drivers/net/*.patch | tr -d '()' |
		sort -u | xargs)
	for file in "$PROOF_DIR"/litmus/*.litmus; do
		tests+=$(sed -n 's/^ \* Pair: / /p' "$file")
		grep -q "^$(basename "$file" .litmus) " \
			"$PROOF_DIR/litmus/weakened" || {
			echo "${file##*/}: no barrier is left out"
			return 1
		}
	done
	tests=$(tr ' ' '\n' <<<"$tests" | grep . | sort -u | xargs)
	[ -n "$source" ] && [ "$source" = "$tests" ] && return
	echo "in the source: $source; in the litmus tests: $tests"
	return 1
}

# Functions that have a barrier: "FILE FUNCTION" a line. A comment is none.
proof_barrier_functions() {
	local file

	for file in "$LAB_ROOT"/net/packet/tp4_*.[ch] \
		    "$LAB_ROOT"/net/packet/*.patch; do
		case $file in
		*.patch)
			# The function that a hunk is in stands in its header.
			sed -n -E '/^@@/{s/^@@[^@]*@@ ?//;s/^/@/;p;d};/^ /d;/^-/d;s/^\+//p' \
				"$file"
			;;
		*)
			cat "$file"
			;;
		esac | awk -v file="${file##*/}" '
			/^@/ { if (match($0, /[a-z0-9_]+\(/))
				name = substr($0, RSTART, RLENGTH - 1) }
			/^[a-z_].*\(/ && !/;$/ {
				line = $0
				sub(/\(.*/, "", line)
				sub(/.*[ *]/, "", line)
				name = line
			}
			/^[ \t]*(\/?\*)/ { next }
			/smp_(load_acquire|store_release|mb|rmb|wmb)\(|rcu_assign_pointer\(/ {
				print file, name
			}'
	done | sort -u
}

# Each is named by a litmus test, and each that is named has one, or is the
# other side of one.
proof_functions() {
	local file function functions named status=0

	functions=$(proof_barrier_functions)
	named=$(sed -n 's/^ \* Functions: //p' "$PROOF_DIR"/litmus/*.litmus |
		tr ' ' '\n' | sort -u)
	while read -r file function; do
		grep -qx "$function" <<<"$named" || {
			echo "$file: $function() has a barrier, but no litmus test"
			status=1
		}
	done <<<"$functions"
	for function in $named; do
		grep -q " $function\$" <<<"$functions" || {
			echo "a litmus test names $function(), which has no barrier"
			status=1
		}
	done
	while read -r function; do
		grep -q "$function(" "$LAB_ROOT/samples/tpacket4/tpacket4_user.h" || {
			echo "tpacket4_user.h has no $function()"
			status=1
		}
	done < <(sed -n 's/^ \* User: //p' "$PROOF_DIR"/litmus/*.litmus |
		 sort -u)
	return "$status"
}
