# SPDX-License-Identifier: GPL-2.0
#
# `make install` and `make uninstall`, with the variables of the GNU coding standards. The Makefile
# includes this file.

prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
datarootdir ?= $(prefix)/share
mandir ?= $(datarootdir)/man
docdir ?= $(datarootdir)/doc/rust_rcu_demo
bashcompletiondir ?= $(datarootdir)/bash-completion/completions
zshcompletiondir ?= $(datarootdir)/zsh/site-functions
fishcompletiondir ?= $(datarootdir)/fish/vendor_completions.d
udevrulesdir ?= $(prefix)/lib/udev/rules.d

INSTALL ?= install
INSTALL_PROGRAM ?= $(INSTALL)
INSTALL_DATA ?= $(INSTALL) -m 644

# The folder of what `make tools` builds.
OUT ?= out

CARGO ?= cargo
# Outside of this folder, where the kernel's `make clean` deletes files by suffix.
CARGO_TARGET_DIR ?= $(or $(LAB_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rust_rcu_demo)/target/make
# The C library is a part of the program, which therefore runs on every distribution.
RCUCTL_RUSTFLAGS ?= -C target-feature=+crt-static
RUST_TARGET ?= $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')

RELEASE = $(shell cat $(HEADERS)/include/config/kernel.release 2>/dev/null)
# Kconfig quotes strings in some versions.
SIG_HASH = $(shell sed -n 's/^CONFIG_MODULE_SIG_HASH="*\([^"]*\)"*$$/\1/p' $(HEADERS)/include/config/auto.conf)
MODULE_FILE = $(DESTDIR)$(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/$(or $(INSTALL_MOD_DIR),updates)/rust_rcu_demo.ko

# rcuctl contains pages of docs/stalls, and the words and messages of the device.
$(OUT)/rcuctl: Cargo.lock $(shell find Cargo.toml tools docs/stalls device rcu_table -type f)
	@command -v $(CARGO) >/dev/null || { \
		echo "found no '$(CARGO)', which builds rcuctl. Install it: apt install cargo"; \
		echo 'To install the module alone: make install-module install-files'; exit 1; }
	env -u RUSTC CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)" RUSTFLAGS="$(RCUCTL_RUSTFLAGS)" \
		$(CARGO) build --locked --release --target $(RUST_TARGET) --bin rcuctl
	rm -rf $(OUT)
	mkdir -p $(OUT)/completions
	$(INSTALL_PROGRAM) "$(CARGO_TARGET_DIR)/$(RUST_TARGET)/release/rcuctl" $(OUT)/rcuctl.new
	$(OUT)/rcuctl.new man-pages $(OUT)/man
	$(OUT)/rcuctl.new completion bash >$(OUT)/completions/rcuctl
	$(OUT)/rcuctl.new completion zsh >$(OUT)/completions/_rcuctl
	$(OUT)/rcuctl.new completion fish >$(OUT)/completions/rcuctl.fish
	mv $(OUT)/rcuctl.new $(OUT)/rcuctl

.PHONY: tools install-module install-tools install-files uninstall

tools: $(OUT)/rcuctl

install: install-module install-tools install-files

# modules_install signs with the kernel's own key, which exists only where the kernel was built. It runs
# depmod only where the build folder has a System.map.
install-module: all
ifdef MODULE_SIG_KEY
	$(HEADERS)/scripts/sign-file $(SIG_HASH) "$(MODULE_SIG_KEY)" "$(MODULE_SIG_CERT)" rust_rcu_demo.ko
endif
	+$(ROOT) $(KBUILD) $(if $(MODULE_SIG_KEY),CONFIG_MODULE_SIG_ALL=) INSTALL_MOD_PATH=$(DESTDIR)$(INSTALL_MOD_PATH) modules_install
	$(if $(DESTDIR)$(INSTALL_MOD_PATH),,$(ROOT) depmod $(RELEASE))

install-tools: tools
	$(ROOT) $(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(bashcompletiondir) \
		$(DESTDIR)$(zshcompletiondir) $(DESTDIR)$(fishcompletiondir)
	$(ROOT) $(INSTALL_PROGRAM) $(OUT)/rcuctl $(DESTDIR)$(bindir)
	$(ROOT) $(INSTALL_DATA) $(OUT)/man/*.1 $(DESTDIR)$(mandir)/man1
	$(ROOT) $(INSTALL_DATA) $(OUT)/completions/rcuctl $(DESTDIR)$(bashcompletiondir)
	$(ROOT) $(INSTALL_DATA) $(OUT)/completions/_rcuctl $(DESTDIR)$(zshcompletiondir)
	$(ROOT) $(INSTALL_DATA) $(OUT)/completions/rcuctl.fish $(DESTDIR)$(fishcompletiondir)

install-files:
	$(ROOT) $(INSTALL) -d $(DESTDIR)$(udevrulesdir) $(DESTDIR)$(docdir)/examples
	$(ROOT) $(INSTALL_DATA) dist/60-rust-rcu-demo.rules $(DESTDIR)$(udevrulesdir)
	$(ROOT) $(INSTALL_DATA) dist/rust_rcu_demo.conf $(DESTDIR)$(docdir)/examples

# The suffixes are those of compressed modules. rmdir removes only folders that are empty.
uninstall:
	$(ROOT) rm -f $(foreach suffix,'' .gz .xz .zst,$(MODULE_FILE)$(suffix))
	$(if $(DESTDIR)$(INSTALL_MOD_PATH),,$(if $(RELEASE),$(ROOT) depmod $(RELEASE)))
	$(ROOT) rm -f $(DESTDIR)$(bindir)/rcuctl $(DESTDIR)$(mandir)/man1/rcuctl.1 $(DESTDIR)$(mandir)/man1/rcuctl-*.1 \
		$(DESTDIR)$(bashcompletiondir)/rcuctl $(DESTDIR)$(zshcompletiondir)/_rcuctl \
		$(DESTDIR)$(fishcompletiondir)/rcuctl.fish $(DESTDIR)$(udevrulesdir)/60-rust-rcu-demo.rules \
		$(DESTDIR)$(docdir)/examples/rust_rcu_demo.conf
	[ ! -d $(DESTDIR)$(docdir)/examples ] || \
		$(ROOT) rmdir --ignore-fail-on-non-empty $(DESTDIR)$(docdir)/examples $(DESTDIR)$(docdir)
