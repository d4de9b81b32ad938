// SPDX-License-Identifier: GPL-2.0

//! The baseline: readers do nothing, so nobody can update the table.

use super::Reader;
use crate::Routes;

/// A reader of a table that nobody updates.
pub struct Unprotected<'a>(pub &'a Routes);

impl Reader for Unprotected<'_> {
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T {
        body(self.0)
    }
}
