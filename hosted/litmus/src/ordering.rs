// SPDX-License-Identifier: GPL-2.0

//! Memory orderings by name, and the weakening of one.

use core::sync::atomic::Ordering;
use std::{cell::RefCell, collections::BTreeSet, fmt};

/// A memory ordering in the module's sources or in the [model](crate::kernel) of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Module, type, function and operation.
    pub name: &'static str,
    /// The ordering in the sources.
    pub ordering: Ordering,
    /// File and line.
    pub place: &'static str,
}

/// Every ordering of the module's RCU layer.
pub const SHIPPED: &[Site] = include!(concat!(env!("OUT_DIR"), "/sites.rs"));

/// Every ordering of the model.
pub use crate::kernel::ORDERINGS as MODEL;

impl Site {
    /// Returns the site of this name.
    ///
    /// # Panics
    ///
    /// If there is none, because the sources have changed.
    pub fn find(name: &str) -> Self {
        let mut all = SHIPPED.iter().chain(MODEL);
        *all.find(|site| site.name == name).unwrap_or_else(|| {
            let names: Vec<_> = SHIPPED.iter().map(|site| site.name).collect();
            panic!("found no ordering `{name}`; expected one of {names:#?}")
        })
    }

    /// Returns the strongest orderings that are weaker than this one.
    pub fn next_weaker(self) -> &'static [Ordering] {
        match self.ordering {
            Ordering::Relaxed => &[],
            Ordering::Acquire | Ordering::Release => &[Ordering::Relaxed],
            Ordering::AcqRel => &[Ordering::Acquire, Ordering::Release],
            Ordering::SeqCst => &[Ordering::AcqRel],
            other => panic!("{}: unknown ordering {other:?}", self.name),
        }
    }
}

/// An ordering to be replaced by a weaker one.
#[derive(Clone, Copy, Debug)]
pub struct Weakening {
    site: Site,
    to: Ordering,
    is_confined: bool,
}

impl Weakening {
    /// Weakens the ordering of the site of that name from `from` to `to`.
    ///
    /// # Panics
    ///
    /// If the sources have another ordering than `from`, or if `to` is not a next weaker one.
    pub fn new(site: &str, from: Ordering, to: Ordering) -> Self {
        let site = Site::find(site);
        assert_eq!(site.ordering, from, "{} in {}", site.name, site.place);
        assert!(
            site.next_weaker().contains(&to),
            "{to:?} is not a next weaker ordering than {from:?}"
        );
        Self {
            site,
            to,
            is_confined: false,
        }
    }

    /// Returns the weakened site.
    pub fn site(self) -> Site {
        self.site
    }

    /// Confines the weakening to calls of [`confine`].
    pub fn confined(self) -> Self {
        Self {
            is_confined: true,
            ..self
        }
    }
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site {
            name,
            ordering,
            place,
        } = self.site;
        write!(
            f,
            "{name} ({place}) weakened from {ordering:?} to {:?}",
            self.to
        )
    }
}

thread_local! {
    // The model checker runs all threads of a test in one thread of the system.
    static STATE: RefCell<State> = const {
        RefCell::new(State {
            weakening: None,
            is_inside: false,
            used: BTreeSet::new(),
        })
    };
}

struct State {
    weakening: Option<Weakening>,
    is_inside: bool,
    used: BTreeSet<&'static str>,
}

/// Returns the ordering to use at `site`, whose ordering in the sources is `ordering`.
pub(crate) fn at(site: &'static str, ordering: Ordering) -> Ordering {
    STATE.with_borrow_mut(|state| {
        state.used.insert(site);
        match state.weakening {
            Some(Weakening {
                site: Site { name, .. },
                to,
                is_confined,
            }) if name == site && (state.is_inside || !is_confined) => to,
            _ => ordering,
        }
    })
}

/// Calls `update`, to which a weakening may be [confined](Weakening::confined). Meanwhile no other
/// thread of the test may use the weakened ordering, because the weakening applies to all threads.
pub fn confine<R>(update: impl FnOnce() -> R) -> R {
    let set = |is_inside| STATE.with_borrow_mut(|state| state.is_inside = is_inside);
    set(true);
    let result = update();
    set(false);
    result
}

/// Weakens one ordering, or none, until the next call.
pub(crate) fn weaken(weakening: Option<Weakening>) {
    STATE.with_borrow_mut(|state| {
        state.weakening = weakening;
        state.is_inside = false;
        state.used.clear();
    });
}

/// Returns the orderings used since the last [`weaken`].
pub(crate) fn used() -> BTreeSet<&'static str> {
    STATE.with_borrow(|state| state.used.clone())
}
