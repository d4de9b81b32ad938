// SPDX-License-Identifier: GPL-2.0

//! What the writer does: a random step, and the state of the table after it.

use super::{
    history::State,
    universe::{Family, Kind, Universe, ROUTE_COUNT},
};

/// What an insert expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Add,
    Change,
    Replace,
}

/// A change of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Put(Verb, usize),
    Remove(usize),
    Flush(Family),
}

/// What the writer does in one step. Each takes a step, also where the table must stay as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// One change.
    One(Change),
    /// A transaction.
    Commit(Vec<Change>),
    /// A transaction whose last change cannot be made: none happens.
    Refuse(Vec<Change>),
    /// A transaction that is given up.
    Abort(Vec<Change>),
    /// A whole new table.
    Reload(Vec<Change>),
    /// One that is given up.
    AbortReload(Vec<Change>),
}

/// The writer's way.
pub struct Plan<'a, R> {
    universe: &'a Universe,
    /// A random number below another.
    below: R,
    /// The number of the last step.
    pub step: u32,
    /// The table after it.
    pub state: State,
}

impl<'a, R: FnMut(usize) -> usize> Plan<'a, R> {
    /// Begins with an empty table.
    pub fn new(universe: &'a Universe, below: R) -> Self {
        Self {
            universe,
            below,
            step: 0,
            state: [0; ROUTE_COUNT],
        }
    }

    /// The first step: the routes that stay come.
    pub fn first(&mut self) -> Action {
        self.begin();
        let mut state = self.state;
        let changes = self.put_back(&mut state);
        self.state = state;
        Action::Commit(changes)
    }

    /// The next step. `waits` says whether it is to be one that waits for a grace period.
    pub fn next(&mut self, waits: bool) -> Action {
        self.begin();
        if waits {
            return match (self.below)(4) {
                0 => self.flush(),
                1 => self.reload(),
                2 => Action::AbortReload(self.new_table().0),
                _ => self.commit(true),
            };
        }
        match (self.below)(100) {
            0..3 => self.refuse(),
            3..5 => Action::Abort(self.batch_or_flush().0),
            5..30 => self.commit(false),
            _ => self.one(),
        }
    }

    fn begin(&mut self) {
        self.step += 1;
    }

    fn apply(&self, state: &mut State, change: Change) {
        match change {
            Change::Put(_, route) => state[route] = self.step,
            Change::Remove(route) => state[route] = 0,
            Change::Flush(family) => {
                for (there, route) in state.iter_mut().zip(&self.universe.routes) {
                    if route.family() == family {
                        *there = 0;
                    }
                }
            }
        }
    }

    fn flush(&mut self) -> Action {
        // The other family has routes that stay.
        let change = Change::Flush(Family::Inet6);
        let mut state = self.state;
        self.apply(&mut state, change);
        self.state = state;
        Action::One(change)
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

    fn one(&mut self) -> Action {
        let mut state = self.state;
        let change = loop {
            let route = (self.below)(ROUTE_COUNT);
            if self.universe.routes[route].kind != Kind::Batched {
                break self.change(&state, route);
            }
        };
        self.apply(&mut state, change);
        self.state = state;
        Action::One(change)
    }

    /// A change of that route which can be made.
    fn change(&mut self, state: &State, route: usize) -> Change {
        let stays = self.universe.routes[route].kind == Kind::Stable;
        match (state[route] != 0, (self.below)(4)) {
            (true, 0) => Change::Put(Verb::Change, route),
            (true, 1) => Change::Put(Verb::Replace, route),
            (true, _) if stays => Change::Put(Verb::Replace, route),
            (true, _) => Change::Remove(route),
            (false, 0) => Change::Put(Verb::Replace, route),
            (false, _) => Change::Put(Verb::Add, route),
        }
    }

    /// Changes that will not be made, so that nothing waits.
    fn batch_or_flush(&mut self) -> (Vec<Change>, State) {
        let flush = (self.below)(4) == 0;
        self.batch(flush)
    }

    /// Changes, and the state after them.
    fn batch(&mut self, flush: bool) -> (Vec<Change>, State) {
        let mut state = self.state;
        let mut changes = Vec::new();
        if flush {
            let family = [Family::Inet, Family::Inet6][(self.below)(2)];
            changes.push(Change::Flush(family));
            self.apply(&mut state, Change::Flush(family));
            changes.extend(self.put_back(&mut state));
        }
        for _ in 0..=(self.below)(16) {
            let route = (self.below)(ROUTE_COUNT);
            let change = self.change(&state, route);
            self.apply(&mut state, change);
            changes.push(change);
        }
        (changes, state)
    }

    /// Adds the routes that stay, where they are not there.
    fn put_back(&mut self, state: &mut State) -> Vec<Change> {
        let stays = |route: &usize| self.universe.routes[*route].kind == Kind::Stable;
        let gone = (0..ROUTE_COUNT)
            .filter(stays)
            .filter(|&route| state[route] == 0);
        let changes: Vec<_> = gone.map(|route| Change::Put(Verb::Add, route)).collect();
        changes.iter().for_each(|&change| self.apply(state, change));
        changes
    }

    fn refuse(&mut self) -> Action {
        let (mut changes, state) = self.batch_or_flush();
        let route = (self.below)(ROUTE_COUNT);
        changes.push(match (state[route] != 0, (self.below)(2)) {
            (true, _) => Change::Put(Verb::Add, route),
            (false, 0) => Change::Put(Verb::Change, route),
            (false, _) => Change::Remove(route),
        });
        Action::Refuse(changes)
    }

    /// A table with the routes that stay and some others.
    fn new_table(&mut self) -> (Vec<Change>, State) {
        let mut state = [0; ROUTE_COUNT];
        let mut changes = self.put_back(&mut state);
        for _ in 0..2 * ROUTE_COUNT {
            let route = (self.below)(ROUTE_COUNT);
            let change = self.change(&state, route);
            self.apply(&mut state, change);
            changes.push(change);
        }
        (changes, state)
    }
}
