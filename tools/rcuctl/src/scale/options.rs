// SPDX-License-Identifier: GPL-2.0

//! The options of `scale`, and the parameters that they name.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::parameters::PARAMETERS;
use crate::settings::name_of;

const AFTER_HELP: &str = "\
Each row is measured by as many readers as are told, all at once, a CPU each; times are nanoseconds, each the
least, the median and the most of the runs. `dropped` counts batches that do not count, as a reader had lost its
CPU. On a machine that does something else besides, the least is what to look at, and the rest shows how much.

`lookup` and `update` are about the table that the device serves: load one before. `update` deletes routes and
adds them again, and leaves the table as it was; do not change it meanwhile.

What no option names is as the module's parameters have it, which are put back as soon as the run has begun.
Ctrl-C stops it and shows what it has; a second one does not wait for that.

Exit status:
  0  it was measured; --status was answered
  1  wrong usage, no module, not root, a run goes on already, a refused parameter
  2  the run failed, for example as the table has no routes";

/// Measure what readers, lookups, updates and grace periods cost
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Scale {
    #[command(flatten)]
    pub run: RunOptions,

    /// Show the run that is going on, or the last one's result; start none
    #[arg(long, conflicts_with_all = ["stop", "RunOptions"])]
    pub status: bool,

    /// Stop the run that is going on, and show what it has
    #[arg(long, conflicts_with = "RunOptions")]
    pub stop: bool,

    /// The folder of the module's parameters
    #[arg(
        long,
        value_name = "DIR",
        default_value = PARAMETERS
    )]
    pub parameters: PathBuf,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// What is measured
    #[arg(default_value = "read")]
    pub kind: Kind,

    /// Threads that read, a CPU each, besides a measurement with one; by default one for each CPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub readers: Option<u32>,

    /// How often each row is measured
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: Option<u32>,

    /// Passes of each reader, or changes, in a run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub loops: Option<u32>,

    /// Routes that are looked up and changed
    #[arg(long)]
    pub family: Option<Family>,

    /// Who replaces routes by themselves while others look up
    #[arg(long)]
    pub writer: Option<Writer>,

    /// From which addresses are made: the same ones for the same seed and table
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// An empty read-side critical section of RCU, and of what could be used in its place
    Read,
    /// Lookups in the table that the device serves
    Lookup,
    /// Changes of that table, in each way of reclaim
    Update,
    /// Waiting for a grace period
    Gp,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Family {
    Both,
    Inet,
    Inet6,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Writer {
    /// Nobody
    None,
    /// Someone, a thousand times a second
    Paced,
    /// Someone, as fast as it goes; rows `apart` are beside someone as fast who changes a copy of the table: what
    /// `full` costs beyond them is what it costs to share the table
    Full,
}

impl RunOptions {
    /// Parameters and their values.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        [
            ("scale_nreaders", number(self.readers)),
            ("scale_nruns", number(self.runs)),
            ("scale_loops", number(self.loops)),
            ("scale_family", self.family.as_ref().map(name_of)),
            ("scale_writer", self.writer.as_ref().map(name_of)),
            ("scale_seed", number(self.seed)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse_options;

    impl RunOptions {
        /// For the tests of others.
        pub fn of_words(words: &str) -> Self {
            parse_options::<Scale>(words).expect("good options").run
        }
    }

    #[test]
    fn without_options_nothing_is_set() {
        let options = RunOptions::of_words("");
        assert_eq!(options.kind, Kind::Read);
        assert!(options.settings().is_empty());
    }

    #[test]
    fn options_name_parameters() {
        let words =
            "lookup --readers 2 --runs 3 --loops 4096 --family inet6 --writer full --seed 0";
        let settings: Vec<_> = RunOptions::of_words(words)
            .settings()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            settings,
            [
                "scale_nreaders=2",
                "scale_nruns=3",
                "scale_loops=4096",
                "scale_family=inet6",
                "scale_writer=full",
                "scale_seed=0"
            ]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            "everything",
            "--readers 0",
            "--runs 0",
            "--loops -1",
            "--writer slow",
            "--family ipv4",
            "read lookup",
            "--status --stop",
            "--status --runs 2",
            "--stop --seed 2",
        ] {
            assert!(parse_options::<Scale>(words).is_err(), "{words}");
        }
    }
}
