// SPDX-License-Identifier: GPL-2.0

//! Decodes a log line by line.
//!
//! Each line either begins a report, adds a detail to an open one, or is part of a stack dump. The
//! log marks no end of a report, and two CPUs may print at the same time. `open` decides how long a
//! report lasts, and `routing` to which open report a dump belongs.

mod context;
mod doubled;
mod machine;
mod needles;
mod open;
mod routing;
mod strings;
#[cfg(test)]
mod tests;
mod tick_rate;
mod wrapped;

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::event::{Event, EventKind};
use crate::explain::explain;
use crate::incident::Incidents;
use crate::log_clock::LogClock;
use crate::report::FAMILIES;
use crate::stack::{bare_frame, looks_like_release, part, Heading, Part, Place};
use crate::unwrap::{self, JournalEntry, Line, Prefix, QuotedPrintable};
use context::Context;
use doubled::Doubled;
use machine::is_virtual;
use needles::{Found, Mark};
use open::OpenReports;
use wrapped::{announces_place, frames_of, Held, Layout};

/// Lines from a `WARNING:` to its message, at most.
const WARNING_LINES: u64 = 2;

/// Lines between the halves of a frame, at most.
const MAX_TORN_LINES: u64 = 3;

/// Decodes a log line by line.
///
/// ```
/// let mut decoder = stall_decode::Decoder::new();
/// decoder.line(b"[  360.1] unrelated");
/// decoder.line(b"[  363.001234] INFO: task sh:57 blocked for more than 120 seconds.");
/// assert!(decoder.event().is_none()); // The report may have more lines.
/// decoder.finish();
/// let event = decoder.event().expect("a report");
/// assert_eq!((event.kind.name(), event.line), ("hung-task", 2));
/// ```
#[derive(Debug)]
pub struct Decoder {
    /// The current input line, from 1.
    number: u64,
    clock: LogClock,
    mail: QuotedPrintable,
    boot: u64,
    /// The release in the boot's `Linux version` line.
    release: Option<String>,
    open: OpenReports,
    doubled: Doubled,
    prefix: Prefix,
    journal: JournalEntry,
    /// A bit for each family of which this boot has a report.
    reported: u32,
    /// Whether this boot is that of a virtual machine.
    is_guest: bool,
    context: Context,
    /// A line that may continue on the next one.
    held: Option<Held>,
    /// The memory of the line held before.
    spare: String,
    /// The first half of a frame inside which another message was printed, and its line.
    torn: Option<(String, u64)>,
    /// Indented lines in a row.
    indented_lines: u32,
    /// A `WARNING:` whose message may follow, and its line.
    warning: Option<(Heading, u64)>,
    /// Whether the next line may be a place that a mail program wrapped, not a frame.
    is_place_next: bool,
    /// Whether the last line was `Call Trace:`, or a frame after it.
    is_in_trace: bool,
    incidents: Incidents,
    ready: VecDeque<Event>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Creates a decoder.
    pub fn new() -> Self {
        Self {
            number: 0,
            clock: LogClock::default(),
            mail: QuotedPrintable::default(),
            boot: 1,
            release: None,
            open: OpenReports::default(),
            doubled: Doubled::default(),
            prefix: Prefix::default(),
            journal: JournalEntry::default(),
            reported: 0,
            is_guest: false,
            context: Context::default(),
            held: None,
            spare: String::new(),
            torn: None,
            indented_lines: 0,
            warning: None,
            is_place_next: false,
            is_in_trace: false,
            incidents: Incidents::default(),
            ready: VecDeque::new(),
        }
    }

    /// Decodes the next line, passed without its line break.
    pub fn line(&mut self, bytes: &[u8]) {
        self.numbered_line(bytes, self.number + 1);
    }

