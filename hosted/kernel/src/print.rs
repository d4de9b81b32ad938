// SPDX-License-Identifier: GPL-2.0

//! Messages: what goes to the kernel's log there goes to standard error here.

/// Says something of interest.
#[macro_export]
macro_rules! pr_info {
    ($($what:tt)*) => { ::std::eprint!($($what)*) };
}

/// Says that something is not as it should be.
#[macro_export]
macro_rules! pr_warn {
    ($($what:tt)*) => { ::std::eprint!($($what)*) };
}

/// Says that something failed.
#[macro_export]
macro_rules! pr_err {
    ($($what:tt)*) => { ::std::eprint!($($what)*) };
}
