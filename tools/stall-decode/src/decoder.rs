// SPDX-License-Identifier: GPL-2.0

//! From lines to reports: which line begins a report, which belongs to one that is open, and when one is over.
//!
//! Nothing in a log says where a report ends, and two CPUs may print at the same time. A caller id in front of
//! the lines separates them. Without one, a line goes to the newest report that knows it, and a stack
//! to the report that lists its CPU or task, or else to the newest one.

use std::collections::VecDeque;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::event::{Event, EventKind};
use crate::explain::explain;
use crate::incident::Incidents;
use crate::mail::QuotedPrintable;
use crate::report::{Family, Pending, Report, FAMILIES};
use crate::stack::{Frame, Heading, Part, Place, Role};
use crate::unwrap::{self, Caller, Line, Times};

/// Reports that may be open at once.
const MAX_OPEN: usize = 16;
/// Places where stacks are printed at once: one for each caller.
const MAX_FLOWS: usize = 16;
/// A report is over so many lines after its last one.
const LINES: u64 = 400;
/// A report is over so many seconds after its last line. Consoles are slow, and CPUs that do not answer an NMI are
/// waited for.
const SECONDS: f64 = 40.0;

/// Lines that belong to no report of ours, but tell where one ends.
const MARKS: [&str; 12] = [
    "Linux version ",
    "BogoMIPS (lpj=",
    // The stall lab of this project, and rcutorture.
    "stall: end ",
    "rcu_torture_stall end",
    "WARNING: ",
    "BUG: ",
    "Oops",
    "Kernel panic - not syncing",
    "[ cut here ]",
    "---[ end ",
    "Internal error: ",
    "Showing all locks held in the system",
];
const LINUX_VERSION: usize = 0;
const BOGOMIPS: usize = 1;
const LAB_ENDS: usize = 2;
const TORTURE_ENDS: usize = 3;
const WARNING: usize = 4;

/// Decodes a log line by line.
///
/// ```
/// let mut decoder = stall_decode::Decoder::new();
/// decoder.line(b"[  360.1] stray");
/// decoder.line(b"[  363.001234] INFO: task sh:57 blocked for more than 120 seconds.");
/// assert!(decoder.event().is_none()); // It may go on.
/// decoder.finish();
/// let event = decoder.event().expect("a report");
/// assert_eq!((event.kind.name(), event.line), ("hung-task", 2));
/// ```
#[derive(Debug)]
pub struct Decoder {
    number: u64,
    times: Times,
    mail: QuotedPrintable,
    boot: u64,
    /// The release that the boot's first line named.
    release: Option<String>,
    next_id: u64,
    open: Vec<Report>,
    flows: Vec<Flow>,
    /// A `WARNING:` whose message may be the next line's.
    warning: Option<(Heading, u64)>,
    incidents: Incidents,
    ready: VecDeque<Event>,
}

/// What a text that is looked for in each line means.
#[derive(Clone, Copy, Debug)]
enum Needle {
    /// The line may begin a report of a family.
    Header(usize),
    /// The line may belong to a report of a family.
    Detail(usize),
    Mark(usize),
}

/// What a line has in it, a bit for each family or mark.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    headers: u32,
    details: u32,
    marks: u32,
}

/// The texts that are looked for.
struct Needles {
    /// What begins something: enough while no report is open.
    beginnings: AhoCorasick,
    /// All of them, for lines that may belong to a report.
    all: AhoCorasick,
    /// What each of all means.
    meanings: Vec<Needle>,
}

static NEEDLES: LazyLock<Needles> = LazyLock::new(Needles::new);

impl Needles {
    fn new() -> Self {
        let mut needles = Vec::new();
        let mut meanings = Vec::new();
        for (index, family) in FAMILIES.iter().enumerate() {
            for needle in family.needles {
                needles.push(*needle);
                meanings.push(Needle::Header(index));
            }
            for needle in family.details {
                needles.push(*needle);
                meanings.push(Needle::Detail(index));
            }
        }
        for (mark, needle) in MARKS.iter().enumerate() {
            needles.push(*needle);
            meanings.push(Needle::Mark(mark));
        }
        let beginnings: Vec<_> = FAMILIES
            .iter()
            .flat_map(|family| family.needles)
            .chain(&MARKS)
            .collect();
        const FEW: &str = "a few short texts are far from the limits";
        let beginnings = AhoCorasick::new(beginnings).expect(FEW);
        let all = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(needles)
            .expect(FEW);
        Self {
            beginnings,
            all,
            meanings,
        }
    }
}

