// SPDX-License-Identifier: GPL-2.0

//! `route`: the commands about routes. They use the text protocol of `/dev/rust_rcu_demo`; `load`
//! and `get --batch` use its ioctls if the device has any.

mod batch;
mod change;
pub mod command_line;
mod diff;
mod flush;
pub mod full;
mod get;
pub mod import;
pub mod json;
mod load;
mod monitor;
mod save;
mod selector;
mod show;
pub mod text;
mod words;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::cli::{Family, RouteCommand};
use crate::device::{Access, Device};
use crate::error::{Error, Result, Status};
use crate::input::Input;
use crate::interrupt;
use crate::output::Output;
use selector::Selector;

/// Runs a command on the device node at `path`, for both families unless an option names one.
pub fn run(
    path: &Path,
    command: &RouteCommand,
    family: Option<Family>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let open = |access| Device::open(path, access);
    let mut change = |verb: &str, words: &[String]| {
        let command = format!("{}{verb}", prefix(family));
        change::run(|| open(Access::ReadWrite), &command, words, out)
    };
    match command {
        RouteCommand::Add(route) => change("add", &route.words),
        RouteCommand::Change(route) => change("change", &route.words),
        RouteCommand::Replace(route) => change("replace", &route.words),
        RouteCommand::Del(route) => change("del", &route.words),
        RouteCommand::Flush { selector } => {
            flush::run(open, &Selector::parse(selector, family)?, out)
        }
        RouteCommand::Get {
            batch: Some(file),
            long,
            ..
        } => {
            let input = Input::open(file)?;
            get::batch(&mut open(Access::ReadWrite)?, input, *long, out)
        }
        RouteCommand::Get {
            addresses, long, ..
        } => {
            let addresses = get::parse(addresses, family)?;
            get::addresses(&mut open(Access::ReadWrite)?, &addresses, *long, out)
        }
        RouteCommand::Show { selector, long } => {
            let selector = Selector::parse(selector, family)?;
            show::run(open, &selector, *long, out)
        }
        RouteCommand::Monitor { long } => {
            monitor::run(&mut open(Access::ReadWrite)?, family, *long, out)
        }
        RouteCommand::Load { .. } | RouteCommand::Import { .. } | RouteCommand::Diff { .. }
            if family.is_some() =>
        {
            Err(Error::Usage(
                "-4 and -6 have no meaning for a file: each line names its family".to_string(),
            ))
        }
        RouteCommand::Load {
            file,
            replace,
            atomic,
            overwrite,
        } => {
            let options = load::Options::new(*replace, *atomic, *overwrite);
            load::file(path, file, options, out)
        }
        RouteCommand::Import {
            file,
            dry_run,
            replace,
            atomic,
            options,
        } => {
            let (name, import) = import::read(file, options)?;
            let atomicity = load::Atomicity::new(*replace, *atomic);
            match dry_run {
                true => import::dry_run(&name, &import, out),
                false => {
                    // Set up after the read of the file, which a signal ends with the program.
                    let flag = interrupt::flag()?;
                    // ORDERING: The flag publishes no other data.
                    let is_interrupted = || flag.load(Ordering::Relaxed);
                    let device = &mut open(Access::ReadWrite)?;
                    import::run(device, &name, import, atomicity, &is_interrupted, out)
                }
            }
        }
        RouteCommand::Diff { file, options } => {
            let (name, import) = import::read(file, options)?;
            diff::run(&mut open(Access::Read)?, &name, &import, out)
        }
        RouteCommand::Save { file } => save::run(open, file, family, out),
    }
}

/// The words of the device's text that name a family, before the verb.
fn prefix(family: Option<Family>) -> &'static str {
    match family {
        None => "",
        Some(Family::Inet) => "-4 route ",
        Some(Family::Inet6) => "-6 route ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::grammar;

    #[test]
    fn the_device_reads_default_with_the_family_of_the_options() {
        for (family, expected) in [
            (None, "0.0.0.0/0 dev a"),
            (Some(Family::Inet), "0.0.0.0/0 dev a"),
            (Some(Family::Inet6), "::/0 dev a"),
        ] {
            let line = format!("{}add default dev a", prefix(family));
            let (route, _) = grammar::route(&line).expect("a route");
            assert_eq!(route.to_string(), expected);
        }
    }
}
