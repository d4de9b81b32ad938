// SPDX-License-Identifier: GPL-2.0

//! `rcuctl`: the command line of the `rust_rcu_demo` kernel module.
//!
//! Commands about routes speak the text protocol of `/dev/rust_rcu_demo`, which `device` knows; those that do
//! much use its ioctls where it has them. `torture`, `stall` and `scale` use the module's parameters. The other modules
//! are one command or one concept each.

#![deny(unsafe_code)]

mod batch;
mod change;
mod channel;
mod cli;
mod decode;
mod device;
mod error;
#[cfg(test)]
mod fake;
mod get;
mod grammar;
mod input;
mod interrupt;
#[expect(unsafe_code, reason = "the kernel is given pointers")]
mod ioctl;
mod kmsg;
mod load;
mod loader;
mod module;
mod output;
mod parameters;
mod pieces;
mod progress;
mod rcu_table;
mod route;
mod run;
mod save;
mod scale;
mod settings;
mod show;
mod stall;
mod stats;
mod torture;
mod uapi;
mod watch;
mod wire;
mod words;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, RouteCommand};
use device::{Access, Device};
use error::{report, Result, Status};
use input::Input;
use loader::AtOnce;
use output::Output;
use progress::Progress;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    match run(&cli) {
        Ok(status) => status.into(),
        // Whoever read the output has seen enough: `rcuctl route show | head` is no failure.
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, cli.json);
            error.status().into()
        }
    }
}

/// Prints help, version or a usage error; clap's own status 2 is taken by "the kernel refused".
fn explain(usage: &clap::Error) -> ExitCode {
    // There is nothing left to do if even this cannot be printed.
    let _ = usage.print();
    if usage.use_stderr() {
        Status::Failed.into()
    } else {
        ExitCode::SUCCESS
    }
}

fn run(cli: &Cli) -> Result<Status> {
    if cli.wants_module() {
        module::load_if_absent();
    }
    let mut out = Output::stdout(cli.json);
    let status = match &cli.command {
        Command::Route { command } => route(cli, command, &mut out)?,
        Command::Stats { watch } => {
            let mut device = Device::open(&cli.device, Access::ReadWrite)?;
            stats::run(&mut device, *watch, &mut out)?
        }
        Command::Decode(options) => decode::decode(options, &mut out)?,
        Command::Watch(options) => watch::watch(options, &mut out)?,
        Command::Torture(options) => torture::torture(options, &mut out)?,
        Command::Stall(options) => stall::stall(options, &mut out)?,
        Command::Scale(options) => scale::scale(options, &mut out)?,
    };
    out.flush()?;
    Ok(status)
}

fn route<W: Write>(cli: &Cli, command: &RouteCommand, out: &mut Output<W>) -> Result<Status> {
    let open = |access| Device::open(&cli.device, access);
    let mut change =
        |command, words: &[String]| change::run(|| open(Access::ReadWrite), command, words, out);
    match command {
        RouteCommand::Add(route) => change("add", &route.words),
        RouteCommand::Change(route) => change("change", &route.words),
        RouteCommand::Replace(route) => change("replace", &route.words),
        RouteCommand::Del(route) => change("del", &route.words),
        RouteCommand::Flush { family: None } => change("flush", &[]),
        RouteCommand::Flush {
            family: Some(family),
        } => change("flush", &[family.to_string()]),
        RouteCommand::Get {
            batch: Some(file), ..
        } => {
            let input = Input::open(file)?;
            get::batch(&mut open(Access::ReadWrite)?, input, out)
        }
        RouteCommand::Get { addresses, .. } => {
            get::each(&mut open(Access::ReadWrite)?, addresses, out)
        }
        RouteCommand::Show { what: None } => show::whole(&mut open(Access::Read)?, out),
        RouteCommand::Show { what: Some(what) } => {
            show::part(&mut open(Access::ReadWrite)?, what, out)
        }
        RouteCommand::Load {
            file,
            replace,
            atomic,
            overwrite,
        } => {
            let options = load::Options {
                at_once: match (replace, atomic) {
                    (true, _) => AtOnce::Table,
                    (false, true) => AtOnce::File,
                    (false, false) => AtOnce::Line,
                },
                overwrite: *overwrite,
            };
            let input = Input::open(file)?;
            let progress = Progress::new(input.size(), cli.json);
            load::run(&mut open(Access::ReadWrite)?, input, options, progress, out)
        }
        RouteCommand::Save { file } => save::run(&mut open(Access::Read)?, file, out),
    }
}
