// SPDX-License-Identifier: GPL-2.0

//! Log messages, printed on standard error.

/// Logs information.
#[macro_export]
macro_rules! pr_info {
    ($($what:tt)*) => { ::std::eprint!($($what)*) };
}

/// Logs an error.
#[macro_export]
macro_rules! pr_err {
    ($($what:tt)*) => { ::std::eprint!($($what)*) };
}
