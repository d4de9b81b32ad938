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

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::batch::Batch;
use crate::device::{grammar, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::rcu_table::Route;
use format::Format;
use source::Source;

/// Why a route with several next hops is refused.
const MULTIPATH: &str = "a route has one next hop; several are not supported";
/// Why a route with MPLS labels or IPv6 segments is refused.
const ENCAPSULATION: &str = "encapsulation is not supported";
/// Why a route of a VRF or of another table is refused.
const ONE_TABLE: &str = "there is one table, the main one; VRFs are not supported";

/// How to read a file.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Format of the file; default: recognised by its first 64 KiB
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Peer whose paths to read from an MRT file; default: all peers, the shortest AS path wins
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,
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
    pub routes: Vec<(u64, Route)>,
    pub refused: Vec<Refused>,
    pub inactive: u64,
    /// Words such as `proto` that do not change the packets' way.
    pub skipped_words: u64,
}

/// Reads a file and translates it; `-` is standard input. Returns its name, too.
pub fn read(path: &Path, options: Options) -> Result<(String, Import)> {
    let source = Source::open(path, options.format)?;
    if options.peer.is_some() && source.format != Format::Mrt {
        return Err(Error::Usage(format!(
            "{}: --peer requires the format mrt; leave out --peer, or add --format mrt",
            source.name
        )));
    }
    Ok((source.name.clone(), translate_source(source, options.peer)?))
}

fn translate_source(source: Source, peer: Option<IpAddr>) -> Result<Import> {
    let find = match source.format {
        Format::Mrt => return Ok(parse(mrt::find(source.reader, peer))),
        Format::Ip => ip_text::find,
        Format::IpJson => ip_json::find,
        Format::Bird => bird::find,
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

/// The words of a next hop in `ip route`, after a blank; none without a next hop.
fn next_hop_words(gateway: Option<IpAddr>, dev: Option<&str>) -> String {
    let mut words = match gateway {
        Some(gateway @ IpAddr::V4(_)) => format!(" via inet {gateway}"),
        Some(gateway @ IpAddr::V6(_)) => format!(" via inet6 {gateway}"),
        None => String::new(),
    };
    if let Some(dev) = dev {
        words.push_str(&format!(" dev {dev}"));
    }
    words
}

/// Adds the routes to the table. Continues after a line that the kernel refuses. A signal ends the
/// import between two batches.
pub fn run(
    device: &mut Device<impl Read + Write>,
    name: &str,
    mut import: Import,
    is_interrupted: &dyn Fn() -> bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut imported = 0;
    let mut rest = &import.routes[..];
    while !rest.is_empty() {
        if is_interrupted() {
            let applied = imported as u64;
            return Err(Error::Interrupted { applied });
        }
        let mut batch = Batch::default();
        for (line, route) in rest {
            if batch.is_full() {
                break;
            }
            batch.push(&[b"add ", route.to_string().as_bytes()], *line);
        }
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
    import.refused.sort_by_key(|refused| refused.line);
    print(name, imported, &import, out)
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
    translate_source(source, None).expect("text")
}

#[cfg(test)]
mod tests;
