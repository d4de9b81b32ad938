// SPDX-License-Identifier: GPL-2.0

//! A change of one prefix: the walk to its level, the new level, and its publication.
//!
//! The updater builds all memory before its first store that a reader sees. Without memory the
//! routes are unchanged; a transaction may have made copies with equal contents.

use super::{
    common_depth, depth_of,
    hidden::{Hidden, Position},
    level::{At, Level},
    node::Link,
    node_at::NodeAt,
    object::{gfp, Fib},
    roots::Root,
    splice::{Splice, Spot},
    value_at, Blueprint, Edit, Slot, Slots, MAX_DEPTH, STRIDE,
};
use crate::rcu_table::{stats::Footprint, table::yield_after, Family, Prefix};
use kernel::prelude::*;

/// The most objects that a change of one prefix unlinks: its path, copied or replaced.
pub(in super::super) const MAX_UNLINKED: usize = MAX_DEPTH + 2;

/// The owner of the pages and nodes below a root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Owner {
    /// Readers see all of them.
    Published,
    /// A transaction owns the private ones; readers see the others.
    Transaction,
    /// No reader sees any.
    Reload,
}

impl Owner {
    /// Returns whether no reader has a level's object.
    fn owns(self, level: Level<'_>) -> bool {
        match self {
            Self::Published => false,
            Self::Transaction => level.is_private(),
            Self::Reload => true,
        }
    }
}

/// The memory that changes have added and removed.
#[derive(Clone, Copy, Default)]
pub(in super::super) struct Growth {
    pub(in super::super) added: Footprint,
    pub(in super::super) removed: Footprint,
}

/// A change in progress.
pub(in super::super) struct Editor<'e> {
    pub(in super::super) root: Root<'e>,
    pub(in super::super) family: Family,
    pub(in super::super) owner: Owner,
    pub(in super::super) blueprint: &'e mut Blueprint,
    /// The objects that readers may still use.
    pub(in super::super) unlinked: &'e mut KVVec<Fib>,
    pub(in super::super) growth: &'e mut Growth,
}

/// A node on the path of a change, and the slot that links to it.
#[derive(Clone, Copy)]
pub(super) struct Step<'e> {
    pub(super) slot: &'e Slot,
    /// The depth of the level to which the slot leads if none is left out.
    pub(super) depth: u8,
    pub(super) level: Level<'e>,
}

/// The nodes on the path of a change.
struct Path<'e> {
    page: Level<'e>,
    slots: &'e Slots,
    steps: [Option<Step<'e>>; MAX_DEPTH],
    len: usize,
}

/// Whether the family leaves out levels without routes and with one child.
pub(super) const fn skips(family: Family) -> bool {
    matches!(family, Family::Inet6)
}

impl<'e> Editor<'e> {
    /// Changes the routes of a prefix. `decide` gets their numbers, the lowest metric first.
    ///
    /// Errors: that of `decide`; `ENOMEM`. Context: may sleep.
    pub(in super::super) fn apply(
        &mut self,
        prefix: &Prefix,
        decide: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Result<Edit>,
    ) -> Result {
        if self.owner != Owner::Reload {
            self.unlinked.reserve(MAX_UNLINKED, gfp())?;
        }
        let bits = prefix.bits();
        let (root, target) = (self.root.level(self.family), depth_of(prefix.len()));
        let at = Position::of(bits, prefix.len());
        if target == 0 {
            return self.change_slots(root, self.root.slots(), at, decide);
        }
        let Some(page) = root.child(value_at(bits, 0)) else {
            self.edit(None, target, at, decide)?;
            return self.add_page(bits, target, at);
        };
        let page = self.own_page(page)?;
        let At::Slots(slots) = page.at else {
            return Err(EINVAL);
        };
        if target > 1 {
            return self.change_below(page, slots, prefix, decide);
        }
        self.change_slots(page, slots, at, decide)?;
        self.remove_empty(page, slots);
        Ok(())
    }

    /// Reads a level into the blueprint, or an empty one, and changes the routes of a prefix there.
    fn edit(
        &mut self,
        level: Option<Level<'_>>,
        depth: u8,
        at: Position,
        decide: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Result<Edit>,
    ) -> Result<Edit> {
        match level {
            Some(level) => level.read(self.blueprint)?,
            None => self.blueprint.clear(depth * STRIDE),
        }
        let edit = decide(&mut self.blueprint.numbers(at))?;
        self.blueprint.apply(at, edit)?;
        Ok(edit)
    }

