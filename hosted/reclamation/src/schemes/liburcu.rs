// SPDX-License-Identifier: GPL-2.0

//! RCU over liburcu: a table is freed after a grace period.

use super::{Reader, Scheme};
use crate::Routes;
use rcu_routes::{
    flavour::Online,
    kernel::prelude::*,
    rcu::{self, read_lock, Rcu, Reclaim, Retired, Softirq, UniqueRcuBox},
};
use std::marker::PhantomData;

impl Reclaim for Routes {
    type Context = Softirq;
}

/// A reader reports a quiescent state after this many reads. Only the flavour `qsbr` needs it.
const REPORT_INTERVAL: u32 = 64;

/// A table under RCU. `E` ends an update.
pub struct Liburcu<E> {
    current: Rcu<Routes>,
    ending: PhantomData<E>,
}

/// The end of an update.
pub trait Ending: Send + Sync + 'static {
    fn end(old: Retired<Routes>);
}

/// A callback frees the old table: `call_rcu()`.
pub struct OnCallback;

impl Ending for OnCallback {
    fn end(old: Retired<Routes>) {
        old.call_rcu();
    }
}

/// The updater waits for the grace period: `synchronize_rcu()`.
pub struct OnSynchronize;

impl Ending for OnSynchronize {
    fn end(old: Retired<Routes>) {
        drop(old.synchronize());
    }
}

pub type Callback = Liburcu<OnCallback>;
pub type Synchronize = Liburcu<OnSynchronize>;

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

impl<E: Ending> Scheme for Liburcu<E> {
    type Reader<'a> = RcuReader<'a>;

    fn new(first: Routes) -> Self {
        Self {
            current: Rcu::new(boxed(first)),
            ending: PhantomData,
        }
    }

    fn reader(&self) -> RcuReader<'_> {
        RcuReader::new(&self.current)
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        let new = RcuReader::new(&self.current).read(change);
        let old = self.current.replace(Some(boxed(new)));
        E::end(old.expect("a table is always published"));
    }

    fn reclaim(&self) {
        rcu::barrier();
    }
}
