// SPDX-License-Identifier: GPL-2.0

//! `route`: the commands about routes. They use the text protocol of `/dev/rust_rcu_demo`; `load`
//! and `get --batch` use its ioctls if the device has any.

mod batch;
mod change;
mod command_line;
mod get;
mod import;
pub mod json;
mod load;
mod save;
mod show;

use std::io::Write;
use std::path::Path;

use crate::cli::RouteCommand;
use crate::device::{Access, Device};
use crate::error::{Result, Status};
use crate::input::{self, Input};
use crate::output::Output;

/// Runs a command on the device node at `path`.
pub fn run(path: &Path, command: &RouteCommand, out: &mut Output<impl Write>) -> Result<Status> {
    let open = |access| Device::open(path, access);
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
            get::addresses(&mut open(Access::ReadWrite)?, addresses, out)
        }
        RouteCommand::Show { selector: None } => show::table(&mut open(Access::Read)?, out),
        RouteCommand::Show {
            selector: Some(selector),
        } => show::selection(&mut open(Access::ReadWrite)?, selector, out),
        RouteCommand::Load {
            file,
            replace,
            atomic,
            overwrite,
        } => {
            let options = load::Options::new(*replace, *atomic, *overwrite);
            load::file(path, file, options, out)
        }
        RouteCommand::Import { file, dry_run } => {
            let (name, text) = input::read(file)?;
            let translated = import::translate(&text);
            match dry_run {
                true => import::dry_run(&name, &translated, out),
                false => import::run(&mut open(Access::ReadWrite)?, &name, translated, out),
            }
        }
        RouteCommand::Save { file } => save::run(&mut open(Access::Read)?, file, out),
    }
}
