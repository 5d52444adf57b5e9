# SPDX-License-Identifier: GPL-2.0
#
# Every target is a script in lab/, which explains itself with --help.

SUITE ?=
OUT ?=
SOAK_MINUTES ?= 60

.PHONY: help demo test test-long soak bench coverage check series headers kernel

help:
	@echo 'AF_PACKET V4 on Linux 6.12. Needs a Debian 12 or 13 machine and no hardware.'
	@echo
	@echo '  make demo                 V2, V3 and V4 side by side: boots the patched kernel,'
	@echo '                            runs the samples on veth, prints and draws the table'
	@echo '  make test [SUITE=name]    all tests, or one suite (lab/test --list)'
	@echo '  make test-long            those as well that take long'
	@echo '  make soak [SOAK_MINUTES=60]'
	@echo '                            mixed traffic, reconfiguration and hostile neighbours'
	@echo '  make bench [LANE=lane]    what a packet costs with V2, V3, V4 and AF_XDP:'
	@echo '                            tables, drawings, JSON (lab/bench --help)'
	@echo '  make coverage             which lines and branches of the kernel code the tests run'
	@echo '  make check                checkpatch, sparse, W=1, coccicheck, shellcheck ...;'
	@echo '                            prints nothing when all is well'
	@echo '  make series [OUT=folder]  the patches, for git am'
	@echo '  make headers              prints the include path of the V4 kernel headers:'
	@echo '                            cc -I"$$(make -s headers)" prog.c'
	@echo '  make kernel               builds the kernel, prints the path of its image'
	@echo '  lab/boot -- COMMAND       runs COMMAND in the patched kernel (lab/boot --help)'
	@echo
	@echo 'What is worth keeping lies in $${TPACKET4_CACHE:-$${XDG_CACHE_HOME:-~/.cache}/tpacket4}.'
	@echo 'Debian packages that are missing are installed, and named when they are.'

demo:
	@lab/demo

test:
	@lab/test $(SUITE)

test-long:
	@lab/test --long $(SUITE)

soak:
	@lab/soak --minutes '$(SOAK_MINUTES)'

bench:
	@lab/bench

coverage:
	@lab/coverage

check:
	@lab/check

series:
	@lab/series $(if $(OUT),--out '$(OUT)')

headers:
	@lab/headers

kernel:
	@lab/kernel
