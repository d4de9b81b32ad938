// SPDX-License-Identifier: GPL-2.0

//! The levels that a change adds: below a slot without child, below a node, above a node that is
//! not on the prefix's path, and a page.

use super::{
    edit::{skips, Editor, Owner, Step},
    hidden::Position,
    node::Link,
    object::Fib,
    splice::Spot,
    value_at, STRIDE,
};
use crate::rcu_table::prefix::mask;
use kernel::prelude::*;

/// Nodes that were built and not published, from the top.
pub(super) struct Built {
    fibs: [Fib; 2],
    link: Link,
}

impl Built {
    fn free(self) {
        for fib in self.fibs {
            fib.free();
        }
    }
}

impl<'e> Editor<'e> {
    /// Builds a node at a depth from the blueprint.
    pub(super) fn build(&mut self, bits: u128, depth: u8) -> Result<Fib> {
        let key = bits & mask(depth * STRIDE);
        self.blueprint.build(skips(self.family).then_some(key))
    }

    /// Builds the level of a new prefix from the blueprint, and the levels between it and a slot
    /// for `depth`.
    pub(super) fn chain(&mut self, bits: u128, depth: u8, target: u8) -> Result<Built> {
        let leaf = self.build(bits, target)?;
        if skips(self.family) || depth == target {
            let link = leaf.link().skipping(target - depth);
            return Ok(Built {
                fibs: [leaf, Fib::NONE],
                link,
            });
        }
        // IPv4 has one level between the page and the deepest level.
        self.blueprint.clear(depth * STRIDE);
        let value = value_at(bits, depth);
        self.blueprint
            .set_child(value, Some(self.marked(leaf.link())));
        match self.build(bits, depth) {
            Ok(above) => {
                let link = above.link();
                let fibs = [above, leaf];
                Ok(Built { fibs, link })
            }
            Err(error) => {
                leaf.free();
                Err(error)
            }
        }
    }

    /// Returns the link to an object that was built.
    fn marked(&self, link: Link) -> Link {
        match self.owner {
            Owner::Transaction => link.private(),
            Owner::Published | Owner::Reload => link,
        }
    }

    /// Counts objects that were built. Returns the link to them.
    pub(super) fn adopt(&mut self, built: &Built) -> Link {
        for fib in &built.fibs {
            self.growth.added.add(fib.footprint());
        }
        self.marked(built.link)
    }

    /// Adds a page for the first prefix below a value of the root. The blueprint has the prefix's
    /// level.
    pub(super) fn add_page(&mut self, bits: u128, target: u8, at: Position) -> Result {
        let below = match target {
            1 => None,
            _ => Some(self.chain(bits, 2, target)?),
        };
        let page = match Fib::page(None) {
            Ok(page) => page,
            Err(error) => {
                if let Some(built) = below {
                    built.free();
                }
                return Err(error);
            }
        };
        if let Some(slots) = page.slots() {
            match below {
                None => {
                    self.store(slots, at);
                    slots.count_routes(1);
                }
                Some(built) => {
                    let link = self.adopt(&built);
                    slots.0[usize::from(value_at(bits, 1))].set_link(link.0.as_ptr());
                    slots.count_children(1);
                }
            }
        }
        let link = self.count(&page);
        let value = usize::from(value_at(bits, 0));
        self.root.slots().0[value].set_link(link.0.as_ptr());
        Ok(())
    }

    /// Adds the prefix's level, which the blueprint has, below a level that has no child there.
    pub(super) fn add_child(&mut self, step: Step<'e>, bits: u128, target: u8) -> Result {
        let level = step.level;
        let built = self.chain(bits, level.depth() + 1, target)?;
        match self.link_child(step, level.value_in(bits), self.marked(built.link)) {
            Ok(()) => {
                self.adopt(&built);
                Ok(())
            }
            Err(error) => {
                built.free();
                Err(error)
            }
        }
    }

    /// Adds a child to the node of a step.
    fn link_child(&mut self, step: Step<'e>, value: u8, link: Link) -> Result {
        let level = step.level;
        if let Some(spot) = Spot::of_value(&level, value) {
            return self.splice(step, &spot, &spot.with_child(link));
        }
        level.read(self.blueprint)?;
        self.blueprint.set_child(value, Some(link));
        let new = self.build(level.bits(), level.depth())?;
        self.replace(step, &new);
        self.dispose(level);
        Ok(())
    }

    /// Adds the prefix's level, which the blueprint has, above a level that is not on its path. The
    /// paths have `common` bytes in common.
    pub(super) fn branch(&mut self, step: Step<'e>, bits: u128, target: u8, common: u8) -> Result {
        let old = step.level;
        let below = Link::of(step.slot).skipping(old.depth() - common - 1);
        let old_value = value_at(old.bits(), common);
        let mut leaf = Fib::NONE;
        if common < target {
            leaf = self.build(bits, target)?;
            self.blueprint.clear(common * STRIDE);
            let link = self.marked(leaf.link()).skipping(target - common - 1);
            self.blueprint.set_child(value_at(bits, common), Some(link));
        }
        self.blueprint.set_child(old_value, Some(below));
        match self.build(bits, common) {
            Ok(new) => {
                self.growth.added.add(leaf.footprint());
                let link = self.count(&new).skipping(common - step.depth);
                step.slot.set_link(link.0.as_ptr());
                Ok(())
            }
            Err(error) => {
                leaf.free();
                Err(error)
            }
        }
    }
}
