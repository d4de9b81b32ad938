// SPDX-License-Identifier: GPL-2.0

//! The knobs of torture, with rcutorture's names where they mean the same, and the plan of a run.

use super::bug::Bug;
use crate::{
    kernel_ext::{
        cpu,
        params::{choices, Choice},
        permission,
        random::Random,
    },
    lab::knobs::knobs,
};
use kernel::prelude::*;

choices! {
    /// The subject of torture.
    pub(super) enum Subject {
        /// Pointers protected by RCU.
        Rcu = "rcu",
        /// Pointers protected by SRCU.
        Srcu = "srcu",
        /// The route table.
        Table = "table",
    }
}

/// The most threads of one kind.
const MAX_THREADS: i32 = 512;

const MAX_SECONDS: u32 = 7 * 24 * 3600;

knobs! {
    /// The knobs at the time when a run is requested.
    struct Knobs, require: permission::check {
        torture_type: Subject = Subject::Rcu, "Subject of torture";
        bug: Bug = Bug::None,
            "Bug that torture injects and must detect; the last two need torture_type=table";
        nreaders: i32 = -1, in -1..=MAX_THREADS,
            "Reader threads of torture; -1: one fewer than the CPUs";
        nfakewriters: i32 = 4, in 0..=MAX_THREADS,
            "Threads of torture that only cause grace periods, or change other routes";
        gp_sync: bool = false,
            "Updates of torture use synchronize_rcu(); with no gp_* set, they use all methods";
        gp_exp: bool = false, "Updates of torture use synchronize_rcu_expedited()";
        gp_call: bool = false, "Updates of torture use call_rcu()";
        gp_work: bool = false,
            "Updates of torture reclaim in process context, as queue_rcu_work() does";
        gp_poll: bool = false, "Updates of torture poll for the end of a grace period";
        gp_cond: bool = false, "Updates of torture use cond_synchronize_rcu()";
        stat_interval: u32 = 15, in 0..=MAX_SECONDS, unit "s",
            "Interval between two reports of torture in the log; 0: no reports";
        stutter: u32 = 5, in 0..=MAX_SECONDS, unit "s",
            "Duration of torture's alternating periods of activity and pause; 0: no pauses";
        shutdown_secs: u32 = 0, in 0..=MAX_SECONDS, unit "s",
            "Duration of a torture run; 0: until it is stopped";
        onoff_interval: u32 = 0, in 0..=MAX_SECONDS, unit "s", check: check_hotplug,
            "Interval at which torture takes a CPU offline or online; 0: never";
    }
}

fn check_hotplug(onoff_interval: u32) -> Result {
    if onoff_interval > 0 && !cpu::CAN_HOTPLUG {
        pr_err!("parameter onoff_interval: this kernel has no CONFIG_HOTPLUG_CPU\n");
        return Err(cpu::unsupported());
    }
    Ok(())
}

/// A method by which updates wait for a grace period, as `gp_*` select it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GpMethod {
    Sync,
    Exp,
    Call,
    Work,
    Poll,
    Cond,
}

/// Duration of a run whose bug only shows at its end, in seconds.
const SHORT_RUN_SECS: u32 = 3;

/// The extent of a run.
pub(super) struct Plan {
    pub(super) subject: Subject,
    pub(super) bug: Bug,
    pub(super) readers: usize,
    pub(super) fake_writers: usize,
    /// Whether a [`GpMethod`] is selected, by its number.
    methods: [bool; 6],
    /// Seconds; 0 for never.
    pub(super) stat_interval: u32,
    pub(super) stutter: u32,
    pub(super) onoff_interval: u32,
    pub(super) shutdown: u32,
}

impl Plan {
    /// Plans a run from the knobs as they are now.
    ///
    /// Errors: `EINVAL` for a bug that the subject cannot have.
    pub(super) fn from_knobs() -> Result<Self> {
        let knobs = Knobs::snapshot();
        let (subject, bug) = (knobs.torture_type, knobs.bug);
        if bug.is_of_tables() && subject != Subject::Table {
            let bug = bug.name();
            pr_err!("parameter torture: bug={bug} needs torture_type=table\n");
            return Err(EINVAL);
        }
        let mut methods = [
            knobs.gp_sync,
            knobs.gp_exp,
            knobs.gp_call,
            knobs.gp_work,
            knobs.gp_poll,
            knobs.gp_cond,
        ];
        if !methods.contains(&true) {
            methods.fill(true);
        }
        let default_readers = cpu::online().count().saturating_sub(1).max(1);
        Ok(Self {
            subject,
            bug,
            readers: usize::try_from(knobs.nreaders).unwrap_or(default_readers),
            fake_writers: usize::try_from(knobs.nfakewriters).unwrap_or(0),
            methods,
            stat_interval: knobs.stat_interval,
            // Pauses would only delay the detection of the bug.
            stutter: match bug {
                Bug::None => knobs.stutter,
                _ => 0,
            },
            onoff_interval: knobs.onoff_interval,
            shutdown: match (subject, bug) {
                // A lost callback of a table is detected at the end.
                (Subject::Table, Bug::LostCallback) => SHORT_RUN_SECS,
                _ => knobs.shutdown_secs,
            },
        })
    }

    /// Chooses one of the functions whose method is selected, at random; `None` if there is none.
    pub(super) fn choose<'f, F>(
        &self,
        functions: &'f [(F, GpMethod)],
        random: &mut Random,
    ) -> Option<&'f F> {
        let is_selected = |method: GpMethod| self.methods.get(method as usize) == Some(&true);
        let selected = || functions.iter().filter(|(_, method)| is_selected(*method));
        let index = random.below(selected().count() as u32);
        selected().nth(index as usize).map(|(function, _)| function)
    }
}