    /// Changes a route of a root or page in place. Only values of the prefix change.
    fn change_slots(
        &mut self,
        level: Level<'_>,
        slots: &Slots,
        at: Position,
        decide: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Result<Edit>,
    ) -> Result {
        let edit = self.edit(Some(level), level.depth(), at, decide)?;
        if self.blueprint.hidden_changed {
            let hidden = match self.blueprint.hidden.is_empty() {
                true => None,
                false => Some(KBox::new(self.blueprint.hidden.copy()?, gfp())?),
            };
            let old = slots.hidden().map_or(0, Hidden::bytes);
            self.growth.removed.bytes += old;
            self.growth.added.bytes += hidden.as_ref().map_or(0, |hidden| hidden.bytes());
            slots.set_hidden(hidden);
        }
        self.store(slots, at);
        match edit {
            Edit::Insert(..) => slots.count_routes(1),
            Edit::Replace(..) => (),
            Edit::Remove(_) => slots.count_routes(-1),
        }
        Ok(())
    }

    /// Stores the best routes of the values of a prefix.
    pub(super) fn store(&self, slots: &Slots, at: Position) {
        for value in at.first().into()..at.end() {
            let (slot, best) = (&slots.0[value], self.blueprint.best_of(value));
            if slot.best() != best {
                slot.set_best(best);
            }
        }
    }

    /// Returns the link to an object that was built, and counts the object.
    pub(super) fn count(&mut self, fib: &Fib) -> Link {
        self.growth.added.add(fib.footprint());
        match self.owner {
            Owner::Transaction => fib.link().private(),
            Owner::Published | Owner::Reload => fib.link(),
        }
    }

    /// Ends an unlinked level's object.
    pub(super) fn dispose(&mut self, level: Level<'_>) {
        let fib = level.object();
        self.growth.removed.add(fib.footprint());
        if self.owner.owns(level) {
            return fib.free();
        }
        // `apply()` has reserved the room.
        let _ = self.unlinked.push_within_capacity(fib);
    }

