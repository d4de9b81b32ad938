// SPDX-License-Identifier: GPL-2.0

//! `decode`: explains the RCU reports of a kernel log. `docs/decode.md` describes the output.

mod source;
pub mod text;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::Args;
use serde::Serialize;
use stall_decode::{Event, EventKind, Timeline};
use stall_page::Page;

use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::own_file;
use source::Source;

pub use text::Style;

/// Bytes of a log that are read for a page.
const MAX_PAGE_LOG: u64 = 1 << 30;

/// Explain the reports of a kernel log: RCU stalls, misuse, hung tasks, lockups, out of memory
///
/// Reads logs of kernels since 3.x, with the prefixes of dmesg (all time formats), journalctl,
/// syslog, serial consoles, mails or containers. With --json, prints one document per event, each
/// on its own line.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  the log was read
  1  usage error, or the log could not be read
  2  with --exit-code only: the log has an event")]
pub struct Decode {
    /// Logs to read: files, also compressed ones, or folders of pstore or kdump; - is standard
    /// input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    filter: Filter,

    /// Write a timeline of the events to FILE, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Write a page to FILE that shows the events, their timeline, and the lines of the log
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Replace the file of --svg or --html even if rcuctl did not write it
    #[arg(long)]
    force: bool,

    /// Print one line per event
    #[arg(long, conflicts_with = "json")]
    short: bool,

    /// Show normal fields, too
    #[arg(long, short)]
    verbose: bool,

    /// Exit with status 2 if the log has an event
    #[arg(long)]
    exit_code: bool,
}

/// Selects events.
#[derive(Debug, Args)]
pub struct Filter {
    /// Print only events of this kind; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = kinds())]
    kinds: Vec<String>,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::name))
}

impl Filter {
    pub fn matches(&self, event: &Event) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind.name())
    }
}

pub fn decode(options: &Decode, out: &mut Output<impl Write>) -> Result<Status> {
    let style = Style::for_stdout().verbose(options.verbose);
    let mut sources = Vec::new();
    for path in &options.files {
        sources.extend(Source::find(path)?);
    }
    let targets = [("--svg", &options.svg), ("--html", &options.html)];
    let inputs: Vec<_> = sources.iter().flat_map(Source::inputs).collect();
    own_file::check(&targets, &inputs, options.force)?;
    let mut found = Found::new(options, sources.len() > 1);
    for source in &sources {
        let log = source.open()?;
        if found.has_several && !out.json() {
            out.line(&format!("{}:", source.name))?;
        }
        if options.html.is_some() {
            run_for_page(options, source, log, style, &mut found, out)?;
        } else {
            run(options, &source.name, log, style, &mut found, out)?;
        }
    }
    let events = found.finish(options, out)?;
    Ok(match options.exit_code && events > 0 {
        true => Status::Refused,
        false => Status::Done,
    })
}

/// What all logs hold.
struct Found {
    /// Whether there are several logs.
    has_several: bool,
    timeline: Option<Timeline>,
    page: Page,
    /// The events of the log that is read, for the page.
    events: Vec<Event>,
    counts: BTreeMap<&'static str, u64>,
}

