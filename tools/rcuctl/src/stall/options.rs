// SPDX-License-Identifier: GPL-2.0

//! The options of `stall`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::explain;
use super::kinds;
use super::run::MAX_HOLD_MS;
use crate::kmsg::KMSG;
use crate::parameters::PARAMETERS;

const AFTER_HELP: &str = "\
`run` shortens the kernel's time-outs, provokes the stall, waits for the kernel's report, ends the stall, decodes
the report, and puts everything back; so do Ctrl-C and whatever goes wrong. A second Ctrl-C does not wait for the
end of the stall. The kernel ends it by its own clock, also if rcuctl is killed; time-outs then stay as they are, and
so does RCU's own thread, which is kept off the CPU that suffers.

Exit status:
  0  the kernel told of it, kind and culprit were decoded, and all is as before; the others: done
  1  nothing was provoked: wrong usage, no module, not root, a stall goes on already, the module refused
  2  the kernel kept silent, its report was not decoded as it must be, or not all is as before";

/// Provoke RCU stalls and misuse, each kind on demand, and explain them
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
    /// The kinds: what they show, how long they take, and whether this kernel has them
    List,

    /// Provoke one, and decode what the kernel says
    #[command(after_help = AFTER_HELP)]
    Run(RunOptions),

    /// Causes, code that does it, and remedies; without KIND all kinds
    Explain {
        #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(explain::names()))]
        kind: Option<String>,
    },

    /// End the stall that goes on, whoever began it
    Stop,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// What to provoke; `rcuctl stall list` tells what each is
    #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(kinds::names()))]
    pub kind: String,

    /// Allow the kinds that leave the kernel unfit until it is booted again
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,

    /// The CPU that suffers; by default what the parameter stall_cpu says, which is the last
    #[arg(long, value_name = "N")]
    pub cpu: Option<u32>,

    /// How long it lasts at most; by default twice as long as the kernel needs to tell
    #[arg(long, value_name = "SECS", value_parser = hold)]
    pub hold: Option<Duration>,

    /// How long the kernel's report is waited for; by default 20 seconds longer than the stall lasts
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Where the kernel's log is read
    #[arg(long, value_name = "PATH", default_value = KMSG)]
    pub log: PathBuf,
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
        // A day is more than anybody waits, and far from what clocks cannot add.
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

    fn options(words: &str) -> RunOptions {
        match parse(words).expect("good words") {
            StallCommand::Run(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_run_has_a_kind_and_defaults() {
        let options = options("run cpu_preempt_off");
        assert_eq!(options.kind, "cpu_preempt_off");
        assert!(!options.allow_unsafe);
        assert_eq!(
            (options.cpu, options.hold, options.timeout),
            (None, None, None)
        );
    }

    #[test]
    fn options_are_taken() {
        let options = options("run use_after_free --unsafe --cpu 0 --hold 2.5 --timeout 100");
        assert!(options.allow_unsafe);
        assert_eq!(options.cpu, Some(0));
        assert_eq!(options.hold, Some(Duration::from_millis(2500)));
        assert_eq!(options.timeout, Some(Duration::from_secs(100)));
    }

    #[test]
    fn nonsense_is_refused() {
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
