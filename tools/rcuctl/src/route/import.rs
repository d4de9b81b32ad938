// SPDX-License-Identifier: GPL-2.0

//! `route import`: adds the routes of a file in another program's format.
//!
//! ```text
//!   file ──► gzip,  ──► ip text   ┐
//!            bzip2  ──► ip JSON   │
//!                   ──► BIRD      ├──► words of `ip route` ──► the device's parser ──► add
//!                   ──► FRR, JSON │      with line number         │ refused         │ refused
//!                   ──► MRT       ┘                               └──► named with line and word
//! ```
//!
//! The device itself reads the text of `ip route`. This command also reads other formats, continues
//! after a refused line, and counts.

mod bird;
pub mod format;
mod frr;
mod frr_bgp;
mod frr_json;
mod ip_json;
mod ip_text;
mod mrt;
mod source;
mod words;

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::batch::Batch;
use super::full::FullRoute;
use super::load::Atomicity;
use crate::device::{grammar, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use format::Format;
use source::Source;

/// Why a route with MPLS labels or IPv6 segments is refused.
const ENCAPSULATION: &str = "encapsulation is not supported";
/// Why a route of a VRF or of another table is refused.
const ONE_TABLE: &str = "there is one table, the main one; VRFs are not supported";

/// How to read a file.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Format of the file; default: recognised by its first 64 KiB
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Peer whose paths to read from an MRT file; default: all peers, the shortest AS path wins
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,

    /// Table of BIRD to read; default: master, master4 and master6, or the only table
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

/// A route of the file, in the words of `ip route`.
struct Candidate {
    line: u64,
    words: String,
}

/// A line that was not imported, and why.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub line: u64,
    pub message: String,
}

/// The routes of a file before the device's parser reads them.
#[derive(Default)]
struct Found {
    candidates: Vec<Candidate>,
    refused: Vec<Refused>,
    /// Routes that the program that printed them does not use.
    inactive: u64,
    /// Messages about the choice of routes, each a predicate whose subject is the import.
    notes: Vec<String>,
}

impl Found {
    fn push(&mut self, line: u64, words: impl Into<String>) {
        let words = words.into();
        self.candidates.push(Candidate { line, words });
    }

    fn refuse(&mut self, line: u64, message: impl Into<String>) {
        let message = message.into();
        self.refused.push(Refused { line, message });
    }
}

/// The routes of a file.
#[derive(Debug, Default)]
pub struct Import {
    /// Each with its line.
    pub routes: Vec<(u64, FullRoute)>,
    pub refused: Vec<Refused>,
    pub inactive: u64,
    /// Words such as `proto` that do not change the packets' way.
    pub skipped_words: u64,
    notes: Vec<String>,
}

/// Reads a file and translates it; `-` is standard input. Returns its name, too.
pub fn read(path: &Path, options: &Options) -> Result<(String, Import)> {
    let source = Source::open(path, options.format)?;
    let name = source.name.clone();
    let import = translate_source(source, options)?;
    for note in &import.notes {
        anstream::eprintln!("rcuctl: {name}: {}", printable(note));
    }
    Ok((name, import))
}

fn translate_source(source: Source, options: &Options) -> Result<Import> {
    let unused = |option: &str, format: &str| {
        Err(Error::Usage(format!(
            "{}: {option} requires the format {format}; leave out {option}, or add --format {format}",
            source.name
        )))
    };
    if options.peer.is_some() && source.format != Format::Mrt {
        return unused("--peer", "mrt");
    }
    if options.table.is_some() && source.format != Format::Bird {
        return unused("--table", "bird");
    }
    let find = match source.format {
        Format::Mrt => return Ok(parse(mrt::find(source.reader, options.peer))),
        Format::Bird => {
            let name = source.name.clone();
            let found = bird::find(&name, &source.text()?, options.table.as_deref())?;
            return Ok(parse(found));
        }
        Format::Ip => ip_text::find,
        Format::IpJson => ip_json::find,
        Format::Frr => frr::find,
        Format::FrrJson => frr_json::find,
        Format::FrrBgp => frr_bgp::find,
    };
    Ok(parse(find(&source.text()?)))
}

/// Gives the words of each route to the device's parser.
fn parse(found: Found) -> Import {
    let mut import = Import {
        refused: found.refused,
        inactive: found.inactive,
        notes: found.notes,
        ..Import::default()
    };
    for Candidate { line, words } in found.candidates {
        match grammar::route(&words) {
            Ok((route, skipped)) => {
                import.routes.push((line, route));
                import.skipped_words += u64::from(skipped);
            }
            Err(message) => import.refused.push(Refused { line, message }),
        }
    }
    import.refused.sort_by_key(|refused| refused.line);
    import
}

/// Adds the routes to the table: each by itself, so that the import continues after a refused one,
/// or all or none of them.
pub fn run(
    device: &mut Device<impl Read + Write>,
    name: &str,
    mut import: Import,
    atomicity: Atomicity,
    is_interrupted: &dyn Fn() -> bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let imported = match atomicity.begin() {
        None => add(device, &mut import, is_interrupted)?,
        Some(_) if !import.refused.is_empty() => {
            report(name, &import.refused);
            return Err(Error::Usage(format!(
                "{name}: expected a file without refused lines, found {}; nothing was imported; \
                 without --atomic and --replace the import skips these lines",
                import.refused.len()
            )));
        }
        Some(begin) => {
            device.command(begin)?;
            add_all(device, name, &mut import, is_interrupted).inspect_err(|_| {
                // Fails harmlessly if the failed commit has ended the transaction.
                let _ = device.command("abort\n");
            })?
        }
    };
    import.refused.sort_by_key(|refused| refused.line);
    print(name, imported, &import, out)
}

