// SPDX-License-Identifier: GPL-2.0

//! Running tests in every order that the model checker knows.

use crate::{
    kernel,
    ordering::{self, Weakening},
    rcu,
};
use loom::model::Builder;
use std::{
    any::Any,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    panic::{catch_unwind, AssertUnwindSafe, Location},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
};

/// What the model checker says of accesses that nothing orders.
const COMPLAINT: &str = "Causality violation";

thread_local! {
    /// By place, each outcome that is allowed there and whether it has come about.
    static OUTCOMES: RefCell<BTreeMap<&'static Location<'static>, BTreeMap<String, bool>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// Requires that `outcome` is one of those `allowed` here, each of which has to come about in some
/// execution. So a test notices if the model checker tries less than it should.
///
/// # Panics
///
/// If it is none of them.
#[track_caller]
pub fn one_of<T: Debug + PartialEq>(allowed: &[T], outcome: &T) {
    assert!(
        allowed.contains(outcome),
        "{outcome:?} is none of {allowed:?}"
    );
    OUTCOMES.with_borrow_mut(|outcomes| {
        let have_come = outcomes.entry(Location::caller()).or_default();
        for other in allowed {
            *have_come.entry(format!("{other:?}")).or_default() |= other == outcome;
        }
    });
}

/// Threads that use the module's code.
#[derive(Clone, Copy)]
pub struct Test {
    threads: fn(),
    preemptions: Option<usize>,
}

impl Test {
    /// A test that `threads` begins, to be tried in every order.
    pub const fn new(threads: fn()) -> Self {
        Self {
            threads,
            preemptions: None,
        }
    }

    /// The same in those orders alone in which a thread that could go on has to stand back no more than
    /// this often.
    pub const fn up_to_preemptions(self, most: usize) -> Self {
        let preemptions = Some(most);
        Self {
            preemptions,
            ..self
        }
    }

    /// Requires that it passes in every order, and that every outcome that it allows comes about in
    /// some.
    ///
    /// # Panics
    ///
    /// As the test does in the order in which it does not pass; or if an outcome is missing.
    pub fn holds(self) {
        match self.run(None) {
            Ok(executions) => println!("passed in {executions} executions"),
            Err(complaint) => panic!("failed: {complaint}"),
        }
        OUTCOMES.with_borrow(|outcomes| {
            for (place, have_come) in outcomes {
                let missing = have_come.values().any(|has_come| !has_come);
                assert!(
                    !missing,
                    "not every outcome comes about: {place}: {have_come:?}"
                );
            }
        });
    }

    /// Requires that the model checker complains of what is not ordered.
    ///
    /// # Panics
    ///
    /// If it does not, or if the test fails in another way.
    pub fn breaks(self, weakening: Option<Weakening>) {
        match self.run(weakening) {
            Err(complaint) if complaint.contains(COMPLAINT) => println!("{complaint}"),
            Err(failure) => panic!("this is not a matter of ordering: {failure}"),
            Ok(executions) => panic!(
                "nobody notices in {executions} executions. Is the ordering stronger than needed, or \
                 does the test not see what it is for?"
            ),
        }
    }

    /// Requires that it passes in every order even if one ordering that it uses is weakened.
    ///
    /// # Panics
    ///
    /// If it does not pass, or does not use the ordering.
    pub fn holds_in_spite_of(self, weakening: Weakening) {
        match self.run(Some(weakening)) {
            Ok(executions) => println!("passed in {executions} executions"),
            Err(complaint) => panic!("the ordering is needed: {complaint}"),
        }
        assert!(
            ordering::used().contains(weakening.site().name),
            "not used by the test"
        );
    }

    /// The orderings that it uses, if nobody is preempted.
    pub fn orderings(self) -> BTreeSet<&'static str> {
        let result = self.up_to_preemptions(0).run_once(None, false);
        result.unwrap_or_else(|complaint| panic!("failed: {complaint}"));
        ordering::used()
    }

    /// Tries every order; returns how many there are, or what failed in one.
    fn run(self, weakening: Option<Weakening>) -> Result<usize, String> {
        if let Some(weakening) = weakening {
            println!("{weakening}");
        }
        let result = self.run_once(weakening, false);
        if result.is_ok() {
            return result;
        }
        // The same again: to know the places of accesses takes the model checker twice the time.
        self.run_once(weakening, true)
    }

    fn run_once(self, weakening: Option<Weakening>, places: bool) -> Result<usize, String> {
        let executions = Arc::new(AtomicUsize::new(0));
        let count = executions.clone();
        let mut checker = Builder::new();
        checker.location |= places;
        checker.preemption_bound = self.preemptions.or(checker.preemption_bound);
        ordering::weaken(weakening);
        OUTCOMES.with_borrow_mut(BTreeMap::clear);
        let result = catch_unwind(AssertUnwindSafe(|| {
            checker.check(move || {
                count.fetch_add(1, Ordering::Relaxed);
                kernel::boot();
                rcu::make_statics();
                (self.threads)();
                kernel::shut_down();
            });
        }));
        match result {
            Ok(()) => Ok(executions.load(Ordering::Relaxed)),
            Err(panic) => Err(message(&*panic)),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    text.unwrap_or_else(|| "a panic without a message".into())
}
