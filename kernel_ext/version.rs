// SPDX-License-Identifier: GPL-2.0

//! The module's version, which the kernel's `module!` cannot declare.
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

/// Declares the version that `modinfo` and `/sys/module/rust_rcu_demo/version` show, as C's
/// `MODULE_VERSION()` does.
macro_rules! module_version {
    ($version:literal) => {
        #[expect(
            unsafe_code,
            reason = "the module loader reads this static by its section"
        )]
        const _: () = {
            const TEXT: &[u8] = concat!("version=", $version, "\0").as_bytes();
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static VERSION: [u8; TEXT.len()] = match TEXT.first_chunk() {
                Some(bytes) => *bytes,
                None => [0; TEXT.len()],
            };
        };
    };
}
pub(crate) use module_version;