    /// Returns a page that the change can write: in a transaction, its own copy.
    fn own_page(&mut self, page: Level<'e>) -> Result<Level<'e>> {
        let At::Slots(slots) = page.at else {
            return Ok(page);
        };
        if self.owner != Owner::Transaction || page.is_private() {
            return Ok(page);
        }
        let copy = Fib::page(Some(slots))?;
        let value = value_at(page.bits(), 0);
        let link = self.count(&copy);
        self.root.slots().0[usize::from(value)].set_link(link.0.as_ptr());
        self.dispose(page);
        self.root.level(self.family).child(value).ok_or(ENOENT)
    }

    /// Returns a node whose slots the change can write: in a transaction, its own copy.
    fn own_node(&mut self, step: Step<'e>) -> Result<Level<'e>> {
        if self.owner != Owner::Transaction || step.level.is_private() {
            return Ok(step.level);
        }
        let copy = step.level.object().copy()?;
        let link = self.count(&copy);
        step.slot.set_link(self.linked(step, link));
        self.dispose(step.level);
        // SAFETY: The copy is a live node. Only `dispose()` frees it before the end of the
        // transaction, after the last use of its level.
        let node = unsafe { NodeAt::new(link) };
        Ok(step.level.with_node(node))
    }

    /// Returns a link to a node in the place of a step's level.
    fn linked(&self, step: Step<'_>, link: Link) -> *mut u8 {
        let skipped = step.level.depth() - step.depth;
        link.skipping(skipped).0.as_ptr()
    }

    /// Unlinks a page without routes and children.
    fn remove_empty(&mut self, page: Level<'e>, slots: &Slots) {
        if slots.is_empty() {
            let value = usize::from(value_at(page.bits(), 0));
            self.root.slots().0[value].set_link(Link::no_page().0.as_ptr());
            self.dispose(page);
        }
    }

    /// Changes a prefix below a page.
    fn change_below(
        &mut self,
        page: Level<'e>,
        slots: &'e Slots,
        prefix: &Prefix,
        decide: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Result<Edit>,
    ) -> Result {
        let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
        let at = Position::of(bits, prefix.len());
        let mut path = Path {
            page,
            slots,
            steps: [None; MAX_DEPTH],
            len: 0,
        };
        let mut above = page;
        let mut slot = &slots.0[usize::from(value_at(bits, 1))];
        loop {
            Link::of(slot).prefetch();
            let depth = above.depth() + 1;
            let Some(level) = above.below(above.value_in(bits), Link::of(slot)) else {
                self.edit(None, target, at, decide)?;
                let built = self.chain(bits, depth, target)?;
                slot.set_link(self.adopt(&built).0.as_ptr());
                slots.count_children(1);
                return Ok(());
            };
            let mut step = Step { slot, depth, level };
            let common = common_depth(level.bits(), bits).min(target);
            if common < level.depth() {
                self.edit(None, target, at, decide)?;
                return self.branch(step, bits, target, common);
            }
            if level.depth() == target {
                return self.change_node(&path, step, at, decide);
            }
            step.level = self.own_node(step)?;
            let At::Node(node) = step.level.at else {
                return Err(EINVAL);
            };
            let Some(next) = node.slot_of(step.level.value_in(bits)) else {
                self.edit(None, target, at, decide)?;
                return self.add_child(step, bits, target);
            };
            path.steps[path.len] = Some(step);
            path.len += 1;
            (above, slot) = (step.level, next);
        }
    }

    /// Changes a prefix of the node of a step.
    fn change_node(
        &mut self,
        path: &Path<'e>,
        step: Step<'e>,
        at: Position,
        decide: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Result<Edit>,
    ) -> Result {
        let level = step.level;
        let Some(spot) = Spot::of_prefix(&level, at) else {
            self.edit(Some(level), level.depth(), at, decide)?;
            return self.finish(path, step);
        };
        let edit = decide(&mut spot.number().into_iter())?;
        if let Some(splice) = spot.plan(edit) {
            return self.splice(step, &spot, &splice);
        }
        level.read(self.blueprint)?;
        self.blueprint.apply(at, edit)?;
        self.finish(path, step)
    }

    /// Changes the node of a step in place, or replaces it by a changed copy.
    pub(super) fn splice(&mut self, step: Step<'e>, spot: &Spot<'_>, splice: &Splice) -> Result {
        let scratch = &mut self.blueprint.scratch;
        if self.owner.owns(step.level) && spot.change_in_place(splice, scratch) {
            return Ok(());
        }
        self.replace(step, &spot.build(splice)?);
        self.dispose(step.level);
        Ok(())
    }

    /// Replaces the level of a step by one that was built.
    pub(super) fn replace(&mut self, step: Step<'e>, new: &Fib) {
        let link = self.count(new);
        step.slot.set_link(self.linked(step, link));
    }

    /// Publishes the changed level of a step, which is in the blueprint. Builds a new node, unless
    /// the level has become empty, or in IPv6 has only one child.
    fn finish(&mut self, path: &Path<'e>, step: Step<'e>) -> Result {
        let (mut last, mut kept) = (step, path.len);
        loop {
            let first = self.blueprint.children().next();
            let is_bare = self.blueprint.children().nth(1).is_none();
            let is_bare = is_bare && self.blueprint.has_no_routes();
            match first {
                None if is_bare => {
                    let above = kept.checked_sub(1).and_then(|above| path.steps[above]);
                    let Some(above) = above else {
                        last.slot.set_link(Link::no_node().0.as_ptr());
                        path.slots.count_children(-1);
                        self.remove_empty(path.page, path.slots);
                        break;
                    };
                    let value = above.level.value_in(last.level.bits());
                    let spot = Spot::of_value(&above.level, value);
                    let splice = spot.as_ref().and_then(Spot::without_child);
                    if let (Some(spot), Some(splice)) = (spot, splice) {
                        self.splice(above, &spot, &splice)?;
                        break;
                    }
                    above.level.read(self.blueprint)?;
                    self.blueprint.set_child(value, None);
                    (last, kept) = (above, kept - 1);
                }
                Some(only) if is_bare && skips(self.family) => {
                    let depth = last.level.depth() + 1 + only.skipped();
                    let link = only.skipping(depth - last.depth);
                    last.slot.set_link(link.0.as_ptr());
                    break;
                }
                _ => {
                    let new = self.build(last.level.bits(), last.level.depth())?;
                    self.replace(last, &new);
                    break;
                }
            }
        }
        self.dispose(step.level);
        for above in path.steps[kept..path.len].iter().flatten() {
            self.dispose(above.level);
        }
        Ok(())
    }
}

impl<'a> Root<'a> {
    /// Calls `visit` with the slots and levels that a transaction owns, children first.
    fn each_private(self, family: Family, visit: &mut impl FnMut(&Slot, Level<'a>)) {
        self.level(family).each_private(visit);
    }

    /// Clears the private bit of each link to an object that a transaction owns, for publication.
    pub(in super::super) fn unmark_private(self, family: Family) {
        let mut levels = 0;
        self.each_private(family, &mut |slot, _| {
            slot.set_link(Link::of(slot).public().0.as_ptr());
            levels += 1;
            yield_after(levels);
        });
    }

    /// Frees everything that a transaction owns.
    pub(in super::super) fn free_private(self, family: Family) {
        let mut levels = 0;
        self.each_private(family, &mut |_, level| {
            level.object().free();
            levels += 1;
            yield_after(levels);
        });
    }
}
