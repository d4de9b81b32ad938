// SPDX-License-Identifier: GPL-2.0

//! The knobs of scale. A knob that means the same as a refscale parameter has its name with the
//! prefix `scale_`, because `nreaders` is a knob of torture.

use crate::{kernel_ext::params::choices, lab::knobs::knobs, rcu_table::Family};

choices! {
    /// A writer that changes the table beside lookups.
    pub(super) enum Writer {
        None = "none",
        /// Makes 1000 changes a second.
        Paced = "paced",
        /// Makes changes as fast as it can.
        Full = "full",
    }
}

choices! {
    /// The families of routes to look up or to change.
    pub(super) enum Families {
        Both = "both",
        Inet = "inet",
        Inet6 = "inet6",
    }
}

impl Families {
    pub(super) fn contains(self, family: Family) -> bool {
        match self {
            Self::Both => true,
            Self::Inet => family == Family::Inet,
            Self::Inet6 => family == Family::Inet6,
        }
    }
}

const MAX_READERS: i32 = 512;
const MAX_LOOPS: u32 = 1 << 26;
const MAX_RUNS: u32 = 1000;

knobs! {
    /// The knobs at the time when a run is requested.
    pub(super) struct Knobs {
        scale_nreaders: i32 = -1, in -1..=MAX_READERS,
            "Reader threads of scale, besides a measurement with one reader; -1: one for each CPU";
        scale_loops: u32 = 0, in 0..=MAX_LOOPS,
            "Passes of each reader of scale, or changes, in a run; 0: the measurement's own";
        scale_nruns: u32 = 10, in 1..=MAX_RUNS, "Runs of scale: how often it measures each row";
        scale_family: Families = Families::Both, "Routes that scale looks up and changes";
        scale_writer: Writer = Writer::None,
            "Writer that replaces routes during scale=lookup; paced makes 1000 changes a second";
        scale_seed: u32 = 1, "Seed of scale's addresses; seed and table determine all of them";
    }
}
