// SPDX-License-Identifier: GPL-2.0

//! What the kernel's log says of a stall: the module's own lines, the kernel's, and what the decoder makes of them.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use stall_decode::{Decoder, Event};

use super::kinds::Kind;
use crate::error::{Error, Result};
use crate::kmsg::{self, LogRead, Message};

/// What the module puts before its lines of stalls.
const OWN: &str = "rust_rcu_demo: stall: ";
/// What it puts before its lines of what it refuses.
const REFUSALS: [&str; 2] = [
    "rust_rcu_demo: parameter stall",
    "rust_rcu_demo: parameters stall",
];

/// Where records come from: the kernel, or what stands in for it in a test.
pub trait Log {
    /// The next, if one comes in time.
    fn next(&mut self, wait: Duration) -> Result<Option<LogRead>>;
}

impl Log for Receiver<LogRead> {
    fn next(&mut self, wait: Duration) -> Result<Option<LogRead>> {
        match self.recv_timeout(wait) {
            Ok(LogRead::Failed(error)) => Err(Error::io("reading the kernel log")(error)),
            Ok(news) => Ok(Some(news)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Usage(
                "the kernel's log has ended: is it /dev/kmsg?".to_string(),
            )),
        }
    }
}

/// The line by which the kernel tells of a stall.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub text: String,
    /// Seconds since the stall began.
    pub seconds: Option<f64>,
}

/// Reads the log of one kind of stall, which may be tried several times.
pub struct Observer<L> {
    log: L,
    kind: &'static Kind,
    expects: String,
    decoder: Decoder,
    /// When the stall began, by the log's clock.
    begun: Option<f64>,
    /// When something came last.
    heard: Instant,
    header_came: Option<Instant>,
    pub header: Option<Header>,
    pub events: Vec<Event>,
    /// The module's lines but those of beginning and end.
    pub notes: Vec<String>,
    /// What goes wrong, in the module's words.
    pub shows: String,
    /// Records were overwritten before they were read.
    pub lost: bool,
    /// The module's last words on what it refuses.
    pub refusal: Option<String>,
}

impl<L: Log> Observer<L> {
    pub fn new(log: L, kind: &'static Kind, expects: &str) -> Self {
        Self {
            log,
            kind,
            expects: expects.to_string(),
            decoder: Decoder::new(),
            begun: None,
            heard: Instant::now(),
            header: None,
            header_came: None,
            events: Vec::new(),
            notes: Vec::new(),
            shows: String::new(),
            lost: false,
            refusal: None,
        }
    }

