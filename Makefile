# SPDX-License-Identifier: GPL-2.0
#
# The commands that a person runs; `make help` lists them. Kbuild describes the module to the
# kernel's build.

HEADERS = $(or $(KDIR),/lib/modules/$(shell uname -r)/build)
METADATA = scripts/rust-metadata/rust-metadata
# The headers, or the build folder that `make metadata` made for them. make searches it at the first
# use and keeps the result.
BUILD = $(eval BUILD := $(or $(shell RUSTC="$(RUSTC)" $(METADATA) --print $(HEADERS) 2>/dev/null),$(HEADERS)))$(BUILD)

# clang must build the modules of a kernel that clang built.
LLVM ?= $(if $(shell grep -sx CONFIG_CC_IS_CLANG=y $(HEADERS)/include/config/auto.conf),1)
KBUILD = $(MAKE) -C $(BUILD) M=$(CURDIR) $(if $(LLVM),LLVM=$(LLVM)) $(if $(RUSTC),RUSTC="$(RUSTC)")
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)
# DESTDIR is a folder of the caller.
ROOT = $(if $(DESTDIR),,$(SUDO))

# The lab's scripts read these from the environment. make must not expand the dollars of CMD.
override CMD := $(value CMD)
export CMD FILES KERNEL CONFIG MACHINE LLVM RUSTC
# The scripts run other makes, which must not inherit our flags and variables.
LAB = @env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL -u LLVM -u RUSTC

.PHONY: all metadata load unload install clean deb vm demo user-demo test test-packages torture soak bench \
	forwarder lint fuzz litmus codegen upstream mutants web help

all:
	@scripts/check-kernel $(KDIR)
	+$(KBUILD) modules

metadata:
	$(LAB) RUSTC="$(RUSTC)" $(METADATA) $(KDIR)

load: all
	@grep -qs '^rust_rcu_demo ' /proc/modules || $(SUDO) insmod rust_rcu_demo.ko
	@echo 'The module is loaded. As root:'
	@echo '  echo add 10.0.0.0/8 via 10.0.0.1 >/dev/rust_rcu_demo'
	@echo '  cat /dev/rust_rcu_demo'
	@echo 'To unload it: make unload'

unload:
	@! grep -qs '^rust_rcu_demo ' /proc/modules || $(SUDO) rmmod rust_rcu_demo

include scripts/install.mk

clean:
	rm -rf $(OUT)
	+@[ ! -e $(BUILD)/Makefile ] || $(KBUILD) clean

deb:
	$(LAB) scripts/deb

vm:
	$(LAB) scripts/vm

demo user-demo test bench forwarder lint web:
	$(LAB) scripts/$@

torture:
	$(LAB) scripts/torture $(if $(HOURS),--hours $(HOURS)) $(SCENARIO)

soak fuzz:
	$(LAB) scripts/$@ $(if $(TIME),--time $(TIME))

litmus mutants:
	$(LAB) scripts/$@ $(NAMES)

test-packages:
	$(LAB) tests/packages/run

upstream:
	$(LAB) scripts/upstream/upstream

codegen:
	$(LAB) tests/codegen/run
	$(LAB) tests/codegen/lookup

help:
	@echo 'In a virtual machine, with a kernel that the lab builds:'
	@echo '  make demo      demonstrates the module, its device and its tool'
	@echo '  make user-demo shows readers in user space while an updater replaces the route table'
	@echo '  make test      runs all tests; the last line counts them'
	@echo '  make test-packages  installs the packages and the kernel of Debian in a fresh Debian, and boots it'
	@echo '  make torture   tortures RCU and the table in many kernels and on many CPUs; SCENARIO=TREE01 chooses,'
	@echo '                 HOURS=1 is the duration of each'
	@echo '  make soak      runs torture, churn and random sequences for TIME=300 seconds each'
	@echo '  make bench     measures the table and RCU beside their alternatives; writes JSON and plots'
	@echo '  make forwarder measures XDP programs that forward by the table, the FIB and a BPF map'
	@echo '  make fuzz      feeds random input to the module for TIME=60 seconds'
	@echo '  make litmus    checks the memory orderings in the model of the kernel, if herd7 is installed'
	@echo '  make codegen   compares the machine code of the RCU library with that of C'
	@echo '  make upstream  lays the library out as patches for Linux 7.3, builds and tests the patched kernel'
	@echo '  make mutants   breaks the sources on purpose, each time in one place; a check must notice'
	@echo '  make lint      checks formats, lints and licences'
	@echo '  make web       writes one web page that explains kernel logs without a server; prints its path'
	@echo '  make vm        starts a shell in the guest; exit ends it'
	@echo "  make -s vm CMD='uname -r' [FILES='a b']"
	@echo '                 runs one command in the guest, with copies of FILES in /root'
	@echo
	@echo 'For your own kernel:'
	@echo '  make           builds the module for the running kernel, or prints why it cannot'
	@echo '  make metadata  makes the Rust metadata that the headers of Debian and others lack'
	@echo '  make load      builds and loads it; make unload unloads it'
	@echo '  make install   builds and installs the module, rcuctl, its man pages and a udev rule; DESTDIR= and'
	@echo '                 prefix= are those of GNU'
	@echo '  make install-module, make install-tools, make install-files'
	@echo '                 each do a part of it'
	@echo '  make tools     builds rcuctl, its man pages and its completions'
	@echo '  make uninstall removes what make install installed'
	@echo '  make deb       builds Debian packages: the module for dkms, and rcuctl'
	@echo '  make clean     removes the files that were built here'
	@echo
	@echo 'Variables:'
	@echo '  KDIR=FOLDER    the build folder of your kernel; RUSTC= and LLVM= choose its compilers'
	@echo '  MACHINE=qemu|qemu-arm64|uml KERNEL=6.18|6.19|7.3|/source CONFIG=debug|perf|none'
	@echo '                 the virtual machine; see scripts/vm --help'
	@echo '  KERNEL=debian-6.18|debian-7.3|debian-7.3-rt|debian-7.3-cloud'
	@echo '                 an unmodified kernel of Debian in the virtual machine'
	@echo '  LAB_DIR=FOLDER the folder of everything downloaded or built, default ~/.cache/rust_rcu_demo'
