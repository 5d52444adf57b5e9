# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by the scripts in lab/. Source it after "set -euo pipefail".
#
# Gives: $LAB_ROOT (the checkout), $LAB_CACHE, lab_msg, lab_die, need,
# lab_lock, lab_unlock, lab_tmpdir, lab_step, lab_tree, lab_base_version,
# lab_overlay_files, lab_planted, lab_hash, lab_usage, lab_unpacked.

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LAB_CACHE=${TPACKET4_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tpacket4}
mkdir -p "$LAB_CACHE/locks" "$LAB_CACHE/logs"
LAB_CACHE=$(cd "$LAB_CACHE" && pwd -P)
case $LAB_CACHE in
*[[:space:]:]*)
	echo "lab: kbuild cannot work below '$LAB_CACHE': set TPACKET4_CACHE to a path without spaces and colons" >&2
	exit 2
	;;
esac

LAB_SOURCE_PACKAGE=linux-source-6.12
LAB_SOURCE_TARBALL=/usr/src/linux-source-6.12.tar.xz

# The folders of the checkout whose files are files of the kernel tree.
LAB_OVERLAY_DIRS=(Documentation arch drivers include kernel lib net samples
		  tools)

lab_msg() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

lab_die() {
	lab_msg "error: $*"
	exit 1
}

# The comment block at the head of a script is its manual.
lab_usage() {
	sed -n '/^# Usage:/,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# What a wrong command line gets: the reason and where to read on.
lab_bad_usage() {
	lab_msg "$* (see ${0##*/} --help)"
	exit 2
}

# ---- temporary files -----------------------------------------------------

LAB_TMPDIRS=()

lab_cleanup() {
	local dir

	for dir in "${LAB_TMPDIRS[@]}"; do
		rm -rf "$dir"
	done
}

# lab_tmpdir VAR [PARENT]: a directory that goes away with the script. It sets
# a variable, as a subshell could not register it.
lab_tmpdir() {
	local dir

	dir=$(mktemp -d -p "${2:-${TMPDIR:-/tmp}}" tpacket4.XXXXXX)
	LAB_TMPDIRS+=("$dir")
	trap lab_cleanup EXIT
	printf -v "$1" '%s' "$dir"
}

# ---- checkpatch.pl -------------------------------------------------------

# lab_checkpatch COMMAND...: runs checkpatch.pl and prints what it finds, less what
# it says of trace headers because it takes their macros for functions: none of the
# kernel's is laid out as it asks. Fails only if COMMAND fails without a finding.
lab_checkpatch() {
	local output status=0

	output=$("$@" 2>&1) || status=$?
	[ -n "$output" ] || return "$status"
	grep -vE '^include/trace/.* CHECK:(OPEN_ENDED_LINE|PARENTHESIS_ALIGNMENT):' \
		<<<"$output" || true
}

# ---- locks ---------------------------------------------------------------

declare -A LAB_LOCKS=()

# lab_lock NAME: waits for other scripts of the lab that hold the same lock.
# The kernel drops it when the last process that inherited it ends, so a
# compiler that outlives an interrupted script still keeps others away. What a
# script holds, the scripts that it calls hold as well ($LAB_HELD).
lab_lock() {
	local fd

	case " ${LAB_HELD:-} " in
	*" $1 "*)
		return 0
		;;
	esac
	exec {fd}>"$LAB_CACHE/locks/$1"
	if ! flock -n "$fd"; then
		lab_msg "waiting for another run that uses '$1'"
		flock "$fd"
	fi
	LAB_LOCKS[$1]=$fd
	export LAB_HELD="${LAB_HELD:-} $1"
}

lab_unlock() {
	local fd=${LAB_LOCKS[$1]:-}

	[ -n "$fd" ] || return 0
	exec {fd}>&-
	unset "LAB_LOCKS[$1]"
	LAB_HELD=" $LAB_HELD "
	LAB_HELD=${LAB_HELD/ $1 / }
}

# ---- Debian packages -----------------------------------------------------

lab_root_do() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		lab_die "root is needed for: $* (install sudo, or run this as root)"
	fi
}

lab_apt() {
	lab_root_do env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" >&2
}

