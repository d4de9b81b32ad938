// SPDX-License-Identifier: GPL-2.0

//! Reads the kernel's log during a stall: the module's lines, the kernel's report, and the events
//! that the decoder finds in it.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use stall_decode::{Decoder, Event};

use super::kinds::StallKind;
use crate::error::{Error, Result};
use crate::kmsg::{self, LogRead, Message};

/// The start of the module's lines about stalls.
const MODULE_PREFIX: &str = "rust_rcu_demo: stall: ";
/// The start of a line by which the module refuses a value of a stall parameter.
const REFUSED_VALUE: &str = "rust_rcu_demo: parameter stall";

/// A source of log records: the kernel, or a fake in tests.
pub trait Log {
    /// Returns the next record, if one comes in time.
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRead>>;
}

impl Log for Receiver<LogRead> {
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRead>> {
        match self.recv_timeout(timeout) {
            Ok(LogRead::Failed(error)) => Err(Error::io("reading the kernel's log")(error)),
            Ok(read) => Ok(Some(read)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Usage(
                "the kernel's log has ended: is it /dev/kmsg?".to_string(),
            )),
        }
    }
}

/// The kernel's line that reports a stall.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub text: String,
    /// Seconds since the stall started.
    pub seconds: Option<f64>,
}

/// What the log says about a stall.
#[derive(Default)]
pub struct Observation {
    pub header: Option<Header>,
    pub events: Vec<Event>,
    /// The module's lines, but for those of start and end.
    pub notes: Vec<String>,
    /// The module's description of the stall.
    pub shows: String,
    /// Records were overwritten before they were read.
    pub lost: bool,
}

/// Reads the log of one kind of stall, which may be tried several times.
pub struct Observer<L> {
    log: L,
    kind: &'static StallKind,
    /// A part of the header.
    expects: String,
    decoder: Decoder,
    pub observed: Observation,
    /// The latest reason of the module for a refusal.
    pub refusal: Option<String>,
    /// The log's time of the latest start.
    started: Option<f64>,
    last_record: Instant,
    header_read: Option<Instant>,
}

impl<L: Log> Observer<L> {
    pub fn new(log: L, kind: &'static StallKind, expects: &str) -> Self {
        Self {
            log,
            kind,
            expects: expects.to_string(),
            decoder: Decoder::new(),
            observed: Observation::default(),
            refusal: None,
            started: None,
            last_record: Instant::now(),
            header_read: None,
        }
    }

    /// Waits for a record, and reads all that are there.
    pub fn read(&mut self, timeout: Duration) -> Result<()> {
        let mut timeout = timeout;
        while let Some(read) = self.log.next(timeout)? {
            self.add(&read);
            timeout = Duration::ZERO;
        }
        Ok(())
    }

    /// Reads until no record has come for `quiet`, but not longer than `limit`.
    pub fn read_until_quiet(&mut self, quiet: Duration, limit: Duration) -> Result<()> {
        let since = Instant::now();
        self.last_record = since;
        while self.last_record.elapsed() < quiet && since.elapsed() < limit {
            self.read(quiet / 4)?;
        }
        Ok(())
    }

    /// Returns what was observed. A report that is still open ends here.
    pub fn finish(mut self) -> Observation {
        self.end_open_report();
        self.observed
    }

    fn end_open_report(&mut self) {
        self.decoder.finish();
        self.collect();
    }

    /// Whether the kernel's report seems complete: the decoder has found it, no record has come for
    /// `quiet`, or the header is older than `limit`.
    pub fn is_complete(&self, quiet: Duration, limit: Duration) -> bool {
        let Some(header_read) = self.header_read else {
            return false;
        };
        self.has_report() || self.last_record.elapsed() >= quiet || header_read.elapsed() >= limit
    }

    fn has_report(&self) -> bool {
        let mut events = self.observed.events.iter();
        events.any(|event| self.kind.is_report(event))
    }

