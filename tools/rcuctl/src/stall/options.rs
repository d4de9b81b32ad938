// SPDX-License-Identifier: GPL-2.0

//! The options of `stall`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::explain;
use super::kinds::{self, StallKind};
use super::run::MAX_HOLD_MS;
use crate::kmsg::KMSG;
use crate::parameters::PARAMETERS;

const AFTER_HELP: &str = "\
`run` shortens the kernel's time-outs, provokes the stall, waits for the
kernel's report, stops the stall, decodes the report, and restores all
settings, even after Ctrl-C or an error. A second Ctrl-C does not wait for the
end of the stall. If rcuctl is killed, the module ends the stall by itself, and the
next rcuctl that starts a run restores the time-outs and the CPUs of the
grace-period kthread; /run/rcuctl has their previous values.

Exit status:
  0  the kernel reported the stall, its kind and culprit were decoded, and
     everything is restored; or the other command is done
  1  nothing was provoked: wrong usage, no module, not root, a stall is already
     active, or the module refused
  2  the kernel printed no report, it was not decoded as expected, or not
     everything is restored
  130  Ctrl-C or another signal interrupted `run`, and everything is restored";

/// Provoke RCU stalls and misuse of RCU, and explain them
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Stall {
    #[command(subcommand)]
    pub command: StallCommand,

    /// The folder of the module's parameters
    #[arg(long, global = true, value_name = "DIR", default_value = PARAMETERS)]
    pub parameters: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum StallCommand {
    /// List the kinds, how long they take, and whether this kernel supports them
    List,

    /// Provoke a stall, and decode the kernel's report
    #[command(after_help = AFTER_HELP)]
    Run(RunOptions),

    /// Explain a kind: its report, its cause, code that does it, and the fix; without KIND, list
    /// all
    Explain {
        #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(explain::names()))]
        kind: Option<String>,
    },

    /// Stop the active stall, whoever started it
    Stop,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// The kind to provoke; `rcuctl stall list` describes each
    #[arg(value_name = "KIND", value_parser = kind())]
    pub kind: &'static StallKind,

    /// Allow a kind after which the kernel needs a reboot
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,

    /// The CPU that stalls; by default that of the parameter stall_cpu, or else the last
    #[arg(long, value_name = "N")]
    pub cpu: Option<u32>,

    /// How long the stall lasts at most; by default twice as long as the kernel needs to report it
    #[arg(long, value_name = "SECS", value_parser = hold)]
    pub hold: Option<Duration>,

    /// How long to wait for the kernel's report; by default 20 seconds longer than the stall lasts
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// The kernel's log
    #[arg(long, value_name = "PATH", default_value = KMSG)]
    pub log: PathBuf,
}

fn kind() -> impl TypedValueParser<Value = &'static StallKind> {
    PossibleValuesParser::new(kinds::names())
        .try_map(|name| kinds::find(&name).ok_or("no such kind"))
}

fn hold(text: &str) -> Result<Duration, String> {
    let hold = seconds(text)?;
    match hold <= Duration::from_millis(MAX_HOLD_MS.into()) {
        true => Ok(hold),
        false => Err(format!("must be at most {} seconds", MAX_HOLD_MS / 1000)),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_string())?;
    match Duration::try_from_secs_f64(seconds) {
        // An Instant cannot hold much more than this.
        Ok(duration) if (1..=86_400_000).contains(&duration.as_millis()) => Ok(duration),
        _ => Err("must be at least 0.001 seconds and at most a day".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse_options;

    fn parse(words: &str) -> Result<StallCommand, clap::Error> {
        parse_options::<Stall>(words).map(|stall| stall.command)
    }

    impl RunOptions {
        /// For the tests of other modules.
        pub fn of_words(words: &str) -> Self {
            match parse(&format!("run {words}")).expect("valid options") {
                StallCommand::Run(options) => options,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_run_has_a_kind_and_defaults() {
        let options = RunOptions::of_words("cpu_preempt_off");
        assert_eq!(options.kind.name, "cpu_preempt_off");
        assert!(!options.allow_unsafe);
        assert_eq!(
            (options.cpu, options.hold, options.timeout),
            (None, None, None)
        );
    }

    #[test]
    fn options_are_parsed() {
        let options =
            RunOptions::of_words("use_after_free --unsafe --cpu 0 --hold 2.5 --timeout 100");
        assert!(options.allow_unsafe);
        assert_eq!(options.cpu, Some(0));
        assert_eq!(options.hold, Some(Duration::from_millis(2500)));
        assert_eq!(options.timeout, Some(Duration::from_secs(100)));
    }

    #[test]
    fn invalid_options_are_refused() {
        for words in [
            "",
            "run",
            "run all",
            "run none",
            "run frozen_vm",
            "run tasks --hold 60.001",
            "run tasks --hold 0",
            "run tasks --hold -1",
            "run tasks --hold nan",
            "run tasks --timeout 1e300",
            "run tasks --timeout soon",
            "run tasks --cpu -1",
            "explain nothing",
            "list tasks",
        ] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
