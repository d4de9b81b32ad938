// SPDX-License-Identifier: GPL-2.0

//! A walk of all routes of a family, in the order of a dump.

use super::{
    fib::{common_depth, depth_of, value_at, Level, Position, Prefixes, MAX_DEPTH, STRIDE, VALUES},
    Prefix,
};

/// A level on the path of a walk.
#[derive(Clone, Copy)]
struct Place<'r> {
    level: Level<'r>,
    /// The first prefix that follows; none at the end.
    next: Option<Position>,
    /// The value of the child that follows; [`VALUES`] at the end.
    child: usize,
}

impl<'r> Place<'r> {
    fn new(level: Level<'r>, from: usize) -> Self {
        let child = level.next_child(from).map_or(VALUES, usize::from);
        Self {
            level,
            next: Some(Position::at_index(0)),
            child,
        }
    }
}

/// A depth-first walk.
pub(super) struct Walk<'r> {
    path: [Option<Place<'r>>; MAX_DEPTH + 1],
    depth: usize,
    /// The prefixes of the deepest level on the path that follow.
    prefixes: Prefixes,
}

impl<'r> Walk<'r> {
    /// Begins at or before the routes of `from`, or with the first route.
    pub(super) fn new(root: Level<'r>, from: Option<&Prefix>) -> Self {
        let mut walk = Self {
            path: [None; MAX_DEPTH + 1],
            depth: 0,
            prefixes: Prefixes::NONE,
        };
        walk.path[0] = Some(Place::new(root, 0));
        if let Some(prefix) = from {
            walk.seek(prefix);
        }
        walk.read();
        walk
    }

    /// Descends towards the prefix as far as levels exist, and skips what is before it.
    fn seek(&mut self, prefix: &Prefix) {
        let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
        while let Some(place) = &mut self.path[self.depth] {
            let (level, depth) = (place.level, place.level.depth());
            if depth >= target {
                // A level that is not above the prefix is walked from its start.
                if depth == target && common_depth(level.bits(), bits) >= depth {
                    let at = Position::of(bits, prefix.len());
                    *place = Place::new(level, at.first().into());
                    place.next = Some(at);
                }
                return;
            }
            let value = value_at(bits, depth);
            *place = Place::new(level, value.into());
            place.next = Some(Position::new(value, STRIDE));
            let Some(child) = level.child(value) else {
                return;
            };
            let is_above = common_depth(child.bits(), bits) >= child.depth();
            if child.depth() > target || !is_above {
                // The updaters' mutex is held, so routes before the prefix must not be walked.
                if child.bits() < bits {
                    place.advance();
                }
                return;
            }
            place.advance();
            self.enter(child);
        }
    }

    fn enter(&mut self, child: Level<'r>) {
        self.depth += 1;
        self.path[self.depth] = Some(Place::new(child, 0));
    }

    /// Reads the prefixes of the deepest level.
    fn read(&mut self) {
        self.prefixes = Prefixes::NONE;
        let Some(place) = &self.path[self.depth] else {
            return;
        };
        if let Some(next) = place.next {
            self.prefixes = place.level.prefixes();
            self.prefixes.skip_to(next);
        }
    }

    /// Returns the next prefix with routes, and its level and position there.
    pub(super) fn next_prefix(&mut self) -> Option<(Prefix, Level<'r>, Position)> {
        loop {
            let place = self.path[self.depth].as_mut()?;
            // A prefix whose first value is the child's comes before every prefix in the child.
            let first = self.prefixes.first();
            if let Some(at) = first.filter(|at| usize::from(at.first()) <= place.child) {
                self.prefixes.take_first();
                return Some((prefix_of(&place.level, at), place.level, at));
            }
            let child = u8::try_from(place.child).ok();
            if let Some(child) = child.and_then(|value| place.level.child(value)) {
                place.next = first;
                place.advance();
                self.enter(child);
            } else {
                self.depth = self.depth.checked_sub(1)?;
            }
            self.read();
        }
    }
}

impl Place<'_> {
    /// Moves on to the next child.
    fn advance(&mut self) {
        let child = self.level.next_child(self.child + 1);
        self.child = child.map_or(VALUES, usize::from);
    }
}

/// Returns the prefix at a position of a level.
fn prefix_of(level: &Level<'_>, at: Position) -> Prefix {
    let len = level.depth() * STRIDE + at.bits();
    Prefix::covering(level.family(), level.bits_of(at.first()), len)
}
