// SPDX-License-Identifier: GPL-2.0

//! `trace`: shows the kernel's RCU events, follows a grace period, and draws both.

mod cause;
mod demo;
mod event;
mod expedited;
mod follow;
mod grace_period;
mod lanes;
mod options;
mod page;
mod picture;
mod pipe;
mod record;
mod recording;
mod report;
mod style;
#[cfg(test)]
mod tests;
mod tracefs;
mod words;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::own_file;
use event::Event;
use follow::{End, Follower, Source};
use grace_period::GracePeriod;
use record::Record;
use recording::Recording;
use style::Style;
use words::Topic;

pub use options::Trace;
pub use tracefs::TraceError;

use options::TraceCommand;

/// The events that each recording has, if the kernel has them.
const EVENTS: [&str; 21] = [
    "rcu_barrier",
    "rcu_batch_end",
    "rcu_batch_start",
    "rcu_callback",
    "rcu_exp_funnel_lock",
    "rcu_exp_grace_period",
    "rcu_fqs",
    "rcu_future_grace_period",
    "rcu_grace_period",
    "rcu_grace_period_init",
    "rcu_invoke_callback",
    "rcu_invoke_kfree_bulk_callback",
    "rcu_invoke_kvfree_callback",
    "rcu_nocb_wake",
    "rcu_preempt_task",
    "rcu_quiescent_state_report",
    "rcu_segcb_stats",
    "rcu_sr_normal",
    "rcu_stall_warning",
    "rcu_unlock_preempted_task",
    "rcu_utilization",
];

/// The event of each entry to and exit from an extended quiescent state. It is frequent.
const WATCHING: &str = "rcu_watching";

pub fn trace(options: &Trace, out: &mut Output<impl Write>) -> Result<Status> {
    options.check_files()?;
    match (&options.command, &options.from) {
        (Some(TraceCommand::Demo { scene }), None) => demo::play(options, *scene, out),
        (Some(TraceCommand::Demo { scene }), Some(file)) => {
            demo::show(options, *scene, &read(file)?, out)
        }
        (None, Some(file)) => recorded(options, file, out),
        (None, None) if options.gp => one_grace_period(options, out),
        (None, None) => live(options, out),
    }
}

