// SPDX-License-Identifier: GPL-2.0

//! The module parameters of scale, with refscale's names where they mean the same. They have a prefix, as those
//! of the stall lab do: `nreaders` is torture's already, and would surprise whoever sets it for the other.
//!
//! A run takes them as they are when it begins; what is set later is for the next one.

use super::control;
use crate::{
    kernel_ext::{cpu, params::parameter},
    rcu_table::Family,
};
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU8, Ordering};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Read-side critical sections.
    Read,
    /// Lookups in the table.
    Lookup,
    /// Changes of the table.
    Update,
    /// Grace periods.
    Gp,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Read, Self::Lookup, Self::Update, Self::Gp];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Lookup => "lookup",
            Self::Update => "update",
            Self::Gp => "gp",
        }
    }

    /// Passes of a run that nobody said anything about.
    const fn loops(self) -> u32 {
        match self {
            Self::Read | Self::Lookup => 1 << 20,
            Self::Update => 5_000,
            Self::Gp => 10,
        }
    }

    /// Whether the table is needed.
    const fn is_about_table(self) -> bool {
        matches!(self, Self::Lookup | Self::Update)
    }
}

/// Who changes the table while it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Writer {
    /// Nobody.
    None,
    /// Someone, a thousand times a second.
    Paced,
    /// Someone, as fast as it goes.
    Full,
    /// Someone as fast, who changes another table: what [`Self::Full`] is compared with.
    Apart,
}

impl Writer {
    /// Those that can be asked for.
    const CHOICES: [Self; 3] = [Self::None, Self::Paced, Self::Full];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Paced => "paced",
            Self::Full => "full",
            Self::Apart => "apart",
        }
    }
}

/// Which families of routes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Families {
    Both,
    Inet,
    Inet6,
}

impl Families {
    const ALL: [Self; 3] = [Self::Both, Self::Inet, Self::Inet6];

    const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        }
    }
}

/// As iproute2 has it.
pub(super) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    }
}

/// The most readers, passes and runs that can be asked for.
const MAX_READERS: i32 = 512;
const MAX_LOOPS: u32 = 1 << 26;
const MAX_RUNS: u32 = 1000;

// ORDERING: Each knob stands alone; nothing is published through them.
static READERS: AtomicI32 = AtomicI32::new(-1);
static LOOPS: AtomicU32 = AtomicU32::new(0);
static RUNS: AtomicU32 = AtomicU32::new(10);
static SEED: AtomicU32 = AtomicU32::new(1);
static WRITER: AtomicU8 = AtomicU8::new(Writer::None as u8);
static FAMILIES: AtomicU8 = AtomicU8::new(Families::Both as u8);

/// What a run is to do: the knobs as they were when it began.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    /// At most one for each CPU.
    pub(super) readers: u32,
    pub(super) loops: u32,
    pub(super) runs: u32,
    pub(super) seed: u32,
    pub(super) writer: Writer,
    families: Families,
}

impl Plan {
    pub(super) fn from_knobs(kind: Kind) -> Self {
        let cpus = cpu::online().count() as u32;
        let readers = u32::try_from(READERS.load(Ordering::Relaxed)).unwrap_or(cpus);
        Self {
            kind,
            readers: readers.clamp(1, cpus),
            loops: match LOOPS.load(Ordering::Relaxed) {
                0 => kind.loops(),
                loops => loops,
            },
            runs: RUNS.load(Ordering::Relaxed),
            seed: SEED.load(Ordering::Relaxed),
            writer: match kind {
                Kind::Lookup => writer(),
                _ => Writer::None,
            },
            families: families(),
        }
    }

    /// The numbers of readers that are measured: one, and as many as were asked for.
    pub(super) fn crowds(&self) -> impl Iterator<Item = u32> {
        let many = self.readers;
        [1, many].into_iter().take(if many > 1 { 2 } else { 1 })
    }

    /// The families that were asked for.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> {
        let wanted = self.families;
        Family::ALL.into_iter().filter(move |family| match wanted {
            Families::Both => true,
            Families::Inet => *family == Family::Inet,
            Families::Inet6 => *family == Family::Inet6,
        })
    }

    /// Whether the table is needed.
    pub(super) fn is_about_table(&self) -> bool {
        self.kind.is_about_table()
    }
}

fn writer() -> Writer {
    let number = usize::from(WRITER.load(Ordering::Relaxed));
    Writer::CHOICES.get(number).copied().unwrap_or(Writer::None)
}

fn families() -> Families {
    let number = usize::from(FAMILIES.load(Ordering::Relaxed));
    Families::ALL.get(number).copied().unwrap_or(Families::Both)
}

/// The kinds, and none.
const CHOICES: [Option<Kind>; Kind::ALL.len() + 1] = [
    None,
    Some(Kind::Read),
    Some(Kind::Lookup),
    Some(Kind::Update),
    Some(Kind::Gp),
];

fn choice_name(choice: Option<Kind>) -> &'static str {
    choice.map_or("none", Kind::name)
}

parameter! {
    scale: "charp", 0o644,
    "Measures read, lookup, update or gp; none ends that; read, the state and the results (default none)",
    show: control::Status,
    set: |argument| {
        match argument.choice(&CHOICES, choice_name)? {
            Some(kind) => control::start(kind),
            None => {
                control::stop();
                Ok(())
            }
        }
    },
}

parameter! {
    scale_nreaders: "int", 0o644,
    "Reader threads of scale, a CPU each, besides a measurement with one; -1 for all CPUs (default -1)",
    show: READERS.load(Ordering::Relaxed),
    set: |argument| {
        let readers = argument.number(-1..=MAX_READERS)?;
        READERS.store(readers, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    scale_loops: "uint", 0o644,
    "Passes of each reader, or changes, in a run of scale, 0 for as many as it wants (default 0)",
    show: LOOPS.load(Ordering::Relaxed),
    set: |argument| {
        let loops = argument.number(0..=MAX_LOOPS)?;
        LOOPS.store(loops, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    scale_nruns: "uint", 0o644,
    "How often scale measures each of its rows (default 10)",
    show: RUNS.load(Ordering::Relaxed),
    set: |argument| {
        let runs = argument.number(1..=MAX_RUNS)?;
        RUNS.store(runs, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    scale_family: "charp", 0o644,
    "Routes that scale looks up and changes: both (default), inet or inet6",
    show: families().name(),
    set: |argument| {
        let families = argument.choice(&Families::ALL, Families::name)?;
        FAMILIES.store(families as u8, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    scale_writer: "charp", 0o644,
    "Who replaces routes by themselves while scale looks up: none (default), paced, 1000 times a second, or full",
    show: writer().name(),
    set: |argument| {
        let writer = argument.choice(&Writer::CHOICES, Writer::name)?;
        WRITER.store(writer as u8, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    scale_seed: "uint", 0o644,
    "From which scale makes its addresses: the same ones for the same seed and table (default 1)",
    show: SEED.load(Ordering::Relaxed),
    set: |argument| {
        let seed = argument.number(0..=u32::MAX)?;
        SEED.store(seed, Ordering::Relaxed);
        Ok(())
    },
}
