// SPDX-License-Identifier: GPL-2.0

//! `watch`: follows the kernel log and decodes it live.

mod hook;
mod metrics;

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::Args;
use stall_decode::{Decoder, Event};

use crate::decode::{self, Filter, Style};
use crate::error::{Error, Result, Status};
use crate::kmsg::{self, LogRead, KMSG};
use crate::output::Output;
use metrics::Metrics;

/// A report without a new line for this long is complete.
const REPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Follow the kernel log, and explain its RCU reports as they appear
#[derive(Debug, Args)]
pub struct Watch {
    /// Start with the oldest line of the log, instead of with new lines
    #[arg(long)]
    since_boot: bool,

    #[command(flatten)]
    filter: Filter,

    /// Show normal fields, too
    #[arg(long, short)]
    verbose: bool,

    /// Run CMD in a shell for each event. Standard input is the event as JSON; RCUCTL_KIND,
    /// RCUCTL_SUMMARY, RCUCTL_CULPRIT and RCUCTL_LINE are variables. The next event waits until CMD
    /// exits, for at most 60 seconds
    #[arg(long, value_name = "CMD")]
    on_event: Option<String>,

    /// Write counts of events to FILE for the textfile collector of Prometheus' node exporter; FILE
    /// ends in .prom
    #[arg(long, value_name = "FILE", value_parser = metrics::path)]
    prometheus: Option<PathBuf>,

    /// Where to read the kernel log
    #[arg(long, value_name = "PATH", default_value = KMSG)]
    log: PathBuf,
}

pub fn watch(options: &Watch, out: &mut Output<impl Write>) -> Result<Status> {
    let mut follower = Follower::new(options)?;
    let records = kmsg::follow(kmsg::open(&options.log, options.since_boot)?);
    follower.follow(&records, REPORT_TIMEOUT, out)?;
    Ok(Status::Done)
}

/// Decodes records, and passes each event on.
struct Follower<'a> {
    options: &'a Watch,
    style: Style,
    metrics: Option<Metrics<'a>>,
    has_warned: bool,
}

impl<'a> Follower<'a> {
    /// Errors: the file for Prometheus cannot be written.
    fn new(options: &'a Watch) -> Result<Self> {
        let metrics = options.prometheus.as_deref().map(Metrics::new);
        Ok(Self {
            options,
            style: Style::for_stdout().verbose(options.verbose),
            metrics: metrics.transpose()?,
            has_warned: false,
        })
    }

    fn follow(
        &mut self,
        records: &Receiver<LogRead>,
        report_timeout: Duration,
        out: &mut Output<impl Write>,
    ) -> Result<()> {
        let mut decoder = Decoder::new();
        loop {
            let read = match decoder.is_open() {
                true => records.recv_timeout(report_timeout),
                false => records.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let has_ended = matches!(read, Err(RecvTimeoutError::Disconnected));
            match read {
                Ok(LogRead::Record(record)) => {
                    for line in kmsg::lines(&record) {
                        decoder.line(line.as_bytes());
                    }
                }
                Ok(LogRead::Lost) => self.warn_of_lost_lines(out),
                Ok(LogRead::Failed(error)) => {
                    return Err(Error::io("reading the kernel log")(error))
                }
                Err(_) => decoder.finish(),
            }
            let mut has_printed = false;
            while let Some(event) = decoder.event() {
                if self.options.filter.matches(&event) {
                    self.pass_on(&event, out)?;
                    has_printed = true;
                }
            }
            if has_printed {
                out.flush()?;
            }
            if has_ended {
                return Ok(());
            }
        }
    }

    fn warn_of_lost_lines(&mut self, out: &Output<impl Write>) {
        if !self.has_warned && !out.json() {
            eprintln!("rcuctl: the kernel overwrote log lines before rcuctl read them");
        }
        self.has_warned = true;
    }

    /// Prints an event, counts it, and runs the command.
    fn pass_on(&mut self, event: &Event, out: &mut Output<impl Write>) -> Result<()> {
        decode::print(event, self.style, out)?;
        if let Some(metrics) = &mut self.metrics {
            metrics.count(event)?;
        }
        if let Some(command) = &self.options.on_event {
            out.flush()?;
            hook::run(command, event);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        watch: Watch,
    }

    fn options() -> Watch {
        CommandLine::try_parse_from(["rcuctl"])
            .expect("options")
            .watch
    }

    const HUNG: &str =
        "3,339,363000000,-;INFO: task sh:57 blocked for more than 122 seconds.\n SUBSYSTEM=x\n";

    fn events(reads: Vec<LogRead>) -> Result<Vec<String>> {
        let (sender, records) = mpsc::channel();
        for read in reads {
            sender.send(read).expect("a receiver");
        }
        drop(sender);
        let mut bytes = Vec::new();
        let mut out = Output::new(&mut bytes, true);
        Follower::new(&options())?.follow(&records, REPORT_TIMEOUT, &mut out)?;
        let text = String::from_utf8(bytes).expect("text");
        Ok(text.lines().map(str::to_string).collect())
    }

    fn record(text: &str) -> LogRead {
        LogRead::Record(text.as_bytes().to_vec())
    }

    #[test]
    fn decoding_continues_after_lost_records() {
        let reads = vec![record("6,1,100,-;stray\n"), LogRead::Lost, record(HUNG)];
        let events = events(reads).expect("a log");
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(
            events[0].contains("\"kind\":\"hung-task\"") && events[0].contains("\"time\":363.0"),
            "{events:?}"
        );
    }

    #[test]
    fn a_failed_read_is_an_error() {
        let failed = io::Error::from_raw_os_error(nix::errno::Errno::EIO as i32);
        let error = events(vec![LogRead::Failed(failed)]).expect_err("EIO");
        assert!(error.to_string().contains("EIO"), "{error}");
    }

    #[test]
    fn a_report_is_printed_after_the_timeout_though_the_log_is_open() {
        let (sender, records) = mpsc::channel();
        sender.send(record(HUNG)).expect("a receiver");
        let (flushed, flushes) = mpsc::channel();
        struct SignalFlush(mpsc::Sender<()>);
        impl Write for SignalFlush {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0.send(()).map_err(|_| io::ErrorKind::Other.into())
            }
        }
        let start = Instant::now();
        let follower = thread::spawn(move || {
            let options = options();
            Follower::new(&options)?.follow(
                &records,
                Duration::from_millis(50),
                &mut Output::new(SignalFlush(flushed), true),
            )
        });
        flushes
            .recv_timeout(Duration::from_secs(60))
            .expect("the report was printed");
        assert!(start.elapsed() >= Duration::from_millis(50));
        drop(sender);
        follower.join().expect("no panic").expect("a log");
    }
}
