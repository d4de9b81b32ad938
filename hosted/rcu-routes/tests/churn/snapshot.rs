// SPDX-License-Identifier: GPL-2.0

//! The rule for several lookups in one snapshot of routes that change only in batches: all answers
//! must be right after the same step. A flush outside a batch is a single change, which can come
//! between two lookups.

use super::{
    check::{Checked, Checker},
    history::Window,
    universe::{Answer, Family, Lifetime, Universe},
};

/// Returns the numbers of the queries that batched routes serve.
pub fn batched(universe: &Universe) -> Vec<usize> {
    let is_batched = |route: &usize| universe.routes[*route].lifetime == Lifetime::Batched;
    let mut found = Vec::new();
    for (number, query) in universe.queries.iter().enumerate() {
        let count = query
            .covering
            .iter()
            .filter(|route| is_batched(route))
            .count();
        // Other routes serve only if no batched route does.
        assert!(query.covering.iter().take(count).all(is_batched));
        if count > 0 {
            found.push(number);
        }
    }
    found
}

impl Checker<'_> {
    /// Checks the answers to queries of [`batched`] in one snapshot.
    pub fn group(&mut self, window: &Window, answers: &[(usize, Option<Answer>)]) -> Checked {
        self.tally.groups += 1;
        let mut steps = window.clone();
        let is_right = steps.any(|step| self.all_right(step, *window.end(), answers));
        if !self.history.is_whole(window) {
            self.tally.skipped += 1;
            return Ok(());
        }
        if is_right {
            return Ok(());
        }
        Err(format!(
            "no step of {window:?} makes all of these answers right: {answers:?}"
        ))
    }

    fn all_right(&self, mut step: u32, last: u32, answers: &[(usize, Option<Answer>)]) -> bool {
        answers.iter().all(|&(query, answer)| {
            let expected = self.if_batched(answer);
            if expected != self.batch_serves(step, query) && step < last && self.is_flush(step + 1)
            {
                step += 1;
            }
            expected == self.batch_serves(step, query)
        })
    }

    /// Returns whether a step did nothing but remove the routes of IPv6, as the writer's flushes
    /// do.
    fn is_flush(&self, step: u32) -> bool {
        let routes = self.universe.routes.iter().enumerate();
        let mut changes = routes.map(|(route, candidate)| {
            let (before, after) = (self.present(step - 1, route), self.present(step, route));
            match candidate.family() {
                Family::Inet => before == after,
                Family::Inet6 => after.is_none(),
            }
        });
        changes.all(|matches_flush| matches_flush)
    }

    fn is_batched(&self, route: usize) -> bool {
        self.universe.routes[route].lifetime == Lifetime::Batched
    }

    /// Returns the answer if it is a batched route.
    fn if_batched(&self, answer: Option<Answer>) -> Option<Answer> {
        answer.filter(|answer| self.is_batched(answer.route))
    }

    /// Returns the batched route that serves the query after `step`.
    fn batch_serves(&self, step: u32, query: usize) -> Option<Answer> {
        let covering = self.universe.queries[query].covering.iter();
        let mut batched = covering.filter(|&&route| self.is_batched(route));
        batched.find_map(|&route| self.present(step, route))
    }
}
