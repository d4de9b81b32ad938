// SPDX-License-Identifier: GPL-2.0

//! The module parameters of torture, with rcutorture's names where they mean the same.
//!
//! A run takes them as they are when it begins; what is set later is for the next one.

use super::{bug::Bug, control};
use crate::kernel_ext::{
    cpu,
    params::{parameter, YesNo},
    random::Random,
};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU8, Ordering};
use kernel::prelude::*;

/// What is tortured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Subject {
    /// Pointers that RCU protects.
    Rcu,
    /// Pointers that SRCU protects.
    Srcu,
    /// The route table.
    Table,
}

impl Subject {
    const ALL: [Self; 3] = [Self::Rcu, Self::Srcu, Self::Table];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rcu => "rcu",
            Self::Srcu => "srcu",
            Self::Table => "table",
        }
    }
}

/// The kinds of grace periods that updates wait for, as parameters choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sync,
    Exp,
    Call,
    Work,
    Poll,
    Cond,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Sync,
        Self::Exp,
        Self::Call,
        Self::Work,
        Self::Poll,
        Self::Cond,
    ];
}

/// The most threads of one kind.
const MAX_THREADS: i32 = 512;

/// Seconds of a run that shows something at its end alone.
const SHORT_RUN: u32 = 3;

/// The longest time that can be asked for.
const MAX_SECONDS: u32 = 7 * 24 * 3600;

// ORDERING: Each knob stands alone; nothing is published through them.
static READERS: AtomicI32 = AtomicI32::new(-1);
static FAKE_WRITERS: AtomicI32 = AtomicI32::new(4);
static SUBJECT: AtomicU8 = AtomicU8::new(Subject::Rcu as u8);
static BUG: AtomicU8 = AtomicU8::new(Bug::None as u8);
static KINDS: [AtomicBool; Kind::ALL.len()] = [const { AtomicBool::new(false) }; Kind::ALL.len()];
static STAT_INTERVAL: AtomicU32 = AtomicU32::new(15);
static STUTTER: AtomicU32 = AtomicU32::new(5);
static ONOFF_INTERVAL: AtomicU32 = AtomicU32::new(0);
static SHUTDOWN_SECS: AtomicU32 = AtomicU32::new(0);

/// What a run is to do: the knobs as they were when it began.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) subject: Subject,
    pub(super) bug: Bug,
    pub(super) readers: usize,
    pub(super) fake_writers: usize,
    kinds: [bool; Kind::ALL.len()],
    /// Seconds; 0 for never.
    pub(super) stat_interval: u32,
    pub(super) stutter: u32,
    pub(super) onoff_interval: u32,
    pub(super) shutdown: u32,
}

impl Plan {
    /// Errors: `EINVAL` for a bug that the subject cannot have.
    pub(super) fn from_knobs() -> Result<Self> {
        let mut kinds = [false; Kind::ALL.len()];
        for (kind, knob) in kinds.iter_mut().zip(&KINDS) {
            *kind = knob.load(Ordering::Relaxed);
        }
        if !kinds.contains(&true) {
            kinds.fill(true);
        }
        if bug().is_of_tables() && subject() != Subject::Table {
            pr_err!(
                "parameter torture: bug={} wants torture_type=table\n",
                bug().name()
            );
            return Err(EINVAL);
        }
        Ok(Self {
            subject: subject(),
            bug: bug(),
            readers: count(&READERS, cpu::online().count().saturating_sub(1).max(1)),
            fake_writers: count(&FAKE_WRITERS, 4),
            kinds,
            stat_interval: STAT_INTERVAL.load(Ordering::Relaxed),
            // Who waits for a mistake to be found does not want rests.
            stutter: match bug() {
                Bug::None => STUTTER.load(Ordering::Relaxed),
                _ => 0,
            },
            onoff_interval: ONOFF_INTERVAL.load(Ordering::Relaxed),
            shutdown: match (subject(), bug()) {
                // Whether a table has lost one turns out at the end.
                (Subject::Table, Bug::LostCallback) => SHORT_RUN,
                _ => SHUTDOWN_SECS.load(Ordering::Relaxed),
            },
        })
    }

    /// One of the ways to wait that were chosen, if any of them is.
    pub(super) fn choose<'w, W>(
        &self,
        ways: &'w [(W, Kind)],
        random: &mut Random,
    ) -> Option<&'w W> {
        let is_chosen = |kind: Kind| self.kinds.get(kind as usize) == Some(&true);
        let chosen = || ways.iter().filter(|(_, kind)| is_chosen(*kind));
        let index = random.below(chosen().count() as u32);
        chosen().nth(index as usize).map(|(way, _)| way)
    }
}

fn count(knob: &AtomicI32, default: usize) -> usize {
    usize::try_from(knob.load(Ordering::Relaxed)).unwrap_or(default)
}

