// SPDX-License-Identifier: GPL-2.0

//! Random choices.

pub use crate::random::Random;

pub trait Choose {
    /// Returns true with a probability of 1 in `times`.
    fn one_in(&mut self, times: usize) -> bool;

    /// Chooses one of several values.
    fn choose<T: Copy>(&mut self, among: &[T]) -> T;

    /// Returns a generator with a random seed, for another thread.
    fn split(&mut self) -> Self;
}

impl Choose for Random {
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    fn split(&mut self) -> Self {
        Self::new(self.word())
    }
}
