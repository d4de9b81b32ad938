// SPDX-License-Identifier: GPL-2.0

//! What a reader may be told.
//!
//! A lookup goes through the table from one prefix to the next while single routes change, so it
//! may see of two changes the later one alone where they are far enough apart. So the rule for a
//! lookup is:
//!
//! 1. Its answer is what served after some step of its window; or
//! 2. several steps are in the window, the answer was in the table after one of them, and of each
//!    route that would have served instead it can be said that it was absent after one of them.
//!
//! How often the second had to do is counted. Whoever has seen a step's change is never told
//! afterwards what was before that step.

use super::{
    history::{History, Window},
    universe::{Answer, Universe, ROUTE_COUNT},
};
use std::fmt::{self, Write};

/// What was checked.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Lookups.
    pub lookups: u64,
    /// Lookups, groups and dumps during which the table was changed.
    pub raced: u64,
    /// Lookups that saw of two changes the later one alone.
    pub mixed: u64,
    /// Several lookups at one moment.
    pub groups: u64,
    /// Dumps.
    pub dumps: u64,
    /// What took too long to be checked.
    pub lost: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lookups,
            raced,
            mixed,
            groups,
            dumps,
            lost,
        } = self;
        write!(
            f,
            "{lookups} lookups, {groups} groups and {dumps} dumps, {raced} of them raced; {mixed} mixed, {lost} lost"
        )
    }
}

/// A reader's checks.
pub struct Checker<'a> {
    pub(super) universe: &'a Universe,
    pub(super) history: &'a History,
    /// The last step of which anything was seen.
    seen: u32,
    pub tally: Tally,
}

/// What is wrong.
pub type Checked = Result<(), String>;

impl<'a> Checker<'a> {
    pub fn new(universe: &'a Universe, history: &'a History) -> Self {
        Self {
            universe,
            history,
            seen: 0,
            tally: Tally::default(),
        }
    }

    /// Before something is looked at.
    pub fn open(&self) -> u32 {
        self.history.open().max(self.seen)
    }

    /// After it.
    pub fn close(&mut self, from: u32) -> Window {
        let window = self.history.close(from);
        self.tally.raced += u64::from(window.end() > window.start());
        window
    }

    /// Checks a lookup of the address with that number.
    pub fn lookup(&mut self, window: &Window, asked: usize, answer: Option<Answer>) -> Checked {
        self.tally.lookups += 1;
        let from = self.seen.max(*window.start());
        let window = &(from..=*window.end());
        let is_right = window
            .clone()
            .any(|step| self.serves(step, asked) == answer);
        let is_mixed = !is_right && self.may_be_mixed(window, asked, answer);
        if !self.history.is_whole(window) {
            self.tally.lost += 1;
            return Ok(());
        }
        if !is_right && !is_mixed {
            return Err(self.describe_lookup(window, asked, answer));
        }
        self.tally.mixed += u64::from(is_mixed);
        self.saw(answer);
        Ok(())
    }

    /// Remembers that a step's change was seen.
    fn saw(&mut self, answer: Option<Answer>) {
        self.seen = self.seen.max(answer.map_or(0, |answer| answer.step));
    }

    /// What serves the address after `step`.
    fn serves(&self, step: u32, asked: usize) -> Option<Answer> {
        let covering = &self.universe.asked[asked].covering;
        covering.iter().find_map(|&route| self.there(step, route))
    }

    /// The route, if it is there after `step`.
    pub fn there(&self, step: u32, route: usize) -> Option<Answer> {
        match self.history.at(step, route) {
            0 => None,
            put => Some(Answer { route, step: put }),
        }
    }

    fn may_be_mixed(&self, window: &Window, asked: usize, answer: Option<Answer>) -> bool {
        let covering = &self.universe.asked[asked].covering;
        // Of two states, either is what the other is but for one step: there is nothing to mix.
        let several = window.end() - window.start() > 1;
        let was_there = answer.is_none_or(|answer| self.was_there(window, answer));
        let mut better = covering
            .iter()
            .take_while(|&&route| answer.is_none_or(|answer| route != answer.route));
        several && was_there && better.all(|&route| self.was_absent(window, route))
    }

    fn was_there(&self, window: &Window, answer: Answer) -> bool {
        let mut steps = window.clone();
        steps.any(|step| self.there(step, answer.route) == Some(answer))
    }

    fn was_absent(&self, window: &Window, route: usize) -> bool {
        let mut steps = window.clone();
        steps.any(|step| self.there(step, route).is_none())
    }

    /// Checks a dump: in order, each route in it was there, and none is missing that was there
    /// throughout.
    pub fn dump(&mut self, window: &Window, dump: &[Answer]) -> Checked {
        self.tally.dumps += 1;
        let verdict = self.check_dump(window, dump);
        if !self.history.is_whole(window) {
            self.tally.lost += 1;
            return Ok(());
        }
        verdict
    }

    fn check_dump(&self, window: &Window, dump: &[Answer]) -> Checked {
        let place = |answer: &Answer| self.universe.places[answer.route];
        if !dump.is_sorted_by(|one, other| place(one) < place(other)) {
            return Err(format!(
                "a dump is out of order, or has a route twice: {dump:?}"
            ));
        }
        if let Some(answer) = dump.iter().find(|answer| !self.was_there(window, **answer)) {
            return Err(format!(
                "a dump in {window:?} has {answer:?}, which was not there"
            ));
        }
        let has = |route: usize| dump.iter().any(|answer| answer.route == route);
        match (0..ROUTE_COUNT).find(|&route| !has(route) && !self.was_absent(window, route)) {
            None => Ok(()),
            Some(route) => Err(format!(
                "a dump in {window:?} lacks {:?}, which was there throughout",
                self.universe.routes[route]
            )),
        }
    }

    fn describe_lookup(&self, window: &Window, asked: usize, answer: Option<Answer>) -> String {
        let address = self.universe.asked[asked].address;
        let mut text = format!("{address} is told {answer:?} in {window:?}, where it is:\n");
        let mut before = None;
        for step in window.clone() {
            let serves = self.serves(step, asked);
            if before != Some(serves) {
                let _ = writeln!(text, "  {serves:?} after step {step}");
                before = Some(serves);
            }
        }
        text
    }
}