    /// Takes what there is, waiting for the first.
    pub fn listen(&mut self, wait: Duration) -> Result<()> {
        let mut wait = wait;
        while let Some(news) = self.log.next(wait)? {
            self.take(&news);
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Takes what comes until nothing has for so long, but for no longer than `most`.
    pub fn listen_until_quiet(&mut self, quiet: Duration, most: Duration) -> Result<()> {
        let since = Instant::now();
        self.heard = since;
        while self.heard.elapsed() < quiet && since.elapsed() < most {
            self.listen(quiet / 4)?;
        }
        Ok(())
    }

    /// Nothing comes any more: reports that are open are over.
    pub fn finish(&mut self) {
        self.decoder.finish();
        self.collect();
    }

    /// Whether the kernel has told, and its report is whole as far as can be seen.
    pub fn is_complete(&self, quiet: Duration, most: Duration) -> bool {
        let Some(came) = self.header_came else {
            return false;
        };
        self.has_report() || self.heard.elapsed() >= quiet || came.elapsed() >= most
    }

    /// Whether the decoder has found what it must.
    pub fn has_report(&self) -> bool {
        self.events.iter().any(|event| self.kind.is_report(event))
    }

    fn take(&mut self, news: &LogRead) {
        self.heard = Instant::now();
        let LogRead::Record(record) = news else {
            self.lost = true;
            return;
        };
        for line in kmsg::lines(record) {
            if let Some(message) = Message::of_line(&line) {
                self.notice(&message);
            }
            self.decoder.line(line.as_bytes());
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(event) = self.decoder.event() {
            self.events.push(event);
        }
    }

    fn notice(&mut self, message: &Message<'_>) {
        let text = message.text.trim();
        for start in REFUSALS {
            if let Some((_, reason)) = text
                .strip_prefix(start)
                .and_then(|rest| rest.split_once(": "))
            {
                self.refusal = Some(reason.to_string());
            }
        }
        let own = text.strip_prefix(OWN);
        if let Some(begin) = own.and_then(|own| own.strip_prefix("begin ")) {
            self.begun = Some(message.time);
            let shows = begin.split_once(": ").map(|(_, shows)| shows);
            self.shows = shows.unwrap_or_default().to_string();
            return;
        }
        if own.is_some_and(|own| own.starts_with("end ")) {
            return;
        }
        if let Some(own) = own {
            self.notes.push(own.to_string());
        }
        // Where the kernel does not complain, the module's own line is the one.
        if own.is_some() == self.kind.is_silent()
            && self.header.is_none()
            && text.contains(&self.expects)
        {
            self.header_came = Some(Instant::now());
            self.header = Some(Header {
                text: text.to_string(),
                seconds: self.begun.map(|begun| message.time - begun),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::*;
    use std::sync::mpsc;

    fn observed(kind: &str, expects: &str, records: &[&str]) -> Observer<Receiver<LogRead>> {
        let (sender, log) = mpsc::channel();
        let kind = kinds::find(kind).expect("a kind");
        let mut observer = Observer::new(log, kind, expects);
        for record in records {
            let record = LogRead::Record(record.as_bytes().to_vec());
            sender.send(record).expect("somebody listens");
        }
        observer.listen(Duration::ZERO).expect("a log");
        observer.finish();
        observer
    }

    const BEGIN: &str =
        "6,1,10000000,-;rust_rcu_demo: stall: begin cpu_preempt_off on CPU 1 for 7000 ms: a reader loops\n";
    const HEADER: &str = "3,2,13250000,-;rcu: INFO: rcu_preempt self-detected stall on CPU\n";
    const CPU: &str =
        "3,3,13250001,-;rcu: \\x091-....: (750 ticks this GP) idle=f4d/1/0x4000000000000000\n";
    const TIME: &str = "3,4,13250002,-;rcu: \\x09(t=751 jiffies g=289 q=2 ncpus=2)\n";

    #[test]
    fn the_kernels_line_is_found_and_timed() {
        let seen = observed(
            "cpu_preempt_off",
            "detected stall",
            &[BEGIN, HEADER, CPU, TIME],
        );
        assert_eq!(
            seen.header,
            Some(Header {
                text: "rcu: INFO: rcu_preempt self-detected stall on CPU".to_string(),
                seconds: Some(3.25),
            })
        );
        assert_eq!(seen.shows, "a reader loops");
        assert!(seen.has_report());
        assert_eq!(seen.events[0].cpus, [1]);
    }

    #[test]
    fn the_modules_lines_are_not_the_kernels() {
        let note = "6,2,13000000,-;rust_rcu_demo: stall: detected stall, says the module\n";
        let end = "6,3,14000000,-;rust_rcu_demo: stall: end cpu_preempt_off after 9 ms: stopped\n";
        let seen = observed("cpu_preempt_off", "detected stall", &[BEGIN, note, end]);
        assert_eq!(seen.header, None);
        assert_eq!(seen.notes, ["detected stall, says the module"]);
    }

    #[test]
    fn but_for_kinds_of_which_the_kernel_does_not_tell() {
        let note = "6,2,10500000,-;rust_rcu_demo: stall: 1024 KiB await a grace period; the updater goes on\n";
        let seen = observed("callback_flood", "KiB await a grace period", &[BEGIN, note]);
        assert_eq!(seen.header.and_then(|header| header.seconds), Some(0.5));
        assert_eq!(seen.notes.len(), 1);
    }

    #[test]
    fn each_try_counts_from_its_own_beginning() {
        let again = BEGIN.replace("10000000", "13000000");
        let seen = observed("cpu_irq_off", "detected stall", &[BEGIN, &again, HEADER]);
        assert_eq!(seen.header.and_then(|header| header.seconds), Some(0.25));
    }

    #[test]
    fn what_the_module_refuses_is_told() {
        for (line, reason) in [
            (
                "3,1,1,-;rust_rcu_demo: parameter stall: tasks needs a kernel with CONFIG_TASKS_RCU\n",
                "tasks needs a kernel with CONFIG_TASKS_RCU",
            ),
            (
                "3,1,1,-;rust_rcu_demo: parameters stall*: want CAP_SYS_ADMIN\n",
                "want CAP_SYS_ADMIN",
            ),
        ] {
            let seen = observed("tasks", "x", &[line]);
            assert_eq!(seen.refusal.as_deref(), Some(reason));
        }
    }

    #[test]
    fn a_report_is_complete_when_decoded_or_when_nothing_comes() {
        let (sender, log) = mpsc::channel();
        let kind = kinds::find("cpu_preempt_off").expect("a kind");
        let mut observer = Observer::new(log, kind, "detected stall");
        let long = Duration::from_secs(1000);
        let mut send = |record: &str| {
            let record = LogRead::Record(record.as_bytes().to_vec());
            sender.send(record).expect("somebody listens");
            observer.listen(Duration::ZERO).expect("a log");
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
        observer.finish();
        assert!(observer.is_complete(long, long));
    }

    #[test]
    fn a_log_that_ends_or_fails_is_an_error() {
        let (sender, mut log) = mpsc::channel::<LogRead>();
        assert!(log.next(Duration::ZERO).expect("a log").is_none());
        let failed = LogRead::Failed(std::io::Error::from_raw_os_error(5));
        sender.send(failed).expect("somebody listens");
        assert!(log.next(Duration::ZERO).is_err());
        drop(sender);
        assert!(log.next(Duration::ZERO).is_err());
    }

    #[test]
    fn lost_records_are_remembered() {
        let (sender, log) = mpsc::channel();
        let kind = kinds::find("tasks").expect("a kind");
        let mut observer = Observer::new(log, kind, "x");
        sender.send(LogRead::Lost).expect("somebody listens");
        observer.listen(Duration::ZERO).expect("a log");
        assert!(observer.lost);
    }
}
