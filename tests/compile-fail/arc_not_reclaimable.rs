// SPDX-License-Identifier: GPL-2.0

// The last reference may be the published one, so the context of the value's destructor matters.

struct Session { id: u64 }
impl Reclaim for Session { type Context = Workqueue; }  // TWIN

fn publish(session: Arc<Session>) -> Result {
    let new = UniqueRcuBox::new(session, GFP_KERNEL)?;
    drop(Rcu::new(new));                                 // VIOLATION: E0277
    drop(Rcu::new(new));                                 // TWIN
    Ok(())
}

use kernel::sync::Arc;
