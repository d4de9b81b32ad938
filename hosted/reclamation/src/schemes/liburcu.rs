// SPDX-License-Identifier: GPL-2.0

//! RCU over liburcu: a table is freed after a grace period.

use super::{Reader, Scheme};
use crate::Routes;
use rcu_routes::{
    flavour::Online,
    kernel::prelude::*,
    rcu::{self, read_lock, Rcu, Reclaim, Retired, Softirq, UniqueRcuBox},
};

impl Reclaim for Routes {
    type Context = Softirq;
}

/// A reader reports a quiescent state after this many reads. Only the flavour `qsbr` needs it.
const REPORT_INTERVAL: u32 = 64;

/// A table that a callback frees: `call_rcu()`.
pub struct Callback(Rcu<Routes>);

/// A table whose updater waits for the grace period: `synchronize_rcu()`.
pub struct Synchronize(Rcu<Routes>);

/// A thread that reads, and its reads.
pub struct RcuReader<'a> {
    current: &'a Rcu<Routes>,
    online: Online,
    reads: u32,
}

impl<'a> RcuReader<'a> {
    fn new(current: &'a Rcu<Routes>) -> Self {
        Self {
            current,
            online: Online::new(),
            reads: 0,
        }
    }
}

impl Reader for RcuReader<'_> {
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T {
        let guard = read_lock();
        let routes = self.current.dereference(&guard);
        let result = body(routes.expect("a table is always published"));
        drop(guard);
        self.reads = self.reads.wrapping_add(1);
        if self.reads % REPORT_INTERVAL == 0 {
            self.online.quiescent_state();
        }
        result
    }
}

fn boxed(routes: Routes) -> UniqueRcuBox<Routes> {
    UniqueRcuBox::new(routes, GFP_KERNEL).expect("memory for a table")
}

/// Publishes a changed copy, and returns the old table.
fn replace(current: &Rcu<Routes>, change: impl FnOnce(&Routes) -> Routes) -> Retired<Routes> {
    let new = RcuReader::new(current).read(change);
    let old = current.replace(Some(boxed(new)));
    old.expect("a table is always published")
}

impl Scheme for Callback {
    type Reader<'a> = RcuReader<'a>;

    fn new(first: Routes) -> Self {
        Self(Rcu::new(boxed(first)))
    }

    fn reader(&self) -> RcuReader<'_> {
        RcuReader::new(&self.0)
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        replace(&self.0, change).call_rcu();
    }

    fn reclaim(&self) {
        rcu::barrier();
    }
}

impl Scheme for Synchronize {
    type Reader<'a> = RcuReader<'a>;

    fn new(first: Routes) -> Self {
        Self(Rcu::new(boxed(first)))
    }

    fn reader(&self) -> RcuReader<'_> {
        RcuReader::new(&self.0)
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        drop(replace(&self.0, change).synchronize());
    }

    fn reclaim(&self) {
        rcu::barrier();
    }
}
