// SPDX-License-Identifier: GPL-2.0

//! Readers of the table under torture.

use super::{
    dump_check::DumpCheck,
    finding::Finding,
    lookup_check::{GroupCheck, LookupCheck},
    universe::{Target, GROUPS},
    Random, TableTorture,
};
use crate::rcu_table::{read_lock, LookupPath, Snapshot};
use kernel::{prelude::*, sync::Arc};

/// The kind of a reader's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadKind {
    /// Looks up one address, and checks twice that no node on its path was reclaimed.
    Lookup,
    /// Looks up all addresses of a group in one snapshot.
    Group,
    /// Dumps all routes.
    Dump,
}

impl ReadKind {
    /// All kinds.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Lookup, Self::Group, Self::Dump];

    /// Returns the name of the counter of such steps.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookups",
            Self::Group => "groups",
            Self::Dump => "dumps",
        }
    }
}

/// A reader's step without a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) kind: ReadKind,
    /// Whether a change raced with the step.
    pub(crate) is_raced: bool,
}

/// A reader that checks each answer of the table.
pub(crate) struct Reader {
    torture: Arc<TableTorture>,
    dump: DumpCheck,
}

impl Reader {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(crate) fn new(torture: Arc<TableTorture>) -> Result<Self> {
        let dump = DumpCheck::new(&torture.universe)?;
        Ok(Self { torture, dump })
    }

    /// Makes a random step. Calls `delay` inside the critical section of a lookup or a group.
    ///
    /// Context: any, unless `delay` requires more.
    pub(crate) fn step(
        &mut self,
        random: &mut Random<'_>,
        delay: &mut dyn FnMut(),
    ) -> Result<Read, Finding> {
        let (kind, is_raced) = match random(256) {
            0 => (ReadKind::Dump, self.dump()?),
            1..=63 => (ReadKind::Group, self.group(random, delay)?),
            _ => (ReadKind::Lookup, self.lookup(random, delay)?),
        };
        Ok(Read { kind, is_raced })
    }

    fn dump(&mut self) -> Result<bool, Finding> {
        let torture = &*self.torture;
        self.dump
            .check(&torture.table, &torture.universe, &torture.versions)
    }

    fn lookup(&self, random: &mut Random<'_>, delay: &mut dyn FnMut()) -> Result<bool, Finding> {
        let torture = &*self.torture;
        let targets = torture.universe.targets();
        let Some(target) = targets.get(random(targets.len() as u32) as usize) else {
            return Ok(false);
        };
        let check = LookupCheck::new(&torture.universe, &torture.versions, target);
        let guard = read_lock();
        let snapshot = torture.table.snapshot(&guard);
        let path = snapshot.lookup_path(target.address);
        let found = path.route();
        let is_raced = check.route(found.as_ref())?;
        match random(2) {
            0 => check.route(snapshot.lookup(target.address).as_ref())?,
            _ => check.next_hop(snapshot.next_hop(target.address).as_ref())?,
        };
        check_path(target, &path)?;
        delay();
        check_path(target, &path)?;
        match found {
            Some(before) if path.route() != found => {
                let address = target.address;
                Err(Finding::ChangedUnderReader { address, before })
            }
            _ => Ok(is_raced),
        }
    }

    fn group(&self, random: &mut Random<'_>, delay: &mut dyn FnMut()) -> Result<bool, Finding> {
        let torture = &*self.torture;
        let number = random(GROUPS as u32) as usize;
        let members = torture.universe.group(number);
        let first = random(members.len() as u32) as usize;
        let mut check = GroupCheck::new(&torture.universe, &torture.versions, number);
        let guard = read_lock();
        let snapshot = torture.table.snapshot(&guard);
        let (after_delay, before_delay) = members.split_at(first.min(members.len()));
        for target in before_delay {
            look_up_member(&mut check, &snapshot, target)?;
        }
        delay();
        for target in after_delay {
            look_up_member(&mut check, &snapshot, target)?;
        }
        Ok(check.is_raced())
    }
}

fn look_up_member(
    check: &mut GroupCheck<'_>,
    snapshot: &Snapshot<'_>,
    target: &Target,
) -> Result<(), Finding> {
    let path = snapshot.lookup_path(target.address);
    check.route(target, snapshot.lookup(target.address).as_ref())?;
    check_path(target, &path)
}

/// Checks that no node of the path was reclaimed.
fn check_path(target: &Target, path: &LookupPath<'_>) -> Result<(), Finding> {
    let address = target.address;
    match path.first_poisoned() {
        Some(depth) => Err(Finding::ReachedReclaimed { address, depth }),
        None => Ok(()),
    }
}
