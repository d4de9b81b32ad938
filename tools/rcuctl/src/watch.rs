// SPDX-License-Identifier: GPL-2.0

//! `watch`: follows the kernel's log and decodes it as it comes.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::Args;
use stall_decode::Decoder;

use crate::decode::{self, Filter, Style};
use crate::error::{Error, Result, Status};
use crate::kmsg::{self, News, KMSG};
use crate::output::Output;

/// A report is taken to be over when nothing has come for so long. NMIs that are not answered take 10 seconds.
const QUIET: Duration = Duration::from_secs(3);

/// Follow the kernel's log, and explain what it says of RCU as it comes
#[derive(Debug, Args)]
pub struct Watch {
    /// Begin with what the log has since boot, not with what comes now
    #[arg(long)]
    since_boot: bool,

    #[command(flatten)]
    filter: Filter,

    /// Where the kernel's log is read
    #[arg(long, value_name = "PATH", default_value = KMSG)]
    log: PathBuf,
}

pub fn watch(options: &Watch, out: &mut Output<impl Write>) -> Result<Status> {
    let records = kmsg::follow(kmsg::open(&options.log, options.since_boot)?);
    follow(&options.filter, &records, QUIET, Style::for_stdout(), out)?;
    Ok(Status::Done)
}

fn follow(
    filter: &Filter,
    records: &Receiver<News>,
    quiet: Duration,
    style: Style,
    out: &mut Output<impl Write>,
) -> Result<()> {
    let mut decoder = Decoder::new();
    let mut lost = false;
    loop {
        // Without an open report there is nothing to be said when it stays quiet.
        let news = match decoder.is_open() {
            true => records.recv_timeout(quiet),
            false => records.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let ended = matches!(news, Err(RecvTimeoutError::Disconnected));
        match news {
            Ok(News::Record(record)) => {
                for line in kmsg::lines(&record) {
                    decoder.line(line.as_bytes());
                }
            }
            Ok(News::Lost) => {
                if !lost && !out.json() {
                    eprintln!("rcuctl: the kernel overwrote lines before they were read");
                }
                lost = true;
            }
            Ok(News::Failed(error)) => return Err(Error::io("reading the kernel's log")(error)),
            Err(_) => decoder.finish(),
        }
        let mut any = false;
        while let Some(event) = decoder.event() {
            if filter.wants(&event) {
                decode::print(&event, style, out)?;
                any = true;
            }
        }
        if any {
            out.flush()?;
        }
        if ended {
            return Ok(());
        }
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
    struct Whole {
        #[command(flatten)]
        watch: Watch,
    }

    fn filter() -> Filter {
        Whole::try_parse_from(["rcuctl"])
            .expect("options")
            .watch
            .filter
    }

    const HUNG: &str =
        "3,339,363000000,-;INFO: task sh:57 blocked for more than 122 seconds.\n SUBSYSTEM=x\n";

    fn events(news: Vec<News>) -> Result<Vec<String>> {
        let (sender, records) = mpsc::channel();
        for news in news {
            sender.send(news).expect("somebody listens");
        }
        drop(sender);
        let mut bytes = Vec::new();
        let mut out = Output::new(&mut bytes, true);
        follow(&filter(), &records, QUIET, Style::plain(), &mut out)?;
        let text = String::from_utf8(bytes).expect("text");
        Ok(text.lines().map(str::to_string).collect())
    }

    fn record(text: &str) -> News {
        News::Record(text.as_bytes().to_vec())
    }

    #[test]
    fn records_are_decoded_though_some_were_lost() {
        let news = vec![record("6,1,100,-;stray\n"), News::Lost, record(HUNG)];
        let events = events(news).expect("a log");
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(
            events[0].contains("\"kind\":\"hung-task\"") && events[0].contains("\"time\":363.0"),
            "{events:?}"
        );
    }

    #[test]
    fn a_log_that_fails_is_an_error() {
        let failed = io::Error::from_raw_os_error(nix::errno::Errno::EIO as i32);
        let error = events(vec![News::Failed(failed)]).expect_err("it failed");
        assert!(error.to_string().contains("EIO"), "{error}");
    }

    #[test]
    fn a_report_is_told_when_it_stays_quiet() {
        let (sender, records) = mpsc::channel();
        sender.send(record(HUNG)).expect("somebody listens");
        let (told, listen) = mpsc::channel();
        struct Tell(mpsc::Sender<()>);
        impl Write for Tell {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0.send(()).map_err(|_| io::ErrorKind::Other.into())
            }
        }
        let start = Instant::now();
        let follower = thread::spawn(move || {
            let quiet = Duration::from_millis(50);
            follow(
                &filter(),
                &records,
                quiet,
                Style::plain(),
                &mut Output::new(Tell(told), true),
            )
        });
        // The log has not ended, and yet it is told.
        listen
            .recv_timeout(Duration::from_secs(60))
            .expect("it is told");
        assert!(start.elapsed() >= Duration::from_millis(50));
        drop(sender);
        follower.join().expect("no panic").expect("a log");
    }
}
