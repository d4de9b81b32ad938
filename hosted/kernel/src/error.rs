// SPDX-License-Identifier: GPL-2.0

//! Errors: negative errnos.

use crate::alloc::AllocError;
use core::{convert::Infallible, ffi::c_int, fmt, num::NonZeroI32};

/// A result whose default error type is an errno.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// An errno.
///
/// # Invariants
///
/// The value is from -4095 to -1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroI32);

impl Error {
    /// Returns the error of a negative errno. As in the kernel, any other number becomes `EINVAL`.
    pub const fn from_errno(errno: c_int) -> Self {
        match NonZeroI32::new(errno) {
            // INVARIANT: The guard checks the range.
            Some(value) if errno < 0 && errno >= -4095 => Self(value),
            _ => code::EINVAL,
        }
    }

    /// Returns the negative errno.
    pub const fn to_errno(self) -> c_int {
        self.0.get()
    }
}

macro_rules! codes {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        /// The errnos.
        pub mod code {
            use super::Error;
            use core::num::NonZeroI32;

            $(
                #[doc = $meaning]
                // INVARIANT: Linux's errnos are in the range.
                pub const $name: Error = match NonZeroI32::new(-$number) {
                    Some(value) => Error(value),
                    None => panic!(),
                };
            )*
        }

        impl Error {
            /// Returns the name of an errno of [`code`].
            fn known_name(self) -> Option<&'static str> {
                match -self.to_errno() {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    EPERM = 1, "Operation not permitted.";
    ENOENT = 2, "No such file or directory.";
    ESRCH = 3, "No such process.";
    EINTR = 4, "Interrupted system call.";
    E2BIG = 7, "Argument list too long.";
    EAGAIN = 11, "Try again.";
    ENOMEM = 12, "Out of memory.";
    EFAULT = 14, "Bad address.";
    EBUSY = 16, "Device or resource busy.";
    EEXIST = 17, "File exists.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    ENOSPC = 28, "No space left on device.";
    ERANGE = 34, "Math result not representable.";
    EOVERFLOW = 75, "Value too large for defined data type.";
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_name() {
            Some(name) => f.write_str(name),
            None => f.debug_tuple("Error").field(&-self.to_errno()).finish(),
        }
    }
}

/// The kernel's error cannot be displayed. Here programs display it as a [`std::error::Error`].
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&std::io::Error::from_raw_os_error(-self.to_errno()), f)
    }
}

impl std::error::Error for Error {}

/// Converts the result of a C function: negative values are errors.
pub const fn to_result(result: c_int) -> Result {
    if result < 0 {
        return Err(Error::from_errno(result));
    }
    Ok(())
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        code::ENOMEM
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
