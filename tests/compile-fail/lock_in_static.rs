// SPDX-License-Identifier: GPL-2.0

// A lock is initialised in place at run time, so a `static` cannot hold it.
// ERROR SAYS: expected `UpdaterLock<State>`, found opaque type

static STATE: UpdaterLock<State> =                       // VIOLATION
    UpdaterLock::new(new_state(), kernel::new_mutex!(())); // VIOLATION: E0308

const fn new_state() -> State { loop {} }

fn share() -> Result<kernel::sync::Arc<UpdaterLock<State>>> {
    kernel::sync::Arc::pin_init(UpdaterLock::new(new_state(), kernel::new_mutex!(())), GFP_KERNEL)
}
