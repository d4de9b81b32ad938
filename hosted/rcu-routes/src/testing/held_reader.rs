// SPDX-License-Identifier: GPL-2.0

//! Readers that hold up grace periods.

use crate::rcu::{read_lock, Guard};
use std::{
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
};

/// A thread that stays in a read-side critical section until it is released.
pub struct HeldReader {
    leave: Sender<()>,
    thread: JoinHandle<()>,
}

impl HeldReader {
    /// Starts a reader; it is in its critical section when this returns.
    pub fn start() -> Self {
        Self::start_with(|_, wait| wait())
    }

    /// Starts a reader that does what `body` says in its critical section. `body` calls what it is
    /// given to wait for its release, and has done so when this returns.
    pub fn start_with(body: impl FnOnce(&Guard, &dyn Fn()) + Send + 'static) -> Self {
        let (entered, wait_entered) = mpsc::channel();
        let (leave, wait_leave) = mpsc::channel();
        let thread = thread::spawn(move || {
            body(&read_lock(), &|| {
                entered.send(()).expect("the starter waits");
                wait_leave.recv().expect("somebody releases the reader");
            });
        });
        wait_entered.recv().expect("the reader gets this far");
        Self { leave, thread }
    }

    /// Lets the reader leave its critical section and waits until it has.
    pub fn release(self) {
        self.leave.send(()).expect("the reader waits");
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