impl Found {
    fn new(options: &Decode, has_several: bool) -> Self {
        Self {
            has_several,
            timeline: options.svg.is_some().then(Timeline::new),
            page: Page::new(),
            events: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Writes the timeline, the page and the totals, and returns the number of events.
    fn finish(self, options: &Decode, out: &mut Output<impl Write>) -> Result<u64> {
        if let (Some(path), Some(timeline)) = (&options.svg, self.timeline) {
            own_file::write(path, &timeline.svg())?;
        }
        if let Some(path) = &options.html {
            own_file::write(path, &self.page.html())?;
        }
        if !out.json() && !options.short {
            let mut totals = String::new();
            text::wrapped(&mut totals, "", "", &text::totals(&self.counts));
            out.line(totals.trim_end())?;
        }
        Ok(self.counts.values().sum())
    }
}

/// An event with the name of its log, if there are several.
#[derive(Serialize)]
struct OfFile<'a> {
    file: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

/// Decodes a log that is kept in memory, because a page shows its lines.
fn run_for_page(
    options: &Decode,
    source: &Source,
    log: impl BufRead,
    style: Style,
    found: &mut Found,
    out: &mut Output<impl Write>,
) -> Result<()> {
    let mut bytes = Vec::new();
    log.take(MAX_PAGE_LOG)
        .read_to_end(&mut bytes)
        .map_err(Error::io(format!("reading {}", source.name)))?;
    run(options, &source.name, &bytes[..], style, found, out)?;
    let events = std::mem::take(&mut found.events);
    found.page.add(&source.name, &bytes, events);
    Ok(())
}

/// Decodes a log and prints the selected events.
fn run(
    options: &Decode,
    name: &str,
    log: impl BufRead,
    style: Style,
    found: &mut Found,
    out: &mut Output<impl Write>,
) -> Result<()> {
    let mut failure = None;
    let result = stall_decode::decode(log, |event| {
        if !options.filter.matches(&event) {
            return Ok(());
        }
        *found.counts.entry(event.kind.name()).or_insert(0u64) += 1;
        if let Some(timeline) = &mut found.timeline {
            timeline.add(&event);
        }
        if options.html.is_some() {
            found.events.push(event.clone());
        }
        let printed = if options.short && !out.json() {
            out.line(&text::short(&event, style))
        } else if found.has_several && out.json() {
            out.document(&OfFile {
                file: name,
                event: &event,
            })
        } else {
            print(&event, style, out)
        };
        printed.map_err(|error| {
            failure = Some(error);
            io::ErrorKind::Other.into()
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    result.map_err(Error::io(format!("reading {name}")))
}

/// Prints an event in full.
pub fn print(event: &Event, style: Style, out: &mut Output<impl Write>) -> Result<()> {
    if out.json() {
        return out.document(event);
    }
    out.line(&text::full(event, style))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const LOG: &str = "\
[  100.000000] stray
[  363.000000] INFO: task sh:57 blocked for more than 122 seconds.
[  363.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0
[  363.000002] schedule+0x1/0x2
[  363.000003] synchronize_rcu+0x1/0x2
[  363.000004] sys_thing+0x1/0x2
[  400.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [hog:58]
";

    #[derive(Parser)]
    struct CommandLine {
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        decode: Decode,
    }

    fn decoded(words: &[&str], log: &str) -> (String, u64) {
        let line = CommandLine::try_parse_from([&["rcuctl"], words].concat()).expect("options");
        let mut bytes = Vec::new();
        let mut out = Output::new(&mut bytes, line.json);
        let mut found = Found::new(&line.decode, false);
        let style = Style::plain();
        run(
            &line.decode,
            "-",
            log.as_bytes(),
            style,
            &mut found,
            &mut out,
        )
        .expect("a log");
        let events = found.finish(&line.decode, &mut out).expect("totals");
        (String::from_utf8(bytes).expect("text"), events)
    }

    #[test]
    fn text_has_summary_frames_causes_and_advice() {
        let (text, events) = decoded(&[], LOG);
        assert_eq!(events, 2);
        for part in [
            "hung-task",
            "line 2",
            "sh (pid 57) has been blocked",
            "sys_thing",
            "To blame:",
            "Because:",
            "Do:",
            "2 events",
        ] {
            assert!(text.contains(part), "no {part:?}: {text}");
        }
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn json_has_one_document_per_line() {
        let (text, _) = decoded(&["--json"], LOG);
        let kinds: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .map(|event| event["kind"].as_str().unwrap_or("?").to_string())
            .collect();
        assert_eq!(kinds, ["hung-task", "soft-lockup"]);
    }

    #[test]
    fn short_prints_one_line_per_event() {
        let (text, _) = decoded(&["--short"], LOG);
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn kind_selects_events() {
        let (_, events) = decoded(&["--kind", "soft-lockup"], LOG);
        assert_eq!(events, 1);
        assert!(CommandLine::try_parse_from(["rcuctl", "--kind", "unknown"]).is_err());
    }

    #[test]
    fn a_log_without_events_prints_a_sentence_but_no_json() {
        let (text, events) = decoded(&[], "systemd[1]: Started.\n");
        assert_eq!(events, 0);
        assert!(text.starts_with("The log has no reports"), "{text}");
        assert_eq!(decoded(&["--json"], "systemd[1]: Started.\n").0, "");
    }
}
