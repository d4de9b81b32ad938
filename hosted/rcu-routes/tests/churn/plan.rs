// SPDX-License-Identifier: GPL-2.0

//! The writer's plan: random steps, and the state of the table after each.

use super::{
    history::State,
    universe::{Family, Lifetime, Universe, ROUTE_COUNT},
};

/// The condition of an insert on the route with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Add,
    Change,
    Replace,
}

/// A change of the table, by the route's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Insert(Mode, usize),
    Remove(usize),
    Flush(Family),
}

/// One step of the writer. A step that must not change the table counts too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A single change.
    Single(Change),
    /// A transaction.
    Commit(Vec<Change>),
    /// A transaction whose last change fails, so that it changes nothing.
    Fail(Vec<Change>),
    /// A transaction that is dropped without a commit.
    Drop(Vec<Change>),
    /// A reload.
    Reload(Vec<Change>),
    /// A reload that is dropped without a commit.
    DropReload(Vec<Change>),
}

/// Plans the writer's steps.
pub struct Planner<'a, R> {
    universe: &'a Universe,
    /// Returns a random number below its argument.
    below: R,
    /// The number of the last step.
    pub step: u32,
    /// The table after the last step.
    pub state: State,
}

impl<'a, R: FnMut(usize) -> usize> Planner<'a, R> {
    /// Creates a plan for an empty table.
    pub fn new(universe: &'a Universe, below: R) -> Self {
        Self {
            universe,
            below,
            step: 0,
            state: [0; ROUTE_COUNT],
        }
    }

    /// Plans the first step, which adds the permanent routes.
    pub fn first(&mut self) -> Action {
        self.step += 1;
        let mut state = self.state;
        let changes = self.restore_permanent(&mut state);
        self.state = state;
        Action::Commit(changes)
    }

    /// Plans the next step. If `waits`, it is one that waits for a grace period.
    pub fn next(&mut self, waits: bool) -> Action {
        self.step += 1;
        if waits {
            return match (self.below)(4) {
                0 => self.flush(),
                1 => self.reload(),
                2 => Action::DropReload(self.new_table().0),
                _ => self.commit(true),
            };
        }
        match (self.below)(100) {
            0..3 => self.fail(),
            3..5 => Action::Drop(self.batch_or_flush().0),
            5..30 => self.commit(false),
            _ => self.single(),
        }
    }

    fn apply(&self, state: &mut State, change: Change) {
        match change {
            Change::Insert(_, route) => state[route] = self.step,
            Change::Remove(route) => state[route] = 0,
            Change::Flush(family) => {
                for (inserted, route) in state.iter_mut().zip(&self.universe.routes) {
                    if route.family() == family {
                        *inserted = 0;
                    }
                }
            }
        }
    }

    fn flush(&mut self) -> Action {
        // IPv4 has permanent routes, so only IPv6 is flushed.
        let change = Change::Flush(Family::Inet6);
        let mut state = self.state;
        self.apply(&mut state, change);
        self.state = state;
        Action::Single(change)
    }

    fn reload(&mut self) -> Action {
        let (changes, state) = self.new_table();
        self.state = state;
        Action::Reload(changes)
    }

    fn commit(&mut self, flush: bool) -> Action {
        let (changes, state) = self.batch(flush);
        self.state = state;
        Action::Commit(changes)
    }

    fn single(&mut self) -> Action {
        let mut state = self.state;
        let change = loop {
            let route = (self.below)(ROUTE_COUNT);
            if self.universe.routes[route].lifetime != Lifetime::Batched {
                break self.change(&state, route);
            }
        };
        self.apply(&mut state, change);
        self.state = state;
        Action::Single(change)
    }

    /// Returns a change of that route that succeeds.
    fn change(&mut self, state: &State, route: usize) -> Change {
        let is_permanent = self.universe.routes[route].lifetime == Lifetime::Permanent;
        match (state[route] != 0, (self.below)(4)) {
            (true, 0) => Change::Insert(Mode::Change, route),
            (true, 1) => Change::Insert(Mode::Replace, route),
            (true, _) if is_permanent => Change::Insert(Mode::Replace, route),
            (true, _) => Change::Remove(route),
            (false, 0) => Change::Insert(Mode::Replace, route),
            (false, _) => Change::Insert(Mode::Add, route),
        }
    }

    /// Returns changes for a transaction that is not committed.
    fn batch_or_flush(&mut self) -> (Vec<Change>, State) {
        let flush = (self.below)(4) == 0;
        self.batch(flush)
    }

    /// Returns changes and the state after them.
    fn batch(&mut self, flush: bool) -> (Vec<Change>, State) {
        let mut state = self.state;
        let mut changes = Vec::new();
        if flush {
            let family = [Family::Inet, Family::Inet6][(self.below)(2)];
            changes.push(Change::Flush(family));
            self.apply(&mut state, Change::Flush(family));
            changes.extend(self.restore_permanent(&mut state));
        }
        for _ in 0..=(self.below)(16) {
            let route = (self.below)(ROUTE_COUNT);
            let change = self.change(&state, route);
            self.apply(&mut state, change);
            changes.push(change);
        }
        (changes, state)
    }

    /// Returns changes that add the absent permanent routes.
    fn restore_permanent(&mut self, state: &mut State) -> Vec<Change> {
        let is_permanent =
            |route: &usize| self.universe.routes[*route].lifetime == Lifetime::Permanent;
        let changes: Vec<_> = (0..ROUTE_COUNT)
            .filter(is_permanent)
            .filter(|&route| state[route] == 0)
            .map(|route| Change::Insert(Mode::Add, route))
            .collect();
        changes.iter().for_each(|&change| self.apply(state, change));
        changes
    }

    fn fail(&mut self) -> Action {
        let (mut changes, state) = self.batch_or_flush();
        let route = (self.below)(ROUTE_COUNT);
        changes.push(match (state[route] != 0, (self.below)(2)) {
            (true, _) => Change::Insert(Mode::Add, route),
            (false, 0) => Change::Insert(Mode::Change, route),
            (false, _) => Change::Remove(route),
        });
        Action::Fail(changes)
    }

    /// Returns changes that build a table with the permanent routes and some others.
    fn new_table(&mut self) -> (Vec<Change>, State) {
        let mut state = [0; ROUTE_COUNT];
        let mut changes = self.restore_permanent(&mut state);
        for _ in 0..2 * ROUTE_COUNT {
            let route = (self.below)(ROUTE_COUNT);
            let change = self.change(&state, route);
            self.apply(&mut state, change);
            changes.push(change);
        }
        (changes, state)
    }
}
