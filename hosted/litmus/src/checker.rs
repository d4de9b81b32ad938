// SPDX-License-Identifier: GPL-2.0

//! Runs tests in every order of atomic operations that the model checker explores.

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

/// The model checker's message about unordered accesses.
const RACE: &str = "Causality violation";

thread_local! {
    /// The allowed outcomes at each place, and whether an execution had them.
    static OUTCOMES: RefCell<BTreeMap<&'static Location<'static>, BTreeMap<String, bool>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// Asserts that `outcome` is one of `allowed`. [`Test::assert_holds`] asserts that each allowed
/// outcome occurs in some execution, so a test fails if the model checker explores too few orders.
///
/// # Panics
///
/// If `outcome` is not allowed.
#[track_caller]
pub fn assert_one_of<T: Debug + PartialEq>(allowed: &[T], outcome: &T) {
    assert!(
        allowed.contains(outcome),
        "found {outcome:?}, expected one of {allowed:?}"
    );
    OUTCOMES.with_borrow_mut(|outcomes| {
        let occurred = outcomes.entry(Location::caller()).or_default();
        for other in allowed {
            *occurred.entry(format!("{other:?}")).or_default() |= other == outcome;
        }
    });
}

/// A test: threads that use the module's code.
#[derive(Clone, Copy)]
pub struct Test {
    threads: fn(),
    preemptions: Option<usize>,
}

impl Test {
    /// Returns a test whose first thread runs `threads`.
    pub const fn new(threads: fn()) -> Self {
        Self {
            threads,
            preemptions: None,
        }
    }

    /// Limits the test to orders with at most `most` preemptions of runnable threads.
    pub const fn up_to_preemptions(self, most: usize) -> Self {
        let preemptions = Some(most);
        Self {
            preemptions,
            ..self
        }
    }

    /// Asserts that the test passes in every order, and that each allowed outcome occurs in some
    /// order.
    ///
    /// # Panics
    ///
    /// If the test panics in some order, or if an outcome does not occur.
    pub fn assert_holds(self) {
        match self.run(None) {
            Ok(executions) => println!("passed in {executions} executions"),
            Err(failure) => panic!("failed: {failure}"),
        }
        OUTCOMES.with_borrow(|outcomes| {
            for (place, occurred) in outcomes {
                let missing = occurred.values().any(|has_occurred| !has_occurred);
                assert!(
                    !missing,
                    "an allowed outcome does not occur: {place}: {occurred:?}"
                );
            }
        });
    }

    /// Asserts that the model checker reports unordered accesses in some order.
    ///
    /// # Panics
    ///
    /// If the test passes in every order, or fails otherwise.
    pub fn assert_fails(self, weakening: Option<Weakening>) {
        match self.run(weakening) {
            Err(failure) if failure.contains(RACE) => println!("{failure}"),
            Err(failure) => panic!("expected unordered accesses, found another failure: {failure}"),
            Ok(executions) => panic!(
                "no race in {executions} executions: the ordering is stronger than needed, or the \
                 test is too weak"
            ),
        }
    }

    /// Asserts that a reader gets an answer in some order that the test does not allow.
    ///
    /// # Panics
    ///
    /// If the test passes in every order, or fails otherwise.
    pub fn assert_misleads(self, weakening: Weakening) {
        match self.run(Some(weakening)) {
            Err(failure) if failure.contains("expected one of") => println!("{failure}"),
            Err(failure) => panic!("expected a wrong answer, found another failure: {failure}"),
            Ok(executions) => panic!(
                "no wrong answer in {executions} executions: the ordering is stronger than needed, \
                 or the test is too weak"
            ),
        }
    }

    /// Returns the orderings that the test uses in an execution without preemptions.
    pub fn orderings(self) -> BTreeSet<&'static str> {
        let result = self.up_to_preemptions(0).run_once(None, false);
        result.unwrap_or_else(|failure| panic!("failed: {failure}"));
        ordering::used()
    }

    /// Runs every order. Returns the number of orders, or the first failure.
    fn run(self, weakening: Option<Weakening>) -> Result<usize, String> {
        if let Some(weakening) = weakening {
            println!("{weakening}");
        }
        let result = self.run_once(weakening, false);
        if result.is_ok() {
            return result;
        }
        // Recording the places of accesses doubles the run time, so only a failing test does it.
        self.run_once(weakening, true)
    }

    fn run_once(self, weakening: Option<Weakening>, has_places: bool) -> Result<usize, String> {
        let executions = Arc::new(AtomicUsize::new(0));
        let count = executions.clone();
        let mut checker = Builder::new();
        checker.location |= has_places;
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
