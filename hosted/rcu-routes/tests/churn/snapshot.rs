// SPDX-License-Identifier: GPL-2.0

//! What a reader may be told by several lookups through one snapshot: of routes that change in
//! batches only, all that they say was right after one and the same step. A flush that is not part
//! of a batch is a single change, which may come between two of the lookups.

use super::{
    check::{Checked, Checker},
    history::Window,
    universe::{Answer, Family, Kind, Universe},
};

/// The addresses that routes of batches serve, by their numbers.
pub fn batched(universe: &Universe) -> Vec<usize> {
    let is_batched = |route: &usize| universe.routes[*route].kind == Kind::Batched;
    let mut found = Vec::new();
    for (number, asked) in universe.asked.iter().enumerate() {
        let count = asked
            .covering
            .iter()
            .filter(|route| is_batched(route))
            .count();
        // Then other routes serve only where none of a batch does.
        assert!(asked.covering.iter().take(count).all(is_batched));
        if count > 0 {
            found.push(number);
        }
    }
    found
}

impl Checker<'_> {
    /// Checks lookups of addresses of [`batched`] through one snapshot.
    pub fn group(&mut self, window: &Window, answers: &[(usize, Option<Answer>)]) -> Checked {
        self.tally.groups += 1;
        let mut steps = window.clone();
        let is_right = steps.any(|step| self.all_right(step, *window.end(), answers));
        if !self.history.is_whole(window) {
            self.tally.lost += 1;
            return Ok(());
        }
        if is_right {
            return Ok(());
        }
        Err(format!(
            "after no step of {window:?} all of these are right: {answers:?}"
        ))
    }

    fn all_right(&self, mut step: u32, last: u32, answers: &[(usize, Option<Answer>)]) -> bool {
        answers.iter().all(|&(asked, answer)| {
            let wanted = self.of_batch(answer);
            if wanted != self.batch_serves(step, asked) && step < last && self.is_flush(step + 1) {
                step += 1;
            }
            wanted == self.batch_serves(step, asked)
        })
    }

    /// Whether all that a step did was to remove the routes of IPv6, as the writer's flushes do.
    fn is_flush(&self, step: u32) -> bool {
        let routes = self.universe.routes.iter().enumerate();
        let mut changes = routes.map(|(route, candidate)| {
            let (before, after) = (self.there(step - 1, route), self.there(step, route));
            match candidate.family() {
                Family::Inet => before == after,
                Family::Inet6 => after.is_none(),
            }
        });
        changes.all(|as_by_flush| as_by_flush)
    }

    fn is_batched(&self, route: usize) -> bool {
        self.universe.routes[route].kind == Kind::Batched
    }

    /// The answer, if it is a route of batches.
    fn of_batch(&self, answer: Option<Answer>) -> Option<Answer> {
        answer.filter(|answer| self.is_batched(answer.route))
    }

    /// What serves the address of the routes of batches alone.
    fn batch_serves(&self, step: u32, asked: usize) -> Option<Answer> {
        let covering = self.universe.asked[asked].covering.iter();
        let mut batched = covering.filter(|&&route| self.is_batched(route));
        batched.find_map(|&route| self.there(step, route))
    }
}