/// Where the stack goes that a caller prints.
#[derive(Debug)]
struct Flow {
    caller: Option<Caller>,
    report: u64,
    dump: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self {
            number: 0,
            times: Times::default(),
            mail: QuotedPrintable::default(),
            boot: 1,
            release: None,
            next_id: 0,
            open: Vec::new(),
            flows: Vec::new(),
            warning: None,
            incidents: Incidents::default(),
            ready: VecDeque::new(),
        }
    }

    /// Takes the next line, without its end.
    pub fn line(&mut self, bytes: &[u8]) {
        self.number += 1;
        for piece in unwrap::pieces(bytes) {
            let text = unwrap::printable(piece);
            let lines = unwrap::from_json(&text).or_else(|| unwrap::from_kmsg(&text));
            if let Some(inner) = lines {
                for line in inner.lines() {
                    self.wrapped(line);
                }
            } else if !unwrap::is_kmsg_property(&text) {
                if let Some((text, number)) = self.mail.join(&text, self.number) {
                    // A line that a mail cut has the number of its first piece.
                    let last = std::mem::replace(&mut self.number, number);
                    self.wrapped(&text);
                    self.number = last;
                }
            }
        }
    }

    /// The next event that is complete.
    pub fn event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Whether a report is open, whose event comes once it is over.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Nothing has come for a while, or nothing comes any more: open reports are over.
    pub fn finish(&mut self) {
        if let Some((text, number)) = self.mail.rest() {
            let last = std::mem::replace(&mut self.number, number);
            self.wrapped(&text);
            self.number = last;
        }
        for report in &mut self.open {
            report.done = true;
        }
        self.emit();
    }

    fn wrapped(&mut self, text: &str) {
        let Some(line) = unwrap::unwrap(text, self.number) else {
            return;
        };
        // Lines that ran into each other.
        let mut line = line;
        while let Some(at) = unwrap::second_stamp(line.text).filter(|_| line.stamp.is_some()) {
            let (first, second) = line.text.split_at_checked(at).unwrap_or((line.text, ""));
            self.kernel_line(&Line {
                text: first.trim_end(),
                ..line
            });
            match unwrap::unwrap(second, self.number) {
                Some(second) if second.text.len() < line.text.len() => line = second,
                _ => return,
            }
        }
        self.kernel_line(&line);
    }

    fn kernel_line(&mut self, line: &Line<'_>) {
        self.times.see(line.stamp);
        if line.stamp.is_some() {
            if let Some(first) = self.times.went_back(line.number) {
                self.new_boot(first);
            }
        }
        if line.text.is_empty() {
            return;
        }
        let found = self.look(line.text);
        if self.headers(line, found) || self.open.is_empty() {
            return;
        }
        self.age();
        if self.details(line, found.details) {
            return;
        }
        if let Some(part) = crate::stack::part(line.text) {
            self.part(line, part);
        }
    }

    fn look(&self, text: &str) -> Found {
        let mut found = Found::default();
        if self.open.is_empty() && !NEEDLES.beginnings.is_match(text) {
            return found;
        }
        for hit in NEEDLES.all.find_overlapping_iter(text) {
            match NEEDLES.meanings.get(hit.pattern().as_usize()) {
                Some(Needle::Header(family)) => found.headers |= 1 << family,
                Some(Needle::Detail(family)) => found.details |= 1 << family,
                Some(Needle::Mark(mark)) => found.marks |= 1 << mark,
                None => (),
            }
        }
        found
    }

    /// Lines that begin something. Says whether the line is done with.
    fn headers(&mut self, line: &Line<'_>, found: Found) -> bool {
        let mut headers = found.headers;
        while headers != 0 {
            let family = headers.trailing_zeros() as usize;
            headers &= headers - 1;
            if self.header(line, family, found.details) {
                return true;
            }
        }
        if found.marks == 0 {
            return false;
        }
        match found.marks.trailing_zeros() as usize {
            LINUX_VERSION => self.linux_version(line.text),
            BOGOMIPS => self.rate(line.text),
            LAB_ENDS | TORTURE_ENDS => self.provoked_end(line),
            mark => self.foreign(line, mark),
        }
        false
    }

    fn header(&mut self, line: &Line<'_>, family: usize, details: u32) -> bool {
        let index = family;
        let Some(family) = FAMILIES.get(index) else {
            return false;
        };
        // The second line of a report, or a detail of an open one, has needles too.
        if self.details(line, details) {
            return true;
        }
        if line.text.starts_with("WARNING: ") {
            let heading = warning_heading(line.text);
            if heading.is_some_and(|heading| self.is_of_message(line, &heading)) {
                return true;
            }
        }
        let Some(mut event) = (family.header)(line.text) else {
            return false;
        };
        if self.is_repeated(line) {
            return true;
        }
        event.line = line.number;
        event.time = self.times.time(line.stamp);
        event.boot = self.boot;
        self.close_others(line, &event, family);
        self.begin(line, event, index);
        true
    }

    /// The same line again: loggers write some twice.
    fn is_repeated(&self, line: &Line<'_>) -> bool {
        self.open.iter().any(|report| {
            report.first == line.text
                && match (&report.event.time, self.times.time(line.stamp)) {
                    (Some(first), Some(now)) => *first == now,
                    (None, None) => line.number.saturating_sub(report.event.line) < 2,
                    _ => false,
                }
                && line.number.saturating_sub(report.event.line) < 200
        })
    }

    /// A new report ends those that were printed in the same place.
    fn close_others(&mut self, line: &Line<'_>, event: &Event, family: &'static Family) {
        // The starved kthread is part of the stall's report, which goes on behind it.
        if event.kind == EventKind::RcuKthreadStarved {
            return;
        }
        for report in &mut self.open {
            let same_family = std::ptr::eq(report.family, family);
            let same_place = line.caller.is_some() && report.caller == line.caller;
            let other_place = line.caller.is_some() && report.caller.is_some() && !same_place;
            if same_place
                || (same_family && !other_place)
                || report.event.kind == EventKind::RcuKthreadStarved
            {
                report.done = true;
            }
        }
    }

    fn begin(&mut self, line: &Line<'_>, event: Event, family_index: usize) {
        let Some(family) = FAMILIES.get(family_index) else {
            return;
        };
        self.next_id += 1;
        let mut report = Report {
            id: self.next_id,
            family,
            family_index,
            caller: line.caller,
            event,
            first: line.text.to_string(),
            dumps: Vec::new(),
            next_dump: None,
            pending: Default::default(),
            sealed: false,
            done: false,
            line: line.number,
            last_line: line.number,
            last_time: self.times.time(line.stamp),
        };
        self.flows.retain(|flow| flow.caller != line.caller);
        // `WARNING: CPU: 1 PID: 57` may stand before its message, or in it.
        let before = self.warning.take();
        let before = before.filter(|(_, number)| line.number.saturating_sub(*number) <= 2);
        let heading = warning_heading(line.text).or(before.map(|(heading, _)| heading));
        if let Some(heading) =
            heading.filter(|_| report.event.kind == EventKind::VoluntaryContextSwitch)
        {
            if let Some(dump) = report.heading(&heading, None) {
                self.flows.push(Flow {
                    caller: line.caller,
                    report: report.id,
                    dump,
                });
            }
        }
        if self.open.len() >= MAX_OPEN {
            if let Some(oldest) = self.open.first_mut() {
                oldest.done = true;
            }
        }
        self.open.push(report);
        self.emit();
    }

    fn linux_version(&mut self, text: &str) {
        let Some((_, version)) = text.split_once("Linux version ") else {
            return;
        };
        let release = version.split(' ').next().unwrap_or_default();
        if crate::stack::looks_like_release(release) {
            self.finish();
            if self.release.is_some() {
                self.new_boot(self.number);
            }
            self.release = Some(release.to_string());
        }
    }

    /// `Calibrating delay loop... 4199.92 BogoMIPS (lpj=8399844)`: the one is half a million times the other for
    /// each tick.
    fn rate(&mut self, text: &str) {
        let loops = crate::scan::number_after(text, "(lpj=");
        let mips = text
            .split(" BogoMIPS")
            .next()
            .and_then(|before| before.rsplit([' ', '.']).nth(1)?.parse::<u32>().ok());
        if let (Some(loops @ 1..), Some(mips)) = (loops, mips) {
            self.incidents
                .set_rate(f64::from(mips) * 500_000.0 / loops as f64);
        }
    }

    /// `rust_rcu_demo: stall: end task_blocked after 8960 ms`, `rcu_torture_stall end.`
    fn provoked_end(&mut self, line: &Line<'_>) {
        let Some(time) = self.times.time(line.stamp) else {
            return;
        };
        for report in &mut self.open {
            if report.event.ended_at.is_none() {
                report.event.ended_at = Some(time.clone());
            }
        }
        self.incidents.end(&time);
    }

    /// A boot that began with line `first`, which may be some lines ago.
    fn new_boot(&mut self, first: u64) {
        for report in &mut self.open {
            report.done |= report.event.line < first;
        }
        self.emit();
        self.boot += 1;
        for report in &mut self.open {
            report.event.boot = self.boot;
        }
        self.release = None;
        self.warning = None;
        self.incidents.new_boot();
    }

    /// Something else begins: stacks from here on are its own.
    fn foreign(&mut self, line: &Line<'_>, mark: usize) {
        if mark == WARNING {
            let heading = warning_heading(line.text);
            if heading
                .as_ref()
                .is_some_and(|heading| self.is_of_message(line, heading))
            {
                return;
            }
            self.warning = heading.map(|heading| (heading, line.number));
        }
        let is_end = line.text.starts_with("---[ end ");
        for report in &mut self.open {
            if same_caller(report.caller, line.caller) && (!is_end || report.has_stack()) {
                report.sealed = true;
            }
        }
        self.flows.retain(|flow| flow.caller != line.caller);
    }

    /// A `WARNING:` whose message stood before it, as on x86: gives it CPU and task.
    fn is_of_message(&mut self, line: &Line<'_>, heading: &Heading) -> bool {
        let report = self.open.iter_mut().rev().find(|report| {
            let warns = matches!(
                report.event.kind,
                EventKind::VoluntaryContextSwitch | EventKind::DoubleCallRcu
            );
            warns && line.number.saturating_sub(report.event.line) <= 5 && !report.has_stack()
        });
        let Some(report) = report else {
            return false;
        };
        let id = report.id;
        // Scripts that decode stacks print the line once for each inlined function.
        if report.dumps.is_empty() {
            if let Some(dump) = report.heading(heading, None) {
                self.flow(line.caller, id, dump);
            }
        }
        true
    }

    fn flow(&mut self, caller: Option<Caller>, report: u64, dump: usize) {
        self.flows.retain(|flow| flow.caller != caller);
        if self.flows.len() >= MAX_FLOWS {
            self.flows.remove(0);
        }
        self.flows.push(Flow {
            caller,
            report,
            dump,
        });
    }

    fn details(&mut self, line: &Line<'_>, found: u32) -> bool {
        let first = line.text.bytes().next();
        for report in self.open.iter_mut().rev() {
            let may = !report.done && same_caller(report.caller, line.caller);
            let worth = found & (1 << report.family_index) != 0
                || report.pending != Pending::Nothing
                || first.is_some_and(|first| report.family.starts.contains(&first));
            report.line = line.number;
            if !may || !worth || !(report.family.detail)(report, line.text) {
                continue;
            }
            report.last_line = line.number;
            if let Some(time) = self.times.time(line.stamp) {
                report.last_time = Some(time);
            }
            // A marker announces a stack of its own.
            if report.next_dump.is_some() {
                self.flows.retain(|flow| flow.caller != line.caller);
            }
            return true;
        }
        false
    }

    fn part(&mut self, line: &Line<'_>, part: Part) {
        let at = match &part {
            Part::Heading(heading) => self.heading(line, heading),
            _ => self.stack_of(line),
        };
        let Some((at, dump)) = at else {
            return;
        };
        let Some(report) = self.open.get_mut(at) else {
            return;
        };
        report.last_line = line.number;
        if let Some(time) = self.times.time(line.stamp) {
            report.last_time = Some(time);
        }
        let Some(dump) = report.dumps.get_mut(dump) else {
            return;
        };
        match part {
            Part::Heading(_) => (),
            Part::Trace => dump.has_trace = true,
            Part::User => dump.in_user = true,
            Part::Frame(frame) => {
                // Registers behind a stack repeat where it began.
                let ends = frame.place == Place::Registers
                    && repeats_start(dump.frames.as_slice(), &frame);
                if !ends {
                    dump.push(frame);
                }
            }
        }
    }

    /// The report and dump that a heading belongs to.
    fn heading(&mut self, line: &Line<'_>, heading: &Heading) -> Option<(usize, usize)> {
        let flow = self.flows.iter().find(|flow| flow.caller == line.caller);
        let current = flow.map(|flow| (flow.report, flow.dump));
        let Some(at) = self.wants(line, heading) else {
            self.flows.retain(|flow| flow.caller != line.caller);
            return None;
        };
        let report = self.open.get_mut(at)?;
        let current = current
            .filter(|(id, _)| *id == report.id)
            .map(|(_, dump)| dump);
        let id = report.id;
        let dump = report.heading(heading, current)?;
        self.flow(line.caller, id, dump);
        Some((at, dump))
    }

    /// Which report wants the stack that a heading begins.
    fn wants(&self, line: &Line<'_>, heading: &Heading) -> Option<usize> {
        let open = || {
            let open = self.open.iter().enumerate().rev();
            open.filter(|(_, report)| !report.done && !report.sealed)
        };
        let here = |report: &Report| same_caller(report.caller, line.caller);
        // What a line announced.
        if let Some((at, _)) = open().find(|(_, report)| here(report) && report.next_dump.is_some())
        {
            return Some(at);
        }
        // Kernels before 4.18 announce nothing: the kthread's own name tells.
        if let Some((at, report)) =
            open().find(|(_, report)| report.event.kind == EventKind::RcuKthreadStarved)
        {
            let own = heading.comm.is_some() && heading.comm == report.event.flavor;
            if own && report.dumps.is_empty() {
                return Some(at);
            }
            if own && report.current_is(heading) {
                return Some(at);
            }
        }
        let plain =
            || open().filter(|(_, report)| report.event.kind != EventKind::RcuKthreadStarved);
        // The dump that was begun goes on.
        if let Some(flow) = self.flows.iter().find(|flow| flow.caller == line.caller) {
            let begun = open().find(|(_, report)| report.id == flow.report);
            if let Some((at, report)) = begun {
                let fresh = report
                    .dumps
                    .get(flow.dump)
                    .is_some_and(|dump| dump.frames.is_empty() && !dump.has_trace);
                if fresh && report.current_is(heading) {
                    return Some(at);
                }
            }
        }
        // A CPU that a report lists and has no stack of.
        let listed = |report: &Report| {
            let cpu = heading.cpu.is_some_and(|cpu| {
                report.event.cpus.contains(&cpu)
                    && !report
                        .dumps
                        .iter()
                        .any(|dump| dump.cpu == Some(cpu) && !dump.frames.is_empty())
            });
            let task = heading.pid.is_some_and(|pid| {
                pid != 0 && report.event.tasks.iter().any(|task| task.pid == Some(pid))
            });
            cpu || task
        };
        if let Some((at, _)) = plain().find(|(_, report)| listed(report)) {
            return Some(at);
        }
        if let Some((at, _)) = plain().find(|(_, report)| here(report)) {
            return Some(at);
        }
        // Other CPUs answer an NMI in their own name.
        let answers = |kind: EventKind| {
            kind.is_stall() || matches!(kind, EventKind::HardLockup | EventKind::SoftLockup)
        };
        plain()
            .find(|(_, report)| heading.cpu.is_some() && answers(report.event.kind))
            .map(|(at, _)| at)
    }

    /// The report and dump that a frame belongs to.
    fn stack_of(&mut self, line: &Line<'_>) -> Option<(usize, usize)> {
        let flow = self.flows.iter().find(|flow| flow.caller == line.caller);
        if let Some(flow) = flow {
            let at = self
                .open
                .iter()
                .position(|report| report.id == flow.report)?;
            let report = self.open.get(at)?;
            return (!report.done && report.next_dump.is_none()).then_some((at, flow.dump));
        }
        // A stack without heading, as sparc and logs with holes have it.
        let open = self.open.iter().enumerate().rev();
        let mut usable = open.filter(|(_, report)| {
            let kthread =
                report.event.kind == EventKind::RcuKthreadStarved && report.next_dump.is_none();
            !report.done && !report.sealed && !kthread && same_caller(report.caller, line.caller)
        });
        let at = usable.next().map(|(at, _)| at)?;
        let report = self.open.get_mut(at)?;
        let id = report.id;
        let dump = report.anonymous()?;
        self.flow(line.caller, id, dump);
        Some((at, dump))
    }

    /// Ends reports that nothing has been added to for long.
    fn age(&mut self) {
        let clock = self.times.clock;
        let number = self.number;
        let mut any = false;
        for report in &mut self.open {
            let last = report.last_time.as_ref();
            let late = match (
                clock,
                last.filter(|last| last.text.is_some() == self.times.of_day),
            ) {
                (Some(clock), Some(last)) => clock - last.clock > SECONDS,
                _ => false,
            };
            if late || number.saturating_sub(report.last_line) > LINES {
                report.done = true;
            }
            any |= report.done;
        }
        if any {
            self.emit();
        }
    }

    /// Hands out what is over, in the order in which it began.
    fn emit(&mut self) {
        while self.open.first().is_some_and(|report| report.done) {
            let mut report = self.open.remove(0);
            (report.family.settle)(&mut report);
            let mut event = report.event;
            if event.kernel.is_none() {
                event.kernel.clone_from(&self.release);
            }
            self.incidents.place(&mut event, report.last_time);
            explain(&mut event);
            self.ready.push_back(event);
        }
        self.flows
            .retain(|flow| self.open.iter().any(|report| report.id == flow.report));
    }
}