/// Prints events until the time is over or a signal arrives.
fn live(options: &Trace, out: &mut Output<impl Write>) -> Result<Status> {
    let mut recording = Recording::new(options.draws());
    let mut follower = Follower::new(options, Source::Any)?;
    let printer = Printer::new(options);
    follower.follow(|line| {
        match line {
            Some(line) => {
                if let Some(record) = recording.add(line) {
                    printer.print(&record, &recording, out)?;
                }
            }
            None => out.flush()?,
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    follower.end()?;
    warn_of_loss(&recording);
    draw(options, &recording, None)?;
    Ok(Status::Done)
}

/// Requests a grace period, and prints it.
fn one_grace_period(options: &Trace, out: &mut Output<impl Write>) -> Result<Status> {
    let mut recording = Recording::new(true);
    let mut follower = Follower::new(options, Source::Requested)?;
    let mut requested_us = None;
    follower.request(1);
    let end = follower.follow(|line| {
        if let Some(record) = line.and_then(|line| recording.add(line)) {
            requested_us = requested_us.or(is_request(&record).then_some(record.us));
        }
        let found = requested_us.and_then(|us| recording.first_since(us));
        let is_over = found.is_some_and(|period| has_returned(&recording, period));
        Ok(match is_over {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        })
    })?;
    let waited = follower.end()?;
    warn_of_loss(&recording);
    let period = requested_us.and_then(|us| recording.first_since(us));
    if period.is_none() && end == End::Interrupted {
        return Ok(Status::Interrupted);
    }
    let period = period.ok_or(TraceError::NoGracePeriod(waited.as_secs()))?;
    print_period(&recording, period, requested_us, out)?;
    draw(options, &recording, requested_us)?;
    Ok(Status::Done)
}

/// Whether this program begins to wait for a grace period.
fn is_request(record: &Record) -> bool {
    matches!(&record.event, Event::RcuSrNormal { what } if what == "request" && record.task == "rcuctl")
}

/// Whether a waiter returned after the end of a grace period.
fn has_returned(recording: &Recording, period: &GracePeriod) -> bool {
    let end_us = period.ended.as_ref().map_or(u64::MAX, |end| end.us);
    recording.records().iter().rev().any(|record| {
        record.us >= end_us
            && matches!(&record.event, Event::RcuSrNormal { what } if what == "complete")
    })
}

fn print_period(
    recording: &Recording,
    period: &GracePeriod,
    since_us: Option<u64>,
    out: &mut Output<impl Write>,
) -> Result<()> {
    if out.json() {
        return out.document(&json!({ "grace_period": period, "lost_events": recording.lost() }));
    }
    let records = since(recording, since_us);
    let text = report::text(period, records, Style::for_stdout());
    out.line(text.trim_end())
}

/// The records from a time on.
fn since(recording: &Recording, us: Option<u64>) -> &[Record] {
    let records = recording.records();
    let first = us.map_or(0, |us| records.partition_point(|record| record.us < us));
    &records[first..]
}

/// Reads the lines of `trace_pipe` from a file.
fn read(file: &Path) -> Result<Recording> {
    let text = fs::read(file).map_err(Error::io(format!("reading {}", file.display())))?;
    let mut recording = Recording::new(true);
    for line in String::from_utf8_lossy(&text).lines() {
        recording.add(line);
    }
    if recording.records().is_empty() {
        return Err(TraceError::NoEvents(file.display().to_string()).into());
    }
    Ok(recording)
}

/// Shows recorded lines as `trace` would have shown them.
fn recorded(options: &Trace, file: &Path, out: &mut Output<impl Write>) -> Result<Status> {
    let recording = read(file)?;
    let printer = Printer::new(options);
    for record in recording.records().iter().filter(|_| !options.gp) {
        printer.print(record, &recording, out)?;
    }
    let request = recording.records().iter().find(|record| is_request(record));
    let request_us = request.map(|record| record.us);
    if options.gp {
        let period = match request_us {
            Some(us) => recording.first_since(us),
            None => recording.longest(),
        };
        let period = period.ok_or(TraceError::NoGracePeriod(0))?;
        print_period(&recording, period, request_us, out)?;
    }
    draw(options, &recording, request_us)?;
    Ok(Status::Done)
}

/// Prints events one a line.
struct Printer {
    style: Style,
    is_verbose: bool,
}

/// An event as JSON.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    record: &'a Record,
    words: &'a str,
}

impl Printer {
    fn new(options: &Trace) -> Self {
        Self {
            style: Style::for_stdout(),
            is_verbose: options.verbose,
        }
    }

    fn print(
        &self,
        record: &Record,
        recording: &Recording,
        out: &mut Output<impl Write>,
    ) -> Result<()> {
        let (topic, words) = words::describe(record, recording.leaf_level());
        if topic == Topic::Detail && !self.is_verbose {
            return Ok(());
        }
        if out.json() {
            return out.document(&Document {
                record,
                words: &words,
            });
        }
        out.line(&format!(
            "{:>5}.{:06}  CPU {:<3} {:<16} {}",
            record.us / 1_000_000,
            record.us % 1_000_000,
            record.cpu,
            record.task,
            self.style.words(topic, &words)
        ))
    }
}

/// Warns on standard error of missing events: standard output carries results only.
fn warn_of_loss(recording: &Recording) {
    if recording.lost() > 0 {
        eprintln!(
            "rcuctl: {} events are missing: rcuctl read them too late, or cannot keep more",
            recording.lost()
        );
    }
}

/// Writes the pictures that the options ask for.
fn draw(options: &Trace, recording: &Recording, since_us: Option<u64>) -> Result<()> {
    if let Some(file) = &options.svg {
        let picture = picture::svg(recording, since_us, picture::WIDTH);
        own_file::write(file, &picture.to_string())?;
    }
    if let Some(file) = &options.html {
        own_file::write(file, &page::html(recording, since_us))?;
    }
    Ok(())
}

/// Opens the file for the kernel's own lines, which follow a comment with their author.
fn raw_file(options: &Trace) -> Result<Option<BufWriter<File>>> {
    let Some(path) = &options.raw else {
        return Ok(None);
    };
    let file = File::create(path).map_err(Error::io(format!("creating {}", path.display())))?;
    let mut file = BufWriter::new(file);
    writeln!(file, "{}", own_file::TRACE_RECORDING)
        .map_err(Error::io(format!("writing {}", path.display())))?;
    Ok(Some(file))
}
