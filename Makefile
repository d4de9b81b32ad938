# SPDX-License-Identifier: GPL-2.0
#
# What to build for Kbuild is in Kbuild. This is for people: `make help`.

KDIR ?= /lib/modules/$(shell uname -r)/build

# A kernel built by clang wants its modules built by clang.
LLVM ?= $(if $(shell grep -sx CONFIG_CC_IS_CLANG=y $(KDIR)/include/config/auto.conf),1)
KBUILD = $(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(LLVM),LLVM=$(LLVM)) $(if $(RUSTC),RUSTC="$(RUSTC)")
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)

# The lab's scripts take these by environment. CMD goes as it was typed: its dollars are the guest's.
override CMD := $(value CMD)
export CMD FILES KERNEL CONFIG MACHINE LLVM RUSTC
# They run makes of their own, which are not to inherit our flags and variables.
LAB = @env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL -u LLVM -u RUSTC

.PHONY: all load unload install clean vm demo test bench lint fuzz codegen help

all:
	@scripts/check-kernel $(if $(filter file,$(origin KDIR)),,$(KDIR))
	+$(KBUILD) modules

load: all
	@grep -qs '^rust_rcu_demo ' /proc/modules || $(SUDO) insmod rust_rcu_demo.ko
	@echo 'Loaded. Try, as root:'
	@echo '  echo add 10.0.0.0/8 via 10.0.0.1 >/dev/rust_rcu_demo'
	@echo '  cat /dev/rust_rcu_demo'
	@echo 'and `make unload` when done.'

unload:
	@! grep -qs '^rust_rcu_demo ' /proc/modules || $(SUDO) rmmod rust_rcu_demo

install: all
	+$(SUDO) $(KBUILD) modules_install

clean:
	+@[ ! -e $(KDIR)/Makefile ] || $(KBUILD) clean

vm:
	$(LAB) scripts/vm

demo test bench lint:
	$(LAB) scripts/$@

fuzz:
	$(LAB) scripts/fuzz $(if $(TIME),--time $(TIME))

codegen:
	$(LAB) tests/codegen/run
	$(LAB) tests/codegen/lookup

help:
	@echo 'make demo      builds a kernel, the module and its tool, and shows them at work in a virtual machine'
	@echo 'make test      runs all tests; the last line says how many passed'
	@echo 'make bench     measures the table and RCU beside what one would use instead; tables, JSON and plots'
	@echo 'make fuzz      feeds the module random input for TIME=60 seconds'
	@echo 'make codegen   shows the machine code of the RCU library beside that of C, and that a lookup writes nothing'
	@echo 'make lint      checks form only'
	@echo 'make vm        a shell in the virtual machine; exit ends it'
	@echo "make -s vm CMD='uname -r' [FILES='a b']"
	@echo '               runs one command there, with these files in /root; prints what it prints'
	@echo
	@echo 'make           builds the module for the running kernel, or says why it cannot'
	@echo 'make load      ... and loads it; make unload unloads it'
	@echo 'make install   ... and installs it for modprobe'
	@echo 'make clean     removes what make built here'
	@echo
	@echo 'KDIR=FOLDER    build for the kernel that was built there; RUSTC= and LLVM= choose its compilers'
	@echo 'MACHINE=qemu|uml KERNEL=6.18|6.19|7.3|/source CONFIG=debug|perf|none'
	@echo '               the virtual machine; more in scripts/vm --help'
	@echo 'LAB_DIR=FOLDER where everything downloaded or built is kept, else ~/.cache/rust_rcu_demo'
