// SPDX-License-Identifier: GPL-2.0

//! `rcuctl completion SHELL`: prints a shell's completion script.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::{generate, Shell};

use crate::cli::Cli;
use crate::error::{Result, Status};
use crate::output::Output;

pub fn print(shell: Shell, out: &mut Output<impl Write>) -> Result<Status> {
    // The generator panics if its writer fails, for example because a pipe was closed.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "rcuctl", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Status::Done)
}