# need PACKAGE...: installs those that are missing, and says so.
need() {
	local -a missing=()
	local package

	for package in "$@"; do
		[ "$(dpkg-query -Wf '${db:Status-Status}' "$package" \
			2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	command -v apt-get >/dev/null ||
		lab_die "please install what Debian calls: ${missing[*]}"
	lab_msg "installing the Debian packages ${missing[*]}"
	if ! lab_apt install --no-install-recommends "${missing[@]}" \
	     2>"$LAB_CACHE/logs/apt.log"; then
		lab_msg "fetching the list of packages first"
		lab_apt update ||
			lab_die "apt-get update failed: are the package sources reachable?"
		lab_apt install --no-install-recommends "${missing[@]}" ||
			lab_die "could not install ${missing[*]}"
	fi
}

# lab_unpacked ARRAY ROOT PROGRAM: sets ARRAY to the words that start a program of a
# folder of lab/unpack, with the libraries that are there.
lab_unpacked() {
	local -n command_words=$1
	local libs=$2/usr/lib/x86_64-linux-gnu

	# shellcheck disable=SC2034 # the caller's
	command_words=("$libs/ld-linux-x86-64.so.2" --library-path "$libs:$2/usr/lib"
		       "$2/usr/bin/$3")
}

# ---- hashes --------------------------------------------------------------

# lab_hash: the hash of what comes in.
lab_hash() {
	sha256sum | cut -c1-32
}

# lab_pack DIR: an archive for an initramfs, the same bytes for the same files: the
# time at which a kernel has unpacked it decides what else happens at that time.
lab_pack() {
	find "$1" -mindepth 1 -exec touch -h -d @0 -- {} +
	(cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
		cpio --quiet --reproducible -o0 -H newc -R 0:0)
}

# lab_hash_files DIR: names on stdin (NUL between them), one hash over names,
# modes and contents.
lab_hash_files() {
	(
		cd "$1" || exit
		xargs -0r sh -c 'stat -c "%a %n" -- "$@" &&
				 sha256sum -- "$@"' sh
	) | lab_hash
}

# ---- progress ------------------------------------------------------------

# lab_step [-c PATTERN] LABEL LOG COMMAND...: runs COMMAND with its output in
# LOG and tells how it goes: one line rewritten on a terminal, a line each 15
# seconds elsewhere. With -c, lines of LOG that match PATTERN are counted.
# When COMMAND fails, the end of LOG is shown.
lab_step() {
	local pattern='' label log start pid status last=0 now text count

	if [ "$1" = -c ]; then
		pattern=$2
		shift 2
	fi
	label=$1 log=$2
	shift 2
	start=$SECONDS
	mkdir -p "$(dirname "$log")"
	# In a process group of its own, to be ended with all its children.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064 # this very pid
	trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		now=$((SECONDS - start))
		text="$label, $now s"
		if [ -n "$pattern" ]; then
			count=$(grep -cE -- "$pattern" "$log" || true)
			text="$label, $count files, $now s"
		fi
		if [ -t 2 ]; then
			printf '\r\033[K%s: %s' "${0##*/}" "$text" >&2
		elif [ $((now - last)) -ge 15 ]; then
			last=$now
			lab_msg "$text"
		fi
		sleep 0.2
	done
	[ ! -t 2 ] || printf '\r\033[K' >&2
	status=0
	wait "$pid" || status=$?
	trap - INT TERM
	if [ "$status" -ne 0 ]; then
		grep -nE '(error|Error|undefined reference)' "$log" |
			head -n 20 >&2 || true
		echo "..." >&2
		tail -n 25 "$log" >&2
		lab_msg "error: $label failed; all of its output is in $log"
		return "$status"
	fi
	lab_msg "$label: done in $((SECONDS - start)) s"
}

# ---- the kernel source ---------------------------------------------------

# lab_base_version: the version of Debian's kernel source package.
lab_base_version() {
	need "$LAB_SOURCE_PACKAGE" >&2
	# shellcheck disable=SC2016 # for dpkg-query
	dpkg-query -Wf '${Version}' "$LAB_SOURCE_PACKAGE"
}

lab_extract() {
	local tree=$1 tmp

	[ -e "$LAB_SOURCE_TARBALL" ] ||
		lab_die "$LAB_SOURCE_PACKAGE is installed, but $LAB_SOURCE_TARBALL is not there: reinstall it"
	rm -rf "$LAB_CACHE"/extract.*
	tmp=$LAB_CACHE/extract.$$
	mkdir "$tmp"
	lab_step "extracting $LAB_SOURCE_TARBALL" "$LAB_CACHE/logs/extract.log" \
		tar -C "$tmp" --strip-components=1 -xf "$LAB_SOURCE_TARBALL" ||
		exit
	touch "$tmp/.tpacket4-complete"
	mv -T "$tmp" "$tree"
}

lab_copy_tree() {
	local from=$1 to=$2 tmp

	tmp=$to.copy.$$
	rm -rf "$to" "$to".copy.*
	mkdir "$tmp"
	find "$from" -mindepth 1 -maxdepth 1 ! -name 'build-*' \
		! -name .tpacket4-complete -print0 >"$tmp.list"
	lab_step "copying the kernel source" "$LAB_CACHE/logs/copy.log" \
		xargs -0a "$tmp.list" cp -a --reflink=auto -t "$tmp" || exit
	rm -f "$tmp.list"
	touch "$tmp/.tpacket4-complete"
	mv -T "$tmp" "$to"
}

# lab_tree NAME: prints the path of a kernel tree, which it makes first if it is
# not there yet. "stock" is never changed; the others ("v4" is where lab/overlay
# goes when not told otherwise) are for the overlay. Build folders belong directly
# into a tree: kbuild then uses paths relative to it, and one compiler cache serves
# all trees. It is called in command substitutions, where errexit is off: each
# step that can fail says exit.
lab_tree() {
	local version tree

	version=$(lab_base_version) || exit
	version=${version//[^a-zA-Z0-9.+-]/_}
	tree=$LAB_CACHE/linux-$version
	if [ ! -e "$tree-$1/.tpacket4-complete" ]; then
		lab_lock source
		[ -e "$tree-stock/.tpacket4-complete" ] ||
			lab_extract "$tree-stock" >&2
		if [ "$1" != stock ] &&
		   [ ! -e "$tree-$1/.tpacket4-complete" ]; then
			lab_copy_tree "$tree-stock" "$tree-$1" >&2
		fi
		lab_unlock source
	fi
	echo "$tree-$1"
}

# lab_tree_lock TREE: for who changes TREE, or needs it unchanged.
lab_tree_lock() {
	lab_lock "tree-${1//\//%}"
}

# lab_overlay_files: the overlay's files in the checkout, NUL after each.
lab_overlay_files() {
	local root=$LAB_ROOT path
	local -a dirs=()

	for path in "${LAB_OVERLAY_DIRS[@]}"; do
		[ ! -d "$root/$path" ] || dirs+=("$path")
	done
	if [ -e "$root/.git" ]; then
		git -c safe.directory="$root" -C "$root" ls-files -z \
			-co --exclude-standard -- "${dirs[@]}" \
			':(glob)*.patch'
	else
		(
			cd "$root" || exit
			find . -maxdepth 1 -name '*.patch' -printf '%P\0'
			[ ${#dirs[@]} -eq 0 ] ||
				find "${dirs[@]}" -type f -print0
		)
	fi | LC_ALL=C sort -zu | while IFS= read -rd '' path; do
		# Listed by git, but deleted by its owner.
		[ ! -e "$root/$path" ] || printf '%s\0' "$path"
	done
}

# lab_planted DIR PATCH...: a copy of the checkout with mistakes in it
lab_planted() {
	local copy=$1 path patch

	shift
	mkdir "$copy"
	while IFS= read -rd '' path; do
		# Listed by git, but deleted by its owner.
		[ ! -e "$LAB_ROOT/$path" ] || printf '%s\0' "$path"
	done < <(git -c safe.directory="$LAB_ROOT" -C "$LAB_ROOT" ls-files \
		 -z -co --exclude-standard) |
		tar -C "$LAB_ROOT" --null -T - -cf - | tar -C "$copy" -xf - || return
	for patch; do
		patch -s -d "$copy" -p1 --fuzz=0 --no-backup-if-mismatch \
			<"$patch" || return
	done
}

# ---- kbuild --------------------------------------------------------------

# lab_make ARCH TREE BUILD ARGUMENT...: make with what makes builds repeatable
# and cached.
lab_make() {
	local arch=$1 tree=$2 build=$3

	shift 3
	CCACHE_DIR=$LAB_CACHE/ccache CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=6G \
	CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime \
	CCACHE_COMPILERCHECK=content \
	make -C "$tree" -j "$(nproc)" O="$build" ARCH="$arch" \
		CC="ccache gcc" HOSTCC="ccache gcc" \
		KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=lab \
		KBUILD_BUILD_HOST=lab KBUILD_BUILD_VERSION=1 "$@"
}

# What a kernel build needs.
lab_need_build() {
	need gcc libc6-dev make bc bison flex ccache libelf-dev patch \
		"$LAB_SOURCE_PACKAGE"
}
