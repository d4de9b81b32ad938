// SPDX-License-Identifier: GPL-2.0

//! Memory orderings by name, and how to weaken one.

use core::sync::atomic::Ordering;
use std::{cell::RefCell, collections::BTreeSet, fmt};

/// A memory ordering in the module's sources or in the [model](crate::kernel) of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Module, type, function and operation.
    pub name: &'static str,
    /// As the sources have it.
    pub ordering: Ordering,
    /// File and line.
    pub place: &'static str,
}

/// Every ordering of the module's RCU layer.
pub const SHIPPED: &[Site] = include!(concat!(env!("OUT_DIR"), "/sites.rs"));

/// Those of the model.
pub use crate::kernel::ORDERINGS as MODEL;

impl Site {
    /// The site of this name.
    ///
    /// # Panics
    ///
    /// If there is none: then the sources have changed, and what is said about the site must too.
    pub fn find(name: &str) -> Self {
        let mut all = SHIPPED.iter().chain(MODEL);
        *all.find(|site| site.name == name).unwrap_or_else(|| {
            let names: Vec<_> = SHIPPED.iter().map(|site| site.name).collect();
            panic!("no ordering is called `{name}`; there are: {names:#?}")
        })
    }

    /// The orderings that lack one thing that this one has.
    pub fn next_weaker(self) -> &'static [Ordering] {
        match self.ordering {
            Ordering::Relaxed => &[],
            Ordering::Acquire | Ordering::Release => &[Ordering::Relaxed],
            Ordering::AcqRel => &[Ordering::Acquire, Ordering::Release],
            Ordering::SeqCst => &[Ordering::AcqRel],
            other => panic!("{}: {other:?} is new here", self.name),
        }
    }
}

/// One ordering made weaker than the sources have it.
#[derive(Clone, Copy, Debug)]
pub struct Weakening {
    site: Site,
    to: Ordering,
    in_part: bool,
}

impl Weakening {
    /// Makes the ordering called `site`, which is `from` in the sources, `to`.
    ///
    /// # Panics
    ///
    /// If the sources have another ordering there, or `to` is not the next weaker one.
    pub fn new(site: &str, from: Ordering, to: Ordering) -> Self {
        let site = Site::find(site);
        assert_eq!(site.ordering, from, "{} in {}", site.name, site.place);
        assert!(
            site.next_weaker().contains(&to),
            "{from:?} is not next to {to:?}"
        );
        Self {
            site,
            to,
            in_part: false,
        }
    }

    /// What is weakened.
    pub fn site(self) -> Site {
        self.site
    }

    /// The same only where the test calls [`part`].
    pub fn in_part(self) -> Self {
        Self {
            in_part: true,
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
    // The model checker runs all threads of a model in one thread of the system.
    static STATE: RefCell<State> = const {
        RefCell::new(State {
            weakening: None,
            is_part: false,
            used: BTreeSet::new(),
        })
    };
}

struct State {
    weakening: Option<Weakening>,
    is_part: bool,
    used: BTreeSet<&'static str>,
}

/// The ordering to use at `site`, which has `ordering` in the sources.
pub(crate) fn at(site: &'static str, ordering: Ordering) -> Ordering {
    STATE.with_borrow_mut(|state| {
        state.used.insert(site);
        match state.weakening {
            Some(Weakening {
                site: Site { name, .. },
                to,
                in_part,
            }) if name == site && (state.is_part || !in_part) => to,
            _ => ordering,
        }
    })
}

/// Does something to which a weakening may be [confined](Weakening::in_part). Only one thread of the
/// test may use that ordering, as the others are not told apart.
pub fn part<R>(update: impl FnOnce() -> R) -> R {
    let set = |is_part| STATE.with_borrow_mut(|state| state.is_part = is_part);
    set(true);
    let result = update();
    set(false);
    result
}

/// Weakens one ordering, or none, from now on.
pub(crate) fn weaken(weakening: Option<Weakening>) {
    STATE.with_borrow_mut(|state| {
        state.weakening = weakening;
        state.is_part = false;
        state.used.clear();
    });
}

/// The orderings used since [`weaken`].
pub(crate) fn used() -> BTreeSet<&'static str> {
    STATE.with_borrow(|state| state.used.clone())
}
