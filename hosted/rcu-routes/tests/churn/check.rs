// SPDX-License-Identifier: GPL-2.0

//! The rules that the answers of lookups and dumps must obey.
//!
//! A lookup visits nodes one after the other while single routes change. Of two distant changes it
//! can see the later one alone. The window of a lookup has the steps that overlap it; `history.rs`
//! defines it. The rules for a lookup are:
//!
//! 1. The answer served after some step of its window; or
//! 2. the window has several steps, the answer was present after one of them, and each better route
//!    was absent after one of them.
//!
//! The second case is counted as `mixed`. A reader that has seen a step never sees an earlier state
//! of the same address afterwards. A single change reaches one address after the other, so of other
//! addresses the reader may still see the state before that step.

use super::{
    history::{History, Window},
    universe::{Answer, Universe, ROUTE_COUNT},
};
use std::fmt::{self, Write};

/// Counts of checks.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Lookups.
    pub lookups: u64,
    /// Lookups, groups and dumps during which the table changed.
    pub raced: u64,
    /// Lookups that saw the later of two changes alone.
    pub mixed: u64,
    /// Groups of lookups in one snapshot.
    pub groups: u64,
    /// Dumps.
    pub dumps: u64,
    /// Checks skipped because the history was overwritten.
    pub skipped: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lookups,
            raced,
            mixed,
            groups,
            dumps,
            skipped,
        } = self;
        write!(
            f,
            "{lookups} lookups, {groups} groups and {dumps} dumps, {raced} of them raced; {mixed} mixed, {skipped} skipped"
        )
    }
}

/// A reader's checks.
pub struct Checker<'a> {
    pub(super) universe: &'a Universe,
    pub(super) history: &'a History,
    /// The last step whose change was seen.
    seen: u32,
    /// The same for each query.
    seen_by_query: Vec<u32>,
    pub tally: Tally,
}

/// The result of a check; the error describes the violation.
pub type Checked = Result<(), String>;

impl<'a> Checker<'a> {
    pub fn new(universe: &'a Universe, history: &'a History) -> Self {
        Self {
            universe,
            history,
            seen: 0,
            seen_by_query: vec![0; universe.queries.len()],
            tally: Tally::default(),
        }
    }

    /// Returns the first step of the window of a lookup that begins now.
    pub fn open(&self) -> u32 {
        self.history.open().max(self.seen.saturating_sub(1))
    }

    /// Returns the window of a lookup that began at step `from` and has ended.
    pub fn close(&mut self, from: u32) -> Window {
        let window = self.history.close(from);
        self.tally.raced += u64::from(window.end() > window.start());
        window
    }

    /// Checks the answer to the query with that number.
    pub fn lookup(&mut self, window: &Window, query: usize, answer: Option<Answer>) -> Checked {
        self.tally.lookups += 1;
        let seen = self.seen_by_query[query].max(self.seen.saturating_sub(1));
        let from = seen.max(*window.start());
        let window = &(from..=*window.end());
        let is_right = window
            .clone()
            .any(|step| self.serves(step, query) == answer);
        let is_mixed = !is_right && self.may_be_mixed(window, query, answer);
        if !self.history.is_whole(window) {
            self.tally.skipped += 1;
            return Ok(());
        }
        if !is_right && !is_mixed {
            return Err(self.describe_lookup(window, query, answer));
        }
        self.tally.mixed += u64::from(is_mixed);
        self.saw(query, answer);
        Ok(())
    }

    /// Records that a step's change was seen.
    fn saw(&mut self, query: usize, answer: Option<Answer>) {
        let step = answer.map_or(0, |answer| answer.step);
        self.seen = self.seen.max(step);
        self.seen_by_query[query] = self.seen_by_query[query].max(step);
    }

    /// Returns the route that serves the query after `step`.
    fn serves(&self, step: u32, query: usize) -> Option<Answer> {
        let covering = &self.universe.queries[query].covering;
        covering.iter().find_map(|&route| self.present(step, route))
    }

    /// Returns the route if it is present after `step`.
    pub fn present(&self, step: u32, route: usize) -> Option<Answer> {
        match self.history.at(step, route) {
            0 => None,
            inserted => Some(Answer {
                route,
                step: inserted,
            }),
        }
    }

    fn may_be_mixed(&self, window: &Window, query: usize, answer: Option<Answer>) -> bool {
        let covering = &self.universe.queries[query].covering;
        // A window of two states has one step, so no answer can be mixed.
        let several = window.end() - window.start() > 1;
        let was_present = answer.is_none_or(|answer| self.was_present(window, answer));
        let mut better = covering
            .iter()
            .take_while(|&&route| answer.is_none_or(|answer| route != answer.route));
        several && was_present && better.all(|&route| self.was_absent(window, route))
    }

    fn was_present(&self, window: &Window, answer: Answer) -> bool {
        let mut steps = window.clone();
        steps.any(|step| self.present(step, answer.route) == Some(answer))
    }

    fn was_absent(&self, window: &Window, route: usize) -> bool {
        let mut steps = window.clone();
        steps.any(|step| self.present(step, route).is_none())
    }

    /// Checks a dump: it is in order, each of its routes was present, and no route present
    /// throughout is missing.
    pub fn dump(&mut self, window: &Window, dump: &[Answer]) -> Checked {
        self.tally.dumps += 1;
        let verdict = self.check_dump(window, dump);
        if !self.history.is_whole(window) {
            self.tally.skipped += 1;
            return Ok(());
        }
        verdict
    }

    fn check_dump(&self, window: &Window, dump: &[Answer]) -> Checked {
        let position = |answer: &Answer| self.universe.dump_positions[answer.route];
        if !dump.is_sorted_by(|one, other| position(one) < position(other)) {
            return Err(format!(
                "a dump is out of order or repeats a route: {dump:?}"
            ));
        }
        if let Some(answer) = dump
            .iter()
            .find(|answer| !self.was_present(window, **answer))
        {
            return Err(format!(
                "a dump in {window:?} has {answer:?}, which was absent"
            ));
        }
        let has = |route: usize| dump.iter().any(|answer| answer.route == route);
        match (0..ROUTE_COUNT).find(|&route| !has(route) && !self.was_absent(window, route)) {
            None => Ok(()),
            Some(route) => Err(format!(
                "a dump in {window:?} lacks {:?}, which was present throughout",
                self.universe.routes[route]
            )),
        }
    }

    fn describe_lookup(&self, window: &Window, query: usize, answer: Option<Answer>) -> String {
        let address = self.universe.queries[query].address;
        let mut text =
            format!("lookup of {address} returned {answer:?} in {window:?}; expected one of:\n");
        let mut before = None;
        for step in window.clone() {
            let serves = self.serves(step, query);
            if before != Some(serves) {
                let _ = writeln!(text, "  {serves:?} after step {step}");
                before = Some(serves);
            }
        }
        text
    }
}