    /// Decodes a line with its number in the input.
    pub(crate) fn numbered_line(&mut self, bytes: &[u8], number: u64) {
        self.number = number;
        for piece in unwrap::pieces(bytes) {
            let printed = unwrap::printable(piece);
            // Only a tag can break a line once more.
            let has_markup = unwrap::has_markup(printed.as_bytes());
            let text = match has_markup {
                true => unwrap::without_html(&printed),
                false => Cow::Borrowed(&*printed),
            };
            let record = unwrap::from_json(&text).or_else(|| unwrap::from_kmsg(&text));
            let record = record.or_else(|| self.journal.line(&text));
            let is_broken = || has_markup && memchr::memchr(b'\n', text.as_bytes()).is_some();
            if let Some(record) = record.or_else(|| is_broken().then(|| text.to_string())) {
                for line in record.lines().filter(|line| !line.is_empty()) {
                    self.wrapped_line(line, self.number);
                }
            } else if !unwrap::is_kmsg_property(&text) {
                if let Some((text, number)) = self.mail.join(&text, self.number) {
                    self.wrapped_line(&text, number);
                }
            }
        }
    }

    /// Returns the next complete event.
    pub fn event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Returns whether a report is open that may have more lines.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty() || self.held.is_some()
    }

    /// Completes all open reports, at the end of the log or after a pause.
    pub fn finish(&mut self) {
        if let Some((text, number)) = self.mail.flush() {
            self.wrapped_line(&text, number);
        }
        self.release();
        self.open.end_all();
        self.emit();
    }

    /// Decodes a line, or several that were joined.
    fn wrapped_line(&mut self, text: &str, number: u64) {
        let unescaped;
        // printk and some loggers escape the tab.
        let escape = ["\\x09", "#011"].into_iter().find(|escape| {
            let first = escape.as_bytes()[0];
            memchr::memchr(first, text.as_bytes()).is_some() && text.contains(escape)
        });
        let text = match escape {
            Some(escape) => {
                unescaped = text.replace(escape, " ");
                unescaped.as_str()
            }
            None => text,
        };
        let Some(mut line) = unwrap::unwrap(text, number) else {
            return;
        };
        // Some mails keep the colon of a removed prefix.
        line.text = line.text.strip_prefix(": ").unwrap_or(line.text);
        let layout = Layout::of(text);
        if let Some(whole) = self.mend(&line) {
            self.piece(
                &Line {
                    text: &whole,
                    ..line
                },
                layout,
            );
            return;
        }
        while let Some(at) = unwrap::second_stamp(line.text).filter(|_| line.stamp.is_some()) {
            let (first, second) = line.text.split_at_checked(at).unwrap_or((line.text, ""));
            let first = Line {
                text: first.trim_end(),
                ..line
            };
            if wrapped::is_first_half(first.text) {
                self.torn = Some((first.text.to_string(), number));
                // The message's own time may be far from that of the report.
                if needles::find(second, true).is_empty() {
                    return;
                }
            } else {
                self.piece(&first, layout);
            }
            self.release();
            match unwrap::unwrap(second, number) {
                Some(second) if second.text.len() < line.text.len() => line = second,
                _ => return,
            }
        }
        self.piece(&line, layout);
    }

    /// Joins the halves of a frame inside which another message was printed.
    fn mend(&mut self, line: &Line<'_>) -> Option<String> {
        let (half, number) = self.torn.as_ref()?;
        let is_near = line.number.saturating_sub(*number) <= MAX_TORN_LINES;
        let is_rest = line.stamp.is_none() && wrapped::is_second_half(line.text);
        let whole = (is_near && is_rest).then(|| format!("{half}{}", line.text));
        if whole.is_some() || !is_near {
            self.torn = None;
        }
        whole
    }

    /// Decodes a line, or a piece of a wrapped one.
    fn piece(&mut self, line: &Line<'_>, layout: Layout) {
        if let Some(held) = self
            .held
            .as_mut()
            .filter(|held| held.may_continue(line, layout))
        {
            // A function's name may be the rest of a warning.
            let is_function = line.text.contains("+0x");
            let is_header = wrapped::ends_in_header(&held.text) || held.is_unfinished();
            if is_function || is_header || needles::find(line.text, true).is_empty() {
                held.join(line, layout);
                return;
            }
        }
        self.release();
        self.indented_lines = match layout.indent {
            _ if line.text.is_empty() => self.indented_lines,
            0 | 1 => 0,
            _ => self.indented_lines + 1,
        };
        let matters = !self.open.is_empty()
            || !needles::find(line.text, true).is_empty()
            || wrapped::ends_in_header(line.text);
        self.held = match matters {
            true => Held::new(line, layout, self.indented_lines >= 2, &mut self.spare),
            false => None,
        };
        if self.held.is_none() {
            self.kernel_line(line);
        }
    }

    /// Decodes the line that was held back.
    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.kernel_line(&held.line());
            self.spare = held.text;
        }
    }

    fn kernel_line(&mut self, line: &Line<'_>) {
        self.clock.advance(line.stamp);
        if line.stamp.is_some() {
            if let Some(first) = self.clock.new_boot(line.number) {
                self.begin_boot(first);
            }
        }
        if line.text.is_empty() {
            return;
        }
        let text = match self.open.is_empty() {
            true => line.text,
            false => self.prefix.strip(line.text),
        };
        let line = &Line { text, ..*line };
        let found = needles::find(line.text, self.open.is_empty());
        let may_count = !self.open.is_empty() || found.header_families().next().is_some();
        if may_count && self.doubled.is_repetition(line) {
            return;
        }
        if !self.open.is_empty() {
            self.open.note_nmi(line, &self.clock);
        }
        if self.begins_report(line, &found) {
            return;
        }
        if let Some(mark) = found.mark() {
            self.marker(line, mark);
        }
        if self.open.is_empty() {
            return;
        }
        if self.open.end_stale(&self.clock, line.number) {
            self.emit();
        }
        if self.open.add_detail(line, found.details, &self.clock) {
            self.is_place_next = announces_place(line.text);
            return;
        }
        for text in frames_of(line.text) {
            let line = &Line { text, ..*line };
            let bare = || bare_frame(text).filter(|_| self.is_in_trace);
            let Some(part) = part(text).or_else(bare) else {
                self.is_in_trace = false;
                continue;
            };
            self.is_in_trace = match part {
                Part::Trace => true,
                Part::Frames(ref frame, _) => frame.place != Place::Registers && self.is_in_trace,
                _ => false,
            };
            let follows = std::mem::take(&mut self.is_place_next);
            if !(follows && matches!(part, Part::Frames(..))) {
                self.open.add_part(line, part, &self.clock);
            }
        }
    }

    /// Parses a line as the first one of a report. Returns whether the line is consumed.
    fn begins_report(&mut self, line: &Line<'_>, found: &Found) -> bool {
        found
            .header_families()
            .any(|family| self.header(line, family, found.details))
    }

    fn header(&mut self, line: &Line<'_>, index: usize, details: u32) -> bool {
        let Some(family) = FAMILIES.get(index) else {
            return false;
        };
        // Details of an open report may contain header strings of another family.
        if self.open.add_detail(line, details, &self.clock) {
            return true;
        }
        if line.text.starts_with("WARNING: ") {
            let heading = Heading::of_warning(line.text);
            if heading.is_some_and(|heading| self.open.add_warning(line, &heading)) {
                return true;
            }
        }
        let Some(mut event) = (family.parse_header)(line.text) else {
            return false;
        };
        // A panic after a report in this log is its consequence.
        let is_reported = self.reported & (1 << index) != 0;
        if event.panic.is_some() && event.header_missing && is_reported {
            return false;
        }
        self.reported |= 1 << index;
        let time = self.clock.time(line.stamp);
        if self.open.is_doubled(line, time.as_ref()) {
            return true;
        }
        event.line = line.number;
        event.time = time;
        event.boot = self.boot;
        self.context.apply(&mut event);
        if !event.header_missing {
            self.prefix.learn(line.text);
        }
        let heading = self.warning_heading(line, event.kind);
        // A report without its first line may begin with a detail.
        let is_detail = event.header_missing && event.kind == EventKind::HungTask;
        self.open.begin(line, event, index, heading.as_ref());
        if is_detail {
            self.open.add_detail(line, details, &self.clock);
        }
        self.emit();
        true
    }

    /// Returns the `WARNING:` heading of a new report, from the same line or a preceding one.
    fn warning_heading(&mut self, line: &Line<'_>, kind: EventKind) -> Option<Heading> {
        let (preceding, number) = self.warning.take().unzip();
        if kind != EventKind::VoluntaryContextSwitch {
            return None;
        }
        let is_near =
            number.is_some_and(|number| line.number.saturating_sub(number) <= WARNING_LINES);
        Heading::of_warning(line.text).or(preceding.filter(|_| is_near))
    }

    /// Handles a line that belongs to no report.
    fn marker(&mut self, line: &Line<'_>, mark: Mark) {
        match mark {
            Mark::KernelVersion => self.kernel_version(line),
            Mark::Calibration => self.set_rate(tick_rate::of_calibration(line.text)),
            Mark::JiffiesClock => self.set_rate(tick_rate::of_jiffies_clock(line.text)),
            Mark::Start => (),
            Mark::NetDevice => self.incidents.note_net_device(line),
            Mark::Panic => self.open.panic(line),
            Mark::Vmalloc => self.context.vmalloc(line),
            Mark::Exit => {
                self.context.exit(line);
                self.context.crash(line);
            }
            Mark::Trouble => self.context.trouble(line, self.clock.time(line.stamp)),
            Mark::Machine => self.is_guest |= is_virtual(line.text),
            Mark::StallEnd => {
                if let Some(time) = self.clock.time(line.stamp) {
                    self.open.set_stall_end(&time);
                    self.incidents.end(&time);
                }
            }
            Mark::Warning => {
                let heading = Heading::of_warning(line.text);
                let reported = heading.as_ref();
                if !reported.is_some_and(|heading| self.open.add_warning(line, heading)) {
                    self.warning = heading.map(|heading| (heading, line.number));
                    self.open.seal(line);
                }
            }
            Mark::Crash => {
                self.context.crash(line);
                self.open.seal(line);
            }
            Mark::OtherReport => self.open.seal(line),
        }
    }

    fn kernel_version(&mut self, line: &Line<'_>) {
        let Some((_, version)) = line.text.split_once("Linux version ") else {
            return;
        };
        let release = version.split(' ').next().unwrap_or_default();
        if looks_like_release(release) {
            self.finish();
            if self.release.is_some() {
                self.begin_boot(line.number);
            }
            self.release = Some(release.to_string());
        }
    }

    fn set_rate(&mut self, hz: Option<f64>) {
        if let Some(hz) = hz {
            self.incidents.set_rate(hz);
        }
    }

    /// Begins a boot at input line `first`, which may be some lines back.
    fn begin_boot(&mut self, first: u64) {
        self.open.end_before(first);
        self.emit();
        self.boot += 1;
        self.open.set_boot(self.boot);
        self.release = None;
        self.warning = None;
        self.reported = 0;
        self.is_guest = false;
        self.context = Context::default();
        self.incidents.new_boot();
    }

    /// Turns completed reports into events.
    fn emit(&mut self) {
        while let Some(mut report) = self.open.pop_done() {
            let mut others = self.open.reports.iter_mut();
            if let Some(other) = others.find(|other| other.has_sibling) {
                report.give_details(other);
            }
            report.complete();
            if let Some(next) = self.open.reports.first() {
                report.borrow_evidence(next);
            }
            let mut event = report.event;
            event.last_line = report.last_line;
            if event.kernel.is_none() {
                event.kernel.clone_from(&self.release);
            }
            event.evidence.is_guest = self.is_guest;
            self.incidents.place(&mut event, report.last_time);
            explain(&mut event);
            self.ready.push_back(event);
        }
    }
}
