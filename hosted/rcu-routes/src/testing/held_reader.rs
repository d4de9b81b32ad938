// SPDX-License-Identifier: GPL-2.0

//! A reader that blocks grace periods.

use crate::rcu::{read_lock, Guard};
use std::{
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
};

/// A thread that stays in a read-side critical section until it is released.
pub struct HeldReader {
    release: Sender<()>,
    thread: JoinHandle<()>,
}

impl HeldReader {
    /// Starts a reader. It is in its critical section when this returns.
    pub fn start() -> Self {
        Self::start_with(|_, wait| wait())
    }

    /// Starts a reader that runs `body` in its critical section. `body` calls its second argument
    /// to wait for the release. This function returns once `body` waits.
    pub fn start_with(body: impl FnOnce(&Guard, &dyn Fn()) + Send + 'static) -> Self {
        Self::spawn(|wait| body(&read_lock(), wait))
    }

    /// Starts a thread whose `body` enters a critical section of any kind. Inside it, `body` calls
    /// its argument to wait for the release.
    pub fn spawn(body: impl FnOnce(&dyn Fn()) + Send + 'static) -> Self {
        let (entered, wait_entered) = mpsc::channel();
        let (release, wait_release) = mpsc::channel();
        let thread = thread::spawn(move || {
            body(&|| {
                entered.send(()).expect("the starter receives");
                wait_release.recv().expect("the reader is released");
            });
        });
        wait_entered.recv().expect("the reader waits");
        Self { release, thread }
    }

    /// Ends the reader's critical section and joins its thread.
    pub fn release(self) {
        self.release.send(()).expect("the reader receives");
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