    fn add(&mut self, read: &LogRead) {
        self.last_record = Instant::now();
        let LogRead::Record(record) = read else {
            self.observed.lost = true;
            return;
        };
        for line in kmsg::lines(record) {
            if let Some(message) = Message::of_line(&line) {
                self.add_message(&message);
            }
            self.decoder.line(line.as_bytes());
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(event) = self.decoder.event() {
            self.observed.events.push(event);
        }
    }

    fn add_message(&mut self, message: &Message<'_>) {
        let text = message.text.trim();
        let value = text.strip_prefix(REFUSED_VALUE);
        if let Some((_, reason)) = value.and_then(|rest| rest.split_once(": ")) {
            self.refusal = Some(reason.to_string());
        }
        let note = text.strip_prefix(MODULE_PREFIX);
        if let Some(begin) = note.and_then(|note| note.strip_prefix("begin ")) {
            self.started = Some(message.time);
            let shows = begin.split_once(": ").map(|(_, shows)| shows);
            self.observed.shows = shows.unwrap_or_default().to_string();
            return;
        }
        if note.is_some_and(|note| note.starts_with("end ")) {
            return;
        }
        self.observed.notes.extend(note.map(str::to_string));
        // The module reports the kinds that the kernel does not report.
        let can_be_header = note.is_some() == self.kind.is_silent();
        if can_be_header && self.observed.header.is_none() && text.contains(&self.expects) {
            self.header_read = Some(Instant::now());
            self.observed.header = Some(Header {
                text: text.to_string(),
                seconds: self.started.map(|started| message.time - started),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::*;
    use std::sync::mpsc;

    fn observe(kind: &str, expects: &str, records: &[&str]) -> Observer<Receiver<LogRead>> {
        let (sender, log) = mpsc::channel();
        let kind = kinds::find(kind).expect("a kind");
        let mut observer = Observer::new(log, kind, expects);
        for record in records {
            let record = LogRead::Record(record.as_bytes().to_vec());
            sender.send(record).expect("a receiver");
        }
        observer.read(Duration::ZERO).expect("a log");
        observer.end_open_report();
        observer
    }

    const BEGIN: &str =
        "6,1,10000000,-;rust_rcu_demo: stall: begin cpu_preempt_off on CPU 1 for 7000 ms: a reader loops\n";
    const HEADER: &str = "3,2,13250000,-;rcu: INFO: rcu_preempt self-detected stall on CPU\n";
    const CPU: &str =
        "3,3,13250001,-;rcu: \\x091-....: (750 ticks this GP) idle=f4d/1/0x4000000000000000\n";
    const TIME: &str = "3,4,13250002,-;rcu: \\x09(t=751 jiffies g=289 q=2 ncpus=2)\n";

    #[test]
    fn the_header_is_found_and_timed() {
        let observer = observe(
            "cpu_preempt_off",
            "detected stall",
            &[BEGIN, HEADER, CPU, TIME],
        );
        assert_eq!(
            observer.observed.header,
            Some(Header {
                text: "rcu: INFO: rcu_preempt self-detected stall on CPU".to_string(),
                seconds: Some(3.25),
            })
        );
        assert_eq!(observer.observed.shows, "a reader loops");
        assert!(observer.has_report());
        assert_eq!(observer.observed.events[0].cpus, [1]);
    }

    #[test]
    fn a_line_of_the_module_is_no_header_of_the_kernel() {
        let note = "6,2,13000000,-;rust_rcu_demo: stall: detected stall, says the module\n";
        let end = "6,3,14000000,-;rust_rcu_demo: stall: end cpu_preempt_off after 9 ms: stopped\n";
        let observer = observe("cpu_preempt_off", "detected stall", &[BEGIN, note, end]);
        assert_eq!(observer.observed.header, None);
        assert_eq!(observer.observed.notes, ["detected stall, says the module"]);
    }

    #[test]
    fn a_line_of_the_module_is_the_header_of_a_silent_kind() {
        let note = "6,2,10500000,-;rust_rcu_demo: stall: 1024 KiB await a grace period; the updater continues\n";
        let observer = observe("callback_flood", "KiB await a grace period", &[BEGIN, note]);
        assert_eq!(
            observer.observed.header.and_then(|header| header.seconds),
            Some(0.5)
        );
        assert_eq!(observer.observed.notes.len(), 1);
    }

    #[test]
    fn the_time_counts_from_the_latest_start() {
        let again = BEGIN.replace("10000000", "13000000");
        let observer = observe("cpu_irq_off", "detected stall", &[BEGIN, &again, HEADER]);
        assert_eq!(
            observer.observed.header.and_then(|header| header.seconds),
            Some(0.25)
        );
    }

    #[test]
    fn the_modules_reason_for_a_refusal_is_kept() {
        for (line, reason) in [
            (
                "3,1,1,-;rust_rcu_demo: parameter stall: tasks needs a kernel with CONFIG_TASKS_RCU\n",
                "tasks needs a kernel with CONFIG_TASKS_RCU",
            ),
            (
                "3,1,1,-;rust_rcu_demo: parameter stall_cpu: needs CAP_SYS_ADMIN in the initial user namespace\n",
                "needs CAP_SYS_ADMIN in the initial user namespace",
            ),
        ] {
            let observer = observe("tasks", "x", &[line]);
            assert_eq!(observer.refusal.as_deref(), Some(reason));
        }
    }

    #[test]
    fn a_report_is_complete_when_decoded_or_quiet_or_late() {
        let (sender, log) = mpsc::channel();
        let kind = kinds::find("cpu_preempt_off").expect("a kind");
        let mut observer = Observer::new(log, kind, "detected stall");
        let long = Duration::from_secs(1000);
        let mut send = |record: &str| {
            let record = LogRead::Record(record.as_bytes().to_vec());
            sender.send(record).expect("a receiver");
            observer.read(Duration::ZERO).expect("a log");
            (
                observer.is_complete(long, long),
                observer.is_complete(Duration::ZERO, long),
                observer.is_complete(long, Duration::ZERO),
            )
        };
        assert_eq!(send(BEGIN), (false, false, false));
        assert_eq!(send(HEADER), (false, true, true));
        send(CPU);
        send(TIME);
        observer.end_open_report();
        assert!(observer.is_complete(long, long));
    }

    #[test]
    fn a_log_that_ends_or_fails_is_an_error() {
        let (sender, mut log) = mpsc::channel::<LogRead>();
        assert!(log.next(Duration::ZERO).expect("a log").is_none());
        let failed = LogRead::Failed(std::io::Error::from_raw_os_error(5));
        sender.send(failed).expect("a receiver");
        assert!(log.next(Duration::ZERO).is_err());
        drop(sender);
        assert!(log.next(Duration::ZERO).is_err());
    }

    #[test]
    fn lost_records_are_recorded() {
        let (sender, log) = mpsc::channel();
        let kind = kinds::find("tasks").expect("a kind");
        let mut observer = Observer::new(log, kind, "x");
        sender.send(LogRead::Lost).expect("a receiver");
        observer.read(Duration::ZERO).expect("a log");
        assert!(observer.observed.lost);
    }
}