/// Adds all routes to the open transaction, and commits it. Returns their number. Errors: the first
/// refused line, and then nothing was imported.
fn add_all(
    device: &mut Device<impl Read + Write>,
    name: &str,
    import: &mut Import,
    is_interrupted: &dyn Fn() -> bool,
) -> Result<usize> {
    let refused_line = |line, refusal| Error::Line {
        file: name.to_string(),
        line,
        applied: Some(0),
        refusal,
    };
    let mut rest = &import.routes[..];
    while !rest.is_empty() {
        if is_interrupted() {
            return Err(Error::Interrupted { applied: 0 });
        }
        let batch = batch_of(rest);
        let lines = batch.text(0..batch.len());
        if let Some(refused) = device.submit(lines, &mut Vec::new())? {
            let accepted = batch.lines_in(0, refused.accepted);
            return Err(refused_line(batch.number(accepted), refused.refusal));
        }
        rest = &rest[batch.len()..];
    }
    let Some(refused) = device.submit(b"commit\n", &mut Vec::new())? else {
        return Ok(import.routes.len());
    };
    // The device counts `begin` as line 1, and names the line at which the commit failed.
    let number = refused.number.and_then(|number| number.checked_sub(2));
    Err(
        match number.and_then(|number| line_of(&import.routes, number)) {
            Some(line) => refused_line(line, refused.refusal),
            None => Error::Refused(refused.refusal),
        },
    )
}

/// Returns the line of the file of the route that the device has read in a line, from 0.
fn line_of(mut routes: &[(u64, FullRoute)], number: u64) -> Option<u64> {
    let mut before = usize::try_from(number).ok()?;
    while !routes.is_empty() {
        let batch = batch_of(routes);
        for line in 0..batch.len() {
            match before.checked_sub(batch.device_lines(line..line + 1)) {
                Some(rest) => before = rest,
                None => return Some(batch.number(line)),
            }
        }
        routes = &routes[batch.len()..];
    }
    None
}

/// Returns the lines that add the first routes, as many as one write can carry.
fn batch_of(routes: &[(u64, FullRoute)]) -> Batch {
    let mut batch = Batch::default();
    for (line, route) in routes {
        if batch.is_full() {
            break;
        }
        batch.push(&[b"add ", route.to_string().as_bytes()], *line);
    }
    batch
}

/// Adds each route by itself, and continues after one that the kernel refuses. A signal ends the
/// import between two batches. Returns the number of added routes.
fn add(
    device: &mut Device<impl Read + Write>,
    import: &mut Import,
    is_interrupted: &dyn Fn() -> bool,
) -> Result<usize> {
    let mut imported = 0;
    let mut rest = &import.routes[..];
    while !rest.is_empty() {
        if is_interrupted() {
            let applied = imported as u64;
            return Err(Error::Interrupted { applied });
        }
        let batch = batch_of(rest);
        let count = batch.len();
        let refused = device.submit(batch.text(0..count), &mut Vec::new())?;
        let accepted = refused
            .as_ref()
            .map_or(count, |refused| batch.lines_in(0, refused.accepted));
        imported += accepted;
        let mut done = accepted;
        if let Some(refused) = refused {
            done += 1;
            import.refused.push(Refused {
                line: batch.number(accepted),
                message: refused.refusal.to_string(),
            });
        }
        rest = &rest[done.min(rest.len())..];
    }
    Ok(imported)
}

/// Prints the routes instead of adding them.
pub fn dry_run(name: &str, import: &Import, out: &mut Output<impl Write>) -> Result<Status> {
    let mut routes = out.routes(true)?;
    for (_, route) in &import.routes {
        routes.push(&route.to_string())?;
    }
    routes.finish()?;
    Ok(report(name, &import.refused))
}

fn print(
    name: &str,
    imported: usize,
    import: &Import,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let refused = import.refused.len();
    if out.json() {
        out.document(&json!({
            "imported": imported,
            "inactive": import.inactive,
            "skipped_words": import.skipped_words,
            "refused": import.refused,
        }))?;
    } else {
        out.line(&format!(
            "{imported} routes imported, {refused} refused, {} inactive; {} informational words \
             skipped",
            import.inactive, import.skipped_words
        ))?;
    }
    Ok(report(name, &import.refused))
}

/// Names each refused line. The status is `Failed` if there is one.
pub fn report(name: &str, refused: &[Refused]) -> Status {
    for Refused { line, message } in refused {
        let message = printable(message);
        anstream::eprintln!("rcuctl: {name}:{line}: {message}");
    }
    match refused.is_empty() {
        true => Status::Done,
        false => Status::Failed,
    }
}

/// Escapes control characters, because a word of the file must not control the terminal.
fn printable(message: &str) -> String {
    let escape = |char: char| match char.is_control() {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    };
    message.chars().map(escape).collect()
}

/// Translates text, and recognises its format.
#[cfg(test)]
pub fn translate(text: &str) -> Import {
    let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
    let source = Source::new("f".to_string(), bytes, None).expect("a known format");
    translate_source(source, &Options::default()).expect("text")
}

#[cfg(test)]
mod tests;
