// SPDX-License-Identifier: GPL-2.0

//! The options of `torture`, and the parameters that they name.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::parameters::PARAMETERS;
use crate::settings::name_of;

const AFTER_HELP: &str = "\
What no option names is as the module's parameters have it; by default every kind of grace period, and a
reader for each CPU but one. Parameters that options name are put back as soon as the run has begun. The run
ends by the kernel's clock, also if rcuctl is killed. Ctrl-C stops it and shows its verdict; a second one does
not wait for that.

Exit status:
  0  the verdict is SUCCESS; with --expect-failure, FAILURE; --status was answered
  1  there is no verdict: wrong usage, no module, not root, a run goes on already, a refused parameter
  2  the verdict is the other one";

/// Torture RCU: readers, updaters and callbacks that try to see a grace period end too early
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Torture {
    #[command(flatten)]
    pub run: RunOptions,

    /// Show the run that is going on, or the last one's result; start none
    #[arg(long, conflicts_with_all = ["stop", "RunOptions"])]
    pub status: bool,

    /// Stop the run that is going on, and show its verdict
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
    /// How long; 0 is until Ctrl-C
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub secs: u32,

    /// What is tortured
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<Kind>,

    /// A negative control: make this mistake. The run ends as soon as that is caught, and its verdict must be
    /// FAILURE
    #[arg(long)]
    pub bug: Option<Bug>,

    /// Exit with 0 if the verdict is FAILURE, and with 2 if it is SUCCESS; for scripts, with --bug
    #[arg(long)]
    pub expect_failure: bool,

    /// Threads that read
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub readers: Option<u32>,

    /// Threads that only cause grace periods, or change other routes
    #[arg(long, value_name = "N")]
    pub fake_writers: Option<u32>,

    /// Use these kinds of grace periods only, for example --gp exp,poll
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub gp: Vec<Gp>,

    /// Rest for so many seconds after every so many; 0 is never
    #[arg(long, value_name = "SECS")]
    pub stutter: Option<u32>,

    /// Take a CPU down or up every so many seconds; 0 is never
    #[arg(long, value_name = "SECS")]
    pub onoff: Option<u32>,

    /// Have the kernel log statistics every so many seconds; 0 is never
    #[arg(long, value_name = "SECS")]
    pub stat_interval: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// Readers that cannot sleep
    Rcu,
    /// Sleepable readers
    Srcu,
    /// The route table, of all that the module has
    Table,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Bug {
    /// No mistake
    None,
    /// What was retired is taken for old at once, as if a grace period had passed
    SkipGp,
    /// What was retired is marked as freed at once
    EarlyFree,
    /// What is published is initialised afterwards
    PlainStore,
    /// A callback is not queued
    LostCallback,
    /// What was retired is initialised anew at once
    ReuseBeforeGp,
    /// The changes of a transaction are made one by one; of tables only
    TornTransaction,
    /// A change is taken for made that was not; of tables only
    LostChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Gp {
    /// synchronize_rcu()
    Sync,
    /// synchronize_rcu_expedited()
    Exp,
    /// call_rcu()
    Call,
    /// Cookies, polled until they are complete
    Poll,
    /// cond_synchronize_rcu(): waiting only if a cookie is not complete
    Cond,
    /// queue_rcu_work()
    Work,
}

impl RunOptions {
    /// How long the run is, if it ends by itself.
    pub fn limit(&self) -> Option<Duration> {
        (self.secs > 0).then(|| Duration::from_secs(self.secs.into()))
    }

    /// Parameters and their values.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        // Always, so that the run ends by the kernel's clock and not by another's leftover.
        let mut settings = vec![("shutdown_secs", self.secs.to_string())];
        let mut word = |name, word: Option<String>| settings.extend(word.map(|word| (name, word)));
        word("torture_type", self.kind.as_ref().map(name_of));
        word("bug", self.bug.as_ref().map(name_of));
        for (name, number) in [
            ("nreaders", self.readers),
            ("nfakewriters", self.fake_writers),
            ("stutter", self.stutter),
            ("onoff_interval", self.onoff),
            ("stat_interval", self.stat_interval),
        ] {
            word(name, number.map(|number| number.to_string()));
        }
        if !self.gp.is_empty() {
            for gp in Gp::value_variants() {
                let wanted = u8::from(self.gp.contains(gp));
                word(gp.parameter(), Some(wanted.to_string()));
            }
        }
        settings
    }
}

impl Gp {
    fn parameter(self) -> &'static str {
        match self {
            Self::Sync => "gp_sync",
            Self::Exp => "gp_exp",
            Self::Call => "gp_call",
            Self::Poll => "gp_poll",
            Self::Cond => "gp_cond",
            Self::Work => "gp_work",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse_options;

    impl RunOptions {
        /// For the tests of others.
        pub fn of_words(words: &str) -> Self {
            parse_options::<Torture>(words).expect("good options").run
        }
    }

    fn settings(words: &str) -> Vec<String> {
        RunOptions::of_words(words)
            .settings()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn without_options_only_the_time_is_set() {
        assert_eq!(settings(""), ["shutdown_secs=60"]);
        assert_eq!(
            RunOptions::of_words("").limit(),
            Some(Duration::from_secs(60))
        );
    }

    #[test]
    fn zero_seconds_are_until_ctrl_c() {
        assert_eq!(settings("--secs 0"), ["shutdown_secs=0"]);
        assert_eq!(RunOptions::of_words("--secs 0").limit(), None);
    }

    #[test]
    fn options_name_parameters() {
        assert_eq!(
            settings(
                "--secs 5 --type srcu --bug reuse_before_gp --readers 3 --fake-writers 0 --stutter 2 \
                 --onoff 7 --stat-interval 1"
            ),
            [
                "shutdown_secs=5",
                "torture_type=srcu",
                "bug=reuse_before_gp",
                "nreaders=3",
                "nfakewriters=0",
                "stutter=2",
                "onoff_interval=7",
                "stat_interval=1"
            ]
        );
    }

    #[test]
    fn a_list_of_grace_periods_turns_the_others_off() {
        assert_eq!(
            settings("--gp exp,work")[1..],
            [
                "gp_sync=0",
                "gp_exp=1",
                "gp_call=0",
                "gp_poll=0",
                "gp_cond=0",
                "gp_work=1"
            ]
        );
    }

    #[test]
    fn every_bug_has_the_kernels_name() {
        for name in [
            "none",
            "skip_gp",
            "early_free",
            "plain_store",
            "lost_callback",
            "reuse_before_gp",
            "torn_transaction",
            "lost_change",
        ] {
            assert!(settings(&format!("--bug {name}")).contains(&format!("bug={name}")));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            "--type fast",
            "--bug skip-gp",
            "--readers 0",
            "--readers -1",
            "--gp sync,fast",
            "--secs soon",
            "--status --stop",
            "--status --secs 5",
            "--stop --bug none",
        ] {
            assert!(parse_options::<Torture>(words).is_err(), "{words}");
        }
    }
}