fn subject() -> Subject {
    let number = usize::from(SUBJECT.load(Ordering::Relaxed));
    Subject::ALL.get(number).copied().unwrap_or(Subject::Rcu)
}

fn bug() -> Bug {
    let number = usize::from(BUG.load(Ordering::Relaxed));
    Bug::ALL.get(number).copied().unwrap_or(Bug::None)
}

parameter! {
    torture: "bool", 0o644,
    "Torture: 1 starts a run, 0 ends it; read, the state and what was found (default 0)",
    show: control::Status,
    set: |argument| {
        match argument.flag()? {
            true => control::start(),
            false => {
                control::stop();
                Ok(())
            }
        }
    },
}

parameter! {
    torture_type: "charp", 0o644,
    "What is tortured: rcu (default), srcu or table",
    show: subject().name(),
    set: |argument| {
        let subject = argument.choice(&Subject::ALL, Subject::name)?;
        SUBJECT.store(subject as u8, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    bug: "charp", 0o644,
    "What torture does wrong, to be caught: none (default), skip_gp, early_free, plain_store, lost_callback, reuse_before_gp, or of a table torn_transaction or lost_change",
    show: bug().name(),
    set: |argument| {
        let bug = argument.choice(&Bug::ALL, Bug::name)?;
        BUG.store(bug as u8, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    nreaders: "int", 0o644,
    "Reader threads of torture; -1 for one less than CPUs (default -1)",
    show: READERS.load(Ordering::Relaxed),
    set: |argument| {
        let readers = argument.number(-1..=MAX_THREADS)?;
        READERS.store(readers, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    nfakewriters: "int", 0o644,
    "Threads of torture that only cause grace periods, or change other routes (default 4)",
    show: FAKE_WRITERS.load(Ordering::Relaxed),
    set: |argument| {
        let writers = argument.number(0..=MAX_THREADS)?;
        FAKE_WRITERS.store(writers, Ordering::Relaxed);
        Ok(())
    },
}

/// A parameter for a kind of grace periods.
macro_rules! kind {
    ($name:ident, $kind:expr, $description:literal) => {
        parameter! {
            $name: "bool", 0o644, $description,
            show: YesNo(KINDS[$kind as usize].load(Ordering::Relaxed)),
            set: |argument| {
                let chosen = argument.flag()?;
                KINDS[$kind as usize].store(chosen, Ordering::Relaxed);
                Ok(())
            },
        }
    };
}

kind!(
    gp_sync,
    Kind::Sync,
    "Updates of torture wait by synchronize_rcu(); without any of gp_*, in all ways (default N)"
);
kind!(
    gp_exp,
    Kind::Exp,
    "Updates of torture wait by synchronize_rcu_expedited() (default N)"
);
kind!(
    gp_call,
    Kind::Call,
    "Updates of torture reclaim by call_rcu() (default N)"
);
kind!(
    gp_work,
    Kind::Work,
    "Updates of torture reclaim in process context, as queue_rcu_work() does (default N)"
);
kind!(
    gp_poll,
    Kind::Poll,
    "Updates of torture poll for the end of a grace period (default N)"
);
kind!(
    gp_cond,
    Kind::Cond,
    "Updates of torture wait by cond_synchronize_rcu() (default N)"
);

/// A parameter that is a number of seconds.
macro_rules! seconds {
    ($name:ident, $knob:ident, $description:literal) => {
        parameter! {
            $name: "uint", 0o644, $description,
            show: $knob.load(Ordering::Relaxed),
            set: |argument| {
                let seconds = argument.number(0..=MAX_SECONDS)?;
                $knob.store(seconds, Ordering::Relaxed);
                Ok(())
            },
        }
    };
}

seconds!(
    stat_interval,
    STAT_INTERVAL,
    "Seconds between two reports of torture in the log, 0 for none (default 15)"
);
seconds!(
    stutter,
    STUTTER,
    "Seconds after which torture rests for as long, 0 for never (default 5)"
);
seconds!(
    shutdown_secs,
    SHUTDOWN_SECS,
    "Seconds after which torture ends, 0 for when it is told to (default 0)"
);

parameter! {
    onoff_interval: "uint", 0o644,
    "Seconds between two changes of a CPU from online to offline or back, 0 for none (default 0)",
    show: ONOFF_INTERVAL.load(Ordering::Relaxed),
    set: |argument| {
        let seconds = argument.number(0..=MAX_SECONDS)?;
        if seconds > 0 && !cpu::CAN_HOTPLUG {
            pr_err!("parameter onoff_interval: this kernel has no CONFIG_HOTPLUG_CPU\n");
            return Err(cpu::unsupported());
        }
        ONOFF_INTERVAL.store(seconds, Ordering::Relaxed);
        Ok(())
    },
}
