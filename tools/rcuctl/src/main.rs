// SPDX-License-Identifier: GPL-2.0

//! `rcuctl`: the command line of the `rust_rcu_demo` kernel module.
//!
//! `route` and `stats` use the device node `/dev/rust_rcu_demo`; `torture`, `stall` and `scale` use
//! the module's parameters in sysfs; `decode` and `watch` read kernel logs; `trace` reads tracefs.

#![deny(unsafe_code)]

mod affinity;
mod atomic_file;
mod cli;
mod completion;
mod cpu_list;
mod decode;
mod device;
mod error;
#[cfg(test)]
mod fake;
mod input;
mod interrupt;
mod ip_options;
mod journal;
mod kmsg;
mod layout;
mod man_pages;
mod module;
mod nexthop;
mod output;
mod own_file;
mod parameters;
mod progress;
mod rcu_table;
mod route;
mod run;
mod scale;
mod settings;
mod stall;
mod stats;
mod torture;
mod trace;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use device::{Access, Device};
use error::{report, Result, Status};
use output::Output;

fn main() -> ExitCode {
    let words = match ip_options::translate(std::env::args_os()) {
        Ok(words) => words,
        Err(error) => {
            report(&error, false);
            return error.status().into();
        }
    };
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(usage) => return print_usage(&usage),
    };
    match run(&cli) {
        Ok(status) => status.into(),
        // The reader closed the pipe, as in `rcuctl route show | head`.
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, cli.json);
            error.status().into()
        }
    }
}

/// Prints help, the version or a usage error. Replaces clap's exit status 2, which here means that
/// the kernel refused the command.
fn print_usage(usage: &clap::Error) -> ExitCode {
    // No other stream can carry the message if this one fails.
    let _ = usage.print();
    if usage.use_stderr() {
        Status::Failed.into()
    } else {
        ExitCode::SUCCESS
    }
}

fn run(cli: &Cli) -> Result<Status> {
    if cli.needs_module() {
        module::load_if_absent();
    }
    let mut out = Output::stdout(cli.json).pretty(cli.pretty);
    let status = match &cli.command {
        Command::Route { command } => {
            let command = command.as_ref().unwrap_or(&cli::SHOW);
            route::run(&cli.device, command, cli.family(), &mut out)?
        }
        Command::Nexthop { words } => {
            let open = || Device::open(&cli.device, Access::ReadWrite);
            nexthop::run(open, words, cli.family(), &mut out)?
        }
        Command::Stats { watch } => {
            let mut device = Device::open(&cli.device, Access::ReadWrite)?;
            stats::run(&mut device, *watch, &mut out)?
        }
        Command::Decode(options) => decode::decode(options, &mut out)?,
        Command::Watch(options) => watch::watch(options, &mut out)?,
        Command::Torture(options) => torture::torture(options, &mut out)?,
        Command::Stall(options) => stall::stall(options, &mut out)?,
        Command::Scale(options) => scale::scale(options, &mut out)?,
        Command::Trace(options) => trace::trace(options, &mut out)?,
        Command::Completion { shell } => completion::print(*shell, &mut out)?,
        Command::ManPages { folder } => man_pages::write(folder)?,
    };
    out.flush()?;
    Ok(status)
}
