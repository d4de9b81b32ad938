// SPDX-License-Identifier: GPL-2.0

//! The options of `trace`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::demo::Scene;
use crate::error::Result;
use crate::own_file;
use crate::parameters::PARAMETERS;

const AFTER_HELP: &str = "\
`trace` uses a tracing instance of its own below /sys/kernel/tracing/instances
and removes it at the end, also after Ctrl-C. If rcuctl was killed, the next
`rcuctl trace` removes it.

The kernel needs CONFIG_FTRACE and CONFIG_RCU_TRACE. Debian's kernels lack
CONFIG_RCU_TRACE; `make vm CONFIG=debug` boots a kernel that has it.

Exit status:
  0  done
  1  the kernel cannot be traced, or rcuctl may not trace it
  2  `trace demo` did not see a fact of its scene
  130  a signal interrupted --gp or `demo` before their end";

/// Show the kernel's RCU events in plain words, one grace period, or a picture
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Trace {
    #[command(subcommand)]
    pub command: Option<TraceCommand>,

    /// Follow one grace period, which rcuctl requests: its request, the tree, each CPU and task, its end
    #[arg(long)]
    pub gp: bool,

    /// End after SECS seconds; with --gp and `demo`, the time-out
    #[arg(long, global = true, value_name = "SECS", value_parser = seconds)]
    pub seconds: Option<Duration>,

    /// Draw a picture, and write it to FILE
    #[arg(long, global = true, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Write a web page with the picture at three scales to FILE
    #[arg(long, global = true, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write the kernel's own lines to FILE, which --from reads
    #[arg(long, global = true, value_name = "FILE")]
    pub raw: Option<PathBuf>,

    /// Replace the file of --svg, --html or --raw even if rcuctl did not write it
    #[arg(long, global = true)]
    pub force: bool,

    /// Read the lines of trace_pipe from FILE instead of from the kernel
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["raw", "seconds"])]
    pub from: Option<PathBuf>,

    /// Show details, too: context switches, ticks, softirqs, requests in the tree, idle
    #[arg(long, short)]
    pub verbose: bool,

    /// The folder of the module's parameters
    #[arg(long, global = true, value_name = "DIR", default_value = PARAMETERS)]
    pub parameters: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum TraceCommand {
    /// Play a scene, trace it, and check each fact that it must show
    Demo {
        /// The scene
        scene: Scene,
    },
}

impl Trace {
    /// Whether the command plays a scene that needs the module.
    pub fn needs_module(&self) -> bool {
        let plays =
            matches!(&self.command, Some(TraceCommand::Demo { scene }) if scene.needs_module());
        plays && self.from.is_none()
    }

    /// Refuses to replace a file of somebody else, or the recording of --from.
    pub fn check_files(&self) -> Result<()> {
        let targets = [
            ("--svg", &self.svg),
            ("--html", &self.html),
            ("--raw", &self.raw),
        ];
        let inputs: Vec<_> = self.from.iter().map(PathBuf::as_path).collect();
        own_file::check(&targets, &inputs, self.force)
    }

    /// Whether a picture is drawn at the end.
    pub fn draws(&self) -> bool {
        self.svg.is_some() || self.html.is_some()
    }
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_string())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if (1..=86_400_000).contains(&duration.as_millis()) => Ok(duration),
        _ => Err("must be at least 0.001 seconds and at most a day".to_string()),
    }
}
