// SPDX-License-Identifier: GPL-2.0

//! `decode`: what a kernel log says of RCU, in words. `docs/decode.md` describes the answers.

pub mod text;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::Args;
use stall_decode::{Event, EventKind, Timeline};

use crate::error::{Error, Result, Status};
use crate::output::Output;

pub use text::Style;

const BUFFER: usize = 256 * 1024;

/// Explain what a kernel log says of RCU: stalls, misuse, hung tasks, lockups, memory running out
///
/// Logs may be of any kernel from 3.x on, and wrapped by dmesg in each of its time formats, journalctl, syslog,
/// consoles, mails or containers. With --json each event is one document on a line of its own.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  the log was read, whether or not it had anything to tell
  1  wrong usage, or a log that cannot be read
  2  with --exit-code only: the log had something to tell")]
pub struct Decode {
    /// The log; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    #[command(flatten)]
    filter: Filter,

    /// Draw the events along time into FILE
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// One line an event
    #[arg(long, conflicts_with = "json")]
    short: bool,

    /// End with status 2 if there is an event
    #[arg(long)]
    exit_code: bool,
}

/// Which events are wanted.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only events of this kind; may be given several times
    #[arg(long = "kind", value_name = "KIND", value_parser = kinds())]
    kinds: Vec<String>,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::name))
}

impl Filter {
    pub fn wants(&self, event: &Event) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind.name())
    }
}

pub fn decode(options: &Decode, out: &mut Output<impl Write>) -> Result<Status> {
    let log = open(&options.file)?;
    let style = Style::for_stdout();
    let events = run(options, log, style, out)?;
    Ok(match options.exit_code && events > 0 {
        true => Status::Refused,
        false => Status::Done,
    })
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            let message = "no log: give a FILE, or pipe one in, such as dmesg | rcuctl decode";
            return Err(Error::Usage(message.to_string()));
        }
        return Ok(Box::new(BufReader::with_capacity(BUFFER, io::stdin())));
    }
    let name = path.display();
    let file = File::open(path).map_err(Error::io(format!("opening {name}")))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
}

/// Decodes a log, and says how many events were wanted.
fn run(
    options: &Decode,
    log: impl BufRead,
    style: Style,
    out: &mut Output<impl Write>,
) -> Result<u64> {
    let mut picture = options.svg.is_some().then(Timeline::new);
    let mut counts = BTreeMap::new();
    let mut failure = None;
    let name = options.file.display().to_string();
    let result = stall_decode::decode(log, |event| {
        if !options.filter.wants(&event) {
            return Ok(());
        }
        *counts.entry(event.kind.name()).or_insert(0u64) += 1;
        if let Some(picture) = &mut picture {
            picture.add(&event);
        }
        let printed = if options.short && !out.json() {
            out.line(&text::short(&event, style))
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
    result.map_err(Error::io(format!("reading {name}")))?;
    if let (Some(path), Some(picture)) = (&options.svg, picture) {
        let writing = format!("writing {}", path.display());
        fs::write(path, picture.svg()).map_err(Error::io(writing))?;
    }
    if !out.json() && !options.short {
        out.line(&text::totals(&counts))?;
    }
    Ok(counts.values().sum())
}

/// An event, whole.
pub fn print(event: &Event, style: Style, out: &mut Output<impl Write>) -> Result<()> {
    if out.json() {
        return out.document(event);
    }
    out.line(&text::whole(event, style))
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
    struct Whole {
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        decode: Decode,
    }

    fn decoded(words: &[&str], log: &str) -> (String, u64) {
        let whole = Whole::try_parse_from([&["rcuctl"], words].concat()).expect("options");
        let mut bytes = Vec::new();
        let mut out = Output::new(&mut bytes, whole.json);
        let events = run(&whole.decode, log.as_bytes(), Style::plain(), &mut out).expect("a log");
        (String::from_utf8(bytes).expect("text"), events)
    }

    #[test]
    fn words_for_people() {
        let (text, events) = decoded(&[], LOG);
        assert_eq!(events, 2);
        for part in [
            "hung-task",
            "line 2",
            "sh (pid 57) has slept",
            "sys_thing",
            "Likely causes",
            "What to do",
            "2 events",
        ] {
            assert!(text.contains(part), "no {part:?}: {text}");
        }
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn one_document_a_line() {
        let (text, _) = decoded(&["--json"], LOG);
        let kinds: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .map(|event| event["kind"].as_str().unwrap_or("?").to_string())
            .collect();
        assert_eq!(kinds, ["hung-task", "soft-lockup"]);
    }

    #[test]
    fn one_line_an_event() {
        let (text, _) = decoded(&["--short"], LOG);
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn only_some_kinds() {
        let (_, events) = decoded(&["--kind", "soft-lockup"], LOG);
        assert_eq!(events, 1);
        assert!(Whole::try_parse_from(["rcuctl", "--kind", "headache"]).is_err());
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let (text, events) = decoded(&[], "all is well\n");
        assert_eq!(events, 0);
        assert!(text.contains("nothing"), "{text}");
        assert_eq!(decoded(&["--json"], "all is well\n").0, "");
    }
}
