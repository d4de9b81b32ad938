// SPDX-License-Identifier: GPL-2.0

//! The texts that `modinfo` shows, assembled at compile time.

use core::ffi::CStr;

/// A text under construction. A text longer than its capacity is a compile error.
pub(crate) struct Text {
    bytes: [u8; Text::CAPACITY],
    len: usize,
}

impl Text {
    const CAPACITY: usize = 1024;

    const fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    const fn push(mut self, part: &str) -> Self {
        let part = part.as_bytes();
        let mut index = 0;
        while index < part.len() {
            self.bytes[self.len] = part[index];
            self.len += 1;
            index += 1;
        }
        self
    }

    /// Appends `a, b or c; `; nothing without names.
    const fn push_names(mut self, names: &[&str]) -> Self {
        let mut index = 0;
        while index < names.len() {
            let separator = match names.len() - index {
                1 => "; ",
                2 => " or ",
                _ => ", ",
            };
            self = self.push(names[index]).push(separator);
            index += 1;
        }
        self
    }

    /// Returns the length in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the first `LEN` bytes.
    pub(crate) const fn bytes<const LEN: usize>(&self) -> [u8; LEN] {
        match self.bytes.first_chunk() {
            Some(bytes) => *bytes,
            None => panic!("the text is shorter"),
        }
    }
}

/// Returns a parameter's description for the section `.modinfo`, with its default and its valid
/// names.
pub(crate) const fn description(
    name: &str,
    description: &str,
    names: &[&str],
    unit: &str,
    default: &str,
) -> Text {
    Text::new()
        .push("parm=")
        .push(name)
        .push(":")
        .push(description)
        .push(" (")
        .push_names(names)
        .push(unit)
        .push("default ")
        .push(default)
        .push(")\0")
}

/// Returns a parameter's type for the section `.modinfo`.
pub(crate) const fn parameter_type(name: &str, kind: &str) -> Text {
    Text::new()
        .push("parmtype=")
        .push(name)
        .push(":")
        .push(kind)
        .push("\0")
}

/// Returns `text`, which ends with a NUL, as a C string.
pub(crate) const fn c_string(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(string) => string,
        Err(_) => panic!("not a C string"),
    }
}