impl Report {
    fn has_stack(&self) -> bool {
        self.dumps.iter().any(|dump| !dump.frames.is_empty())
    }

    /// Whether a heading agrees with the dump that was begun last.
    fn current_is(&self, heading: &Heading) -> bool {
        let agrees = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        self.dumps.last().is_some_and(|dump| {
            dump.role != Role::Plain && heading.cpu.is_none()
                || agrees(dump.cpu, heading.cpu) && agrees(dump.pid, heading.pid)
        })
    }
}

/// Lines of one caller belong together; without callers, all lines do.
fn same_caller(a: Option<Caller>, b: Option<Caller>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// The registers that stand again at the end of a trace.
fn repeats_start(frames: &[Frame], frame: &Frame) -> bool {
    frames
        .first()
        .is_some_and(|first| first.place == Place::Registers && first.symbol == frame.symbol)
}

/// `WARNING: CPU: 1 PID: 57 at …`, and since 7.0 `WARNING: file:line at function, CPU#1: comm/57`.
fn warning_heading(text: &str) -> Option<Heading> {
    if let Some(Part::Heading(heading)) = crate::stack::part(text) {
        return Some(heading);
    }
    let mut scan = crate::scan::Scan::after(text, ", CPU#")?;
    let cpu = scan.small()?;
    scan.expect(": ")?;
    let (comm, pid) = crate::scan::name_and_pid(scan.rest(), '/')?;
    Some(Heading {
        announces: true,
        cpu: Some(cpu),
        pid: Some(pid),
        comm: Some(comm.to_string()),
        ..Heading::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    const STALL: &str = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)
";

    fn fed(log: &str) -> Decoder {
        let mut decoder = Decoder::new();
        for line in log.lines() {
            decoder.line(line.as_bytes());
        }
        decoder
    }

    #[test]
    fn a_stack_of_something_else_is_left_out() {
        for mark in [
            "WARNING: CPU: 1 PID: 99 at net/core/dev.c:1 f+0x1/0x2",
            "------------[ cut here ]------------",
            "Kernel panic - not syncing: RCU Stall",
            "BUG: unable to handle page fault for address: 0000000000000000",
        ] {
            let event = only(&format!(
                "{STALL}[  100.000003] {mark}\n\
                 [  100.000004] CPU: 1 PID: 99 Comm: other Not tainted 6.18.15 #1\n\
                 [  100.000005] RIP: 0010:elsewhere+0x1/0x2\n"
            ));
            assert!(
                event.tasks.is_empty() && event.frames.is_empty(),
                "{mark}: {event:#?}"
            );
        }
    }

    #[test]
    fn a_report_is_over_when_nothing_was_added_for_long() {
        let mut decoder = fed(STALL);
        assert!(decoder.event().is_none() && decoder.is_open());
        decoder.line(b"[  139.000000] stray");
        assert!(decoder.event().is_none());
        decoder.line(b"[  141.000000] stray");
        assert!(decoder.event().is_some() && !decoder.is_open());
        let mut decoder = fed(STALL);
        for _ in 0..LINES {
            decoder.line(b"stray");
        }
        assert!(decoder.event().is_none());
        decoder.line(b"stray");
        assert!(decoder.event().is_some());
    }

    #[test]
    fn few_reports_are_open_at_once() {
        let mut decoder = Decoder::new();
        for caller in 0..100 {
            let line = format!("[  100.000000][ T{caller}] INFO: task a:{caller} blocked for more than 120 seconds.");
            decoder.line(line.as_bytes());
            assert!(decoder.open.len() <= MAX_OPEN + 1);
        }
        assert!(decoder.event().is_some());
    }

    #[test]
    fn callers_keep_two_reports_apart() {
        let events = decode(
            "[  100.000000][    C0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:57]\n\
             [  100.000001][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [b:58]\n\
             [  100.000002][    C0] CPU: 0 PID: 57 Comm: a Not tainted 6.18.15 #1\n\
             [  100.000003][    C1] CPU: 1 PID: 58 Comm: b Not tainted 6.18.15 #1\n\
             [  100.000004][    C1] RIP: 0010:one+0x1/0x2\n\
             [  100.000005][    C0] RIP: 0010:zero+0x1/0x2\n\
             [  100.000006][    C0] zeroer+0x1/0x2\n\
             [  100.000007][    C1] oner+0x1/0x2\n",
        );
        let frames: Vec<_> = events.iter().map(|event| event.frames.join(" ")).collect();
        assert_eq!(frames, ["zero zeroer", "one oner"]);
    }

    #[test]
    fn without_callers_the_cpu_tells() {
        let events = decode(&format!(
            "{STALL}[  100.000003] INFO: task sh:77 blocked for more than 30 seconds.\n\
             [  100.000004] NMI backtrace for cpu 1\n\
             [  100.000005] CPU: 1 PID: 57 Comm: spinner Not tainted 6.18.15 #1\n\
             [  100.000006] RIP: 0010:spin+0x1/0x2\n"
        ));
        assert_eq!(events[0].culprit_frame.as_deref(), Some("spin"));
        assert!(events[1].frames.is_empty());
    }

    #[test]
    fn repeated_lines_are_one_report() {
        let doubled: Vec<_> = STALL.lines().flat_map(|line| [line, line]).collect();
        let doubled = doubled.join("\n");
        assert_eq!(only(&doubled).t_jiffies, Some(5250));
    }
}
