// SPDX-License-Identifier: GPL-2.0

//! The options of `scale`, and the parameters that they set.

use clap::{Args, ValueEnum};

use crate::run::JobOptions;
use crate::settings::name_of;

const AFTER_HELP: &str = "\
The readers of a row run at once, each on a CPU of its own. Times are in
nanoseconds: the minimum, the median and the maximum of all runs. `dropped`
counts batches that were discarded because a reader lost its CPU. On a machine
with other load, the minimum is the best estimate, and the other figures show
the disturbance.

`lookup` and `update` measure the table that the device serves: load one
before. `update`, and `lookup` with --writer, change a copy of that table, not
the table itself. Each copy takes as much memory; `--writer full` makes two.

Without an option, the module's parameter applies. Changed parameters are
restored as soon as the run has started. Ctrl-C stops the run and shows its
results; a second Ctrl-C does not wait for them.

Exit status:
  0  the run was measured, or --status or --stop is done
  1  wrong usage, no module, not root, a run is already active, or a refused
     parameter
  2  the run failed, for example because the table has no routes";

/// Measure the cost of readers, lookups, updates and grace periods
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Scale {
    #[command(flatten)]
    pub run: RunOptions,

    #[command(flatten)]
    pub job: JobOptions,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// What is measured
    #[arg(default_value = "read")]
    pub kind: Measurement,

    /// The number of readers, each on its own CPU, measured in addition to a single reader; by
    /// default one per CPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub readers: Option<u32>,

    /// How often to measure each row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: Option<u32>,

    /// The passes of each reader, or the changes or waits, in a run. `update` and `gp` keep up to
    /// 1,048,576 figures of a row, so loops times runs cannot exceed that
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub loops: Option<u32>,

    /// The family of the routes to look up and change
    #[arg(long)]
    pub family: Option<Family>,

    /// The writer that replaces routes, each by itself, during lookups
    #[arg(long)]
    pub writer: Option<Writer>,

    /// The seed of the addresses, which are the same for the same seed and table
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
    /// An empty read-side critical section of RCU, and of its alternatives
    Read,
    /// Lookups in the table that the device serves; beside a writer, in a copy of it
    Lookup,
    /// Changes of a copy of that table, with each setting of `reclaim`
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
    /// No writer
    None,
    /// A thousand changes a second
    Paced,
    /// As many changes as possible. In rows `apart`, the writer changes another table with the
    /// same routes: the difference between `full` and `apart` is the cost of sharing the table
    Full,
}

impl RunOptions {
    /// The parameters to set, with their values.
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
        /// For the tests of other modules.
        pub fn of_words(words: &str) -> Self {
            parse_options::<Scale>(words).expect("valid options").run
        }
    }

    #[test]
    fn without_options_no_parameter_is_set() {
        let options = RunOptions::of_words("");
        assert_eq!(options.kind, Measurement::Read);
        assert!(options.settings().is_empty());
    }

    #[test]
    fn options_set_parameters() {
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
    fn invalid_options_are_refused() {
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
