# SPDX-License-Identifier: GPL-2.0
#
# Compiler flags for rcu/. Each Kbuild includes them.

# For rcu/compat.rs.
rustflags-$(shell [ $$(($(VERSION) * 1000 + $(PATCHLEVEL))) -ge 7003 ] && echo y) += --cfg=kernel_7_3

# User-mode Linux builds Rust position-independent by default. Such modules have relocations that
# its module loader does not know.
rustflags-$(CONFIG_UML) += -Crelocation-model=static -Ccode-model=large
