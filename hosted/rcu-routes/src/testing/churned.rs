// SPDX-License-Identifier: GPL-2.0

//! Elements of a container that changes while readers search it.

/// The changes of an element while readers search.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Always present, the same entry.
    Kept,
    /// Always present, in ever newer versions.
    Replaced,
    /// Added and removed.
    Toggled,
}

impl Role {
    /// Returns the role of an element by its number.
    pub fn of(number: u64) -> Self {
        match number % 4 {
            0 => Self::Kept,
            2 => Self::Replaced,
            _ => Self::Toggled,
        }
    }

    /// Returns whether an element with this role is always present.
    pub fn is_permanent(self) -> bool {
        self != Self::Toggled
    }
}

/// Words that readers verify. The drop overwrites them with wrong words, so that a later read is
/// detected.
pub struct Checksum([u64; 6]);

impl Checksum {
    /// Computes the words of an element and its version.
    pub fn of(number: u64, version: u64) -> Self {
        Self(Self::words(number, version))
    }

    fn words(number: u64, version: u64) -> [u64; 6] {
        [!((number << 32) ^ version); 6]
    }

    /// Asserts that the words are those of an element and its version.
    #[track_caller]
    pub fn verify(&self, number: u64, version: u64) {
        assert_eq!(self.0, Self::words(number, version), "element {number}");
    }
}

impl Drop for Checksum {
    fn drop(&mut self) {
        self.0 = [0; 6];
    }
}
