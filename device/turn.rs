// SPDX-License-Identifier: GPL-2.0

//! The turn of a call: its exclusive use of an open file's state.
//!
//! A call may wait for a commit or for a page of user memory while it uses the state. Holding a
//! mutex meanwhile would make other calls wait unkillably. So a call takes the state out of the
//! file, and returns it at its end. A signal ends the wait of another call.

use super::open_file::{OpenFile, State};
use kernel::prelude::*;

/// The exclusive use of an open file's state, which is returned to the file on drop.
pub(super) struct Turn<'a> {
    file: &'a OpenFile,
    state: Option<KBox<State>>,
}

impl<'a> Turn<'a> {
    /// Waits until no other call uses the state of `file`.
    ///
    /// Errors: `ERESTARTSYS` if a signal ends the wait; `EAGAIN` instead of a wait if
    /// `is_nonblocking`. Context: may sleep.
    pub(super) fn wait(file: &'a OpenFile, is_nonblocking: bool) -> Result<Self> {
        let mut state = file.state.lock();
        loop {
            if let Some(state) = state.take() {
                let state = Some(state);
                return Ok(Self { file, state });
            }
            if is_nonblocking {
                return Err(EAGAIN);
            }
            // A turn that ends wakes one waiter. If that waiter also has a signal, it must take the
            // turn, because nobody else was woken.
            if file.turn_ended.wait_interruptible(&mut state) && state.is_none() {
                return Err(ERESTARTSYS);
            }
        }
    }

    /// Returns the state of the file.
    pub(super) fn state(&mut self) -> Result<&mut State> {
        // The state is present until the drop.
        self.state.as_deref_mut().ok_or(EBUSY)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else {
            return;
        };
        self.file.publish_flags(&state);
        *self.file.state.lock() = Some(state);
        self.file.turn_ended.notify_one();
    }
}
