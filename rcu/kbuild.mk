# SPDX-License-Identifier: GPL-2.0
#
# Flags for whatever is built from rcu/, included by each Kbuild.

# For rcu/compat.rs.
rustflags-$(shell [ $$(($(VERSION) * 1000 + $(PATCHLEVEL))) -ge 7003 ] && echo y) += --cfg=kernel_7_3

# User-mode Linux builds Rust position-independent, which leaves relocations in a module that its
# loader does not know.
rustflags-$(CONFIG_UML) += -Crelocation-model=static -Ccode-model=large
