// SPDX-License-Identifier: GPL-2.0

//! The options of `torture`, and the parameters that they set.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::run::JobOptions;
use crate::settings::name_of;

const AFTER_HELP: &str = "\
Without an option, the module's parameter applies: by default all methods to
wait for a grace period, and one reader less than CPUs. Changed parameters are
restored as soon as the run has started. The kernel's clock ends the run, even
if rcuctl is killed. Ctrl-C stops the run and shows its verdict; a second
Ctrl-C does not wait for the verdict.

Exit status:
  0  the verdict is SUCCESS, or with --expect-failure FAILURE, or --status is
     done
  1  there is no verdict: wrong usage, no module, not root, a run is already
     active, or a refused parameter
  2  the verdict is the other one";

/// Torture RCU: readers, updaters and callbacks check that no grace period ends too early
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Torture {
    #[command(flatten)]
    pub run: RunOptions,

    #[command(flatten)]
    pub job: JobOptions,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// The duration in seconds; 0 is until Ctrl-C
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub secs: u32,

    /// The subject of the torture
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<TortureType>,

    /// A negative control: inject this bug. The run stops as soon as it detects the bug, and
    /// its verdict must be FAILURE
    #[arg(long)]
    pub bug: Option<Bug>,

    /// Exit with 0 if the verdict is FAILURE, and with 2 if it is SUCCESS; for scripts with --bug
    #[arg(long)]
    pub expect_failure: bool,

    /// The number of readers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub readers: Option<u32>,

    /// The number of threads that only cause grace periods, or change other routes
    #[arg(long, value_name = "N")]
    pub fake_writers: Option<u32>,

    /// The only methods to wait for a grace period, for example --gp exp,poll
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub gp: Vec<GpMethod>,

    /// Alternate this many seconds of work with as many of rest; 0 is no rest
    #[arg(long, value_name = "SECS")]
    pub stutter: Option<u32>,

    /// Take a CPU offline or online at this interval; 0 is never
    #[arg(long, value_name = "SECS")]
    pub onoff: Option<u32>,

    /// Write statistics to the kernel's log at this interval; 0 is never
    #[arg(long, value_name = "SECS")]
    pub stat_interval: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TortureType {
    /// RCU, whose readers cannot sleep
    Rcu,
    /// SRCU, whose readers may sleep
    Srcu,
    /// The module's route table
    Table,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Bug {
    /// No bug
    None,
    /// Treat a retired element as if a grace period had ended
    SkipGp,
    /// Mark a retired element as freed at once
    EarlyFree,
    /// Initialize an element after publishing it
    PlainStore,
    /// Do not queue a callback
    LostCallback,
    /// Reinitialize a retired element at once
    ReuseBeforeGp,
    /// Make the changes of a transaction one by one; with --type table only
    TornTransaction,
    /// Skip a change, and assume that it was made; with --type table only
    LostChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GpMethod {
    /// synchronize_rcu()
    Sync,
    /// synchronize_rcu_expedited()
    Exp,
    /// call_rcu()
    Call,
    /// Polling a cookie until it is complete
    Poll,
    /// cond_synchronize_rcu(): wait only if a cookie is not complete
    Cond,
    /// queue_rcu_work()
    Work,
}

impl RunOptions {
    /// The duration of the run, if it ends by itself.
    pub fn limit(&self) -> Option<Duration> {
        (self.secs > 0).then(|| Duration::from_secs(self.secs.into()))
    }

    /// The parameters to set, with their values.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        // Always set, so that a previous value does not end the run.
        let mut settings = vec![("shutdown_secs", self.secs.to_string())];
        let mut set =
            |name, value: Option<String>| settings.extend(value.map(|value| (name, value)));
        set("torture_type", self.kind.as_ref().map(name_of));
        set("bug", self.bug.as_ref().map(name_of));
        for (name, number) in [
            ("nreaders", self.readers),
            ("nfakewriters", self.fake_writers),
            ("stutter", self.stutter),
            ("onoff_interval", self.onoff),
            ("stat_interval", self.stat_interval),
        ] {
            set(name, number.map(|number| number.to_string()));
        }
        if !self.gp.is_empty() {
            for method in GpMethod::value_variants() {
                let is_on = u8::from(self.gp.contains(method));
                set(method.parameter(), Some(is_on.to_string()));
            }
        }
        settings
    }
}

impl GpMethod {
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
        /// For the tests of other modules.
        pub fn of_words(words: &str) -> Self {
            parse_options::<Torture>(words).expect("valid options").run
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
    fn without_options_only_the_duration_is_set() {
        assert_eq!(settings(""), ["shutdown_secs=60"]);
        assert_eq!(
            RunOptions::of_words("").limit(),
            Some(Duration::from_secs(60))
        );
    }

    #[test]
    fn a_duration_of_0_s_has_no_limit() {
        assert_eq!(settings("--secs 0"), ["shutdown_secs=0"]);
        assert_eq!(RunOptions::of_words("--secs 0").limit(), None);
    }

    #[test]
    fn options_set_parameters() {
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
    fn a_list_of_methods_disables_the_others() {
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
    fn every_bug_has_the_modules_name() {
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
    fn invalid_options_are_refused() {
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
