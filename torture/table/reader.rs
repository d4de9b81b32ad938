// SPDX-License-Identifier: GPL-2.0

//! Readers.

use super::{
    check::{DumpCheck, GroupJudge, Judge},
    finding::Finding,
    universe::{Asked, GROUPS},
    Random, TableTorture,
};
use crate::rcu_table::{read_lock, LookupPath, Snapshot};
use kernel::{prelude::*, sync::Arc};

/// What a reader's step was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One address was looked up, and the nodes on the way were looked at again later.
    Lookup,
    /// All addresses of a group were looked up in one snapshot.
    Group,
    /// All routes were dumped.
    Dump,
}

impl Reading {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Lookup, Self::Group, Self::Dump];

    /// The name under which such steps are counted.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookups",
            Self::Group => "groups",
            Self::Dump => "dumps",
        }
    }
}

/// What a step has found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) reading: Reading,
    /// Whether what was read changed meanwhile.
    pub(crate) raced: bool,
}

/// Reads the table, and checks all that it is told.
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

    /// One step. `delay` is called in the critical section, with nodes that have to stay.
    ///
    /// Context: any; waits where `delay` does.
    pub(crate) fn step(
        &mut self,
        random: &mut Random<'_>,
        delay: &mut dyn FnMut(),
    ) -> Result<Read, Finding> {
        let (reading, raced) = match random(256) {
            0 => (Reading::Dump, self.dump()?),
            1..=63 => (Reading::Group, self.group(random, delay)?),
            _ => (Reading::Lookup, self.lookup(random, delay)?),
        };
        Ok(Read { reading, raced })
    }

    fn dump(&mut self) -> Result<bool, Finding> {
        let torture = &*self.torture;
        self.dump
            .check(&torture.table, &torture.universe, &torture.versions)
    }

    fn lookup(&self, random: &mut Random<'_>, delay: &mut dyn FnMut()) -> Result<bool, Finding> {
        let torture = &*self.torture;
        let all = torture.universe.asked();
        let Some(asked) = all.get(random(all.len() as u32) as usize) else {
            return Ok(false);
        };
        let judge = Judge::new(&torture.universe, &torture.versions, asked);
        let guard = read_lock();
        let snapshot = torture.table.snapshot(&guard);
        let path = snapshot.lookup_path(asked.address);
        let found = path.route();
        let raced = judge.route(found.as_ref())?;
        match random(2) {
            0 => judge.route(snapshot.lookup(asked.address).as_ref())?,
            _ => judge.next_hop(snapshot.next_hop(asked.address).as_ref())?,
        };
        inspect(asked, &path)?;
        delay();
        inspect(asked, &path)?;
        match found {
            Some(before) if path.route() != found => {
                let address = asked.address;
                Err(Finding::ChangedUnderReader { address, before })
            }
            _ => Ok(raced),
        }
    }

    fn group(&self, random: &mut Random<'_>, delay: &mut dyn FnMut()) -> Result<bool, Finding> {
        let torture = &*self.torture;
        let number = random(GROUPS as u32) as usize;
        let members = torture.universe.group(number);
        let first = random(members.len() as u32) as usize;
        let mut judge = GroupJudge::new(&torture.universe, &torture.versions, number);
        let guard = read_lock();
        let snapshot = torture.table.snapshot(&guard);
        let (behind, before) = members.split_at(first.min(members.len()));
        for asked in before {
            look_up_member(&mut judge, &snapshot, asked)?;
        }
        delay();
        for asked in behind {
            look_up_member(&mut judge, &snapshot, asked)?;
        }
        Ok(judge.is_raced())
    }
}

fn look_up_member(
    judge: &mut GroupJudge<'_>,
    snapshot: &Snapshot<'_>,
    asked: &Asked,
) -> Result<(), Finding> {
    let path = snapshot.lookup_path(asked.address);
    judge.route(asked, snapshot.lookup(asked.address).as_ref())?;
    inspect(asked, &path)
}

/// Checks that none of the nodes has been reclaimed.
fn inspect(asked: &Asked, path: &LookupPath<'_>) -> Result<(), Finding> {
    let address = asked.address;
    match path.first_poisoned() {
        Some(depth) => Err(Finding::ReachedReclaimed { address, depth }),
        None => Ok(()),
    }
}
