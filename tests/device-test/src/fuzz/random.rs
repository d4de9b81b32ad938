// SPDX-License-Identifier: GPL-2.0

//! Choices by random numbers.

pub use crate::random::Random;

pub trait Choose {
    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool;

    /// One of several.
    fn choose<T: Copy>(&mut self, among: &[T]) -> T;

    /// A generator of its own for someone else.
    fn split(&mut self) -> Self;
}

impl Choose for Random {
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    fn split(&mut self) -> Self {
        Self::new(self.word())
    }
}
