// SPDX-License-Identifier: GPL-2.0

//! Threads for the tests.

use crate::{
    prelude::*,
    sync::{
        Arc,
        Completion, //
    },
    workqueue, //
};

/// A function that runs in a work item. The drop waits for its end.
pub(super) struct Thread(Arc<Completion>);

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.wait_for_completion();
    }
}

/// Runs `work` in a work item of its own.
pub(super) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Thread> {
    let end = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
    let thread = Thread(end.clone());
    let run = move || {
        work();
        end.complete_all();
    };
    if workqueue::system_unbound().try_spawn(GFP_KERNEL, run).is_err() {
        // Nothing will complete it.
        thread.0.complete_all();
        return Err(ENOMEM);
    }
    Ok(thread)
}
