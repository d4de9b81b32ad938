// SPDX-License-Identifier: GPL-2.0

//! `watch`: follows the kernel's log and decodes it as it comes (`Documentation/ABI/testing/dev-kmsg`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use clap::Args;
use nix::errno::Errno;
use stall_decode::Decoder;

use crate::decode::{self, Filter, Style};
use crate::error::{Error, Result, Status};
use crate::output::Output;

/// A report is taken to be over when nothing has come for so long. NMIs that are not answered take 10 seconds.
const QUIET: Duration = Duration::from_secs(3);

/// The longest record that the kernel hands out is 8 KiB, and more may be asked for.
const RECORD: usize = 32 * 1024;

/// Records that wait to be decoded; beyond, the kernel keeps them.
const QUEUE: usize = 1024;

/// Follow the kernel's log, and explain what it says of RCU as it comes
#[derive(Debug, Args)]
pub struct Watch {
    /// Begin with what the log has since boot, not with what comes now
    #[arg(long)]
    since_boot: bool,

    #[command(flatten)]
    filter: Filter,

    /// Where the kernel's log is read
    #[arg(long, value_name = "PATH", default_value = "/dev/kmsg")]
    log: PathBuf,
}

pub fn watch(options: &Watch, out: &mut Output<impl Write>) -> Result<Status> {
    let log = open(&options.log, options.since_boot)?;
    let (sender, records) = mpsc::sync_channel(QUEUE);
    // The thread ends with the log, or with the program: a read cannot be called back.
    thread::spawn(move || read(log, &sender));
    follow(&options.filter, &records, QUIET, Style::for_stdout(), out)?;
    Ok(Status::Done)
}

fn open(path: &Path, since_boot: bool) -> Result<File> {
    let name = path.display();
    let mut log = File::open(path).map_err(|source| match Errno::from_raw(source.raw_os_error().unwrap_or(0)) {
        Errno::EPERM | Errno::EACCES => Error::Usage(format!(
            "may not read {name}: run it as root, for example with sudo, or allow it by sysctl kernel.dmesg_restrict=0"
        )),
        _ => Error::io(format!("opening {name}"))(source),
    })?;
    if !since_boot {
        log.seek(SeekFrom::End(0))
            .map_err(Error::io(format!("seeking in {name}")))?;
    }
    Ok(log)
}

/// What comes out of the log.
#[derive(Debug)]
enum News {
    Record(Vec<u8>),
    /// Records were overwritten before they were read.
    Lost,
    Failed(io::Error),
}

/// Reads a record at a time until the log ends or nobody listens.
fn read(mut log: impl Read, records: &SyncSender<News>) {
    let mut buffer = vec![0; RECORD];
    loop {
        let news = match log.read(&mut buffer) {
            Ok(0) => return,
            Ok(size) => News::Record(buffer.iter().take(size).copied().collect()),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EPIPE) => News::Lost,
                Some(Errno::EINTR) => continue,
                _ => News::Failed(error),
            },
        };
        let ends = matches!(news, News::Failed(_));
        if records.send(news).is_err() || ends {
            return;
        }
    }
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
                for line in record
                    .split(|&byte| byte == b'\n')
                    .filter(|line| !line.is_empty())
                {
                    decoder.line(line);
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

    /// A log that hands out records and failures as the kernel does.
    struct Log(Vec<std::result::Result<&'static str, Errno>>);

    impl Read for Log {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let record = self
                .0
                .remove(0)
                .map_err(|errno| io::Error::from_raw_os_error(errno as i32))?;
            buffer[..record.len()].copy_from_slice(record.as_bytes());
            Ok(record.len())
        }
    }

    const HUNG: &str =
        "3,339,363000000,-;INFO: task sh:57 blocked for more than 122 seconds.\n SUBSYSTEM=x\n";

    fn events(log: Log) -> Result<Vec<String>> {
        let (sender, records) = mpsc::sync_channel(QUEUE);
        read(log, &sender);
        drop(sender);
        let mut bytes = Vec::new();
        let mut out = Output::new(&mut bytes, true);
        follow(&filter(), &records, QUIET, Style::plain(), &mut out)?;
        let text = String::from_utf8(bytes).expect("text");
        Ok(text.lines().map(str::to_string).collect())
    }

    #[test]
    fn records_are_decoded_though_some_were_lost() {
        let log = Log(vec![
            Ok("6,1,100,-;stray\n"),
            Err(Errno::EPIPE),
            Err(Errno::EINTR),
            Ok(HUNG),
        ]);
        let events = events(log).expect("a log");
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(
            events[0].contains("\"kind\":\"hung-task\"") && events[0].contains("\"time\":363.0"),
            "{events:?}"
        );
    }

    #[test]
    fn a_log_that_fails_is_an_error() {
        let error = events(Log(vec![Err(Errno::EIO)])).expect_err("it failed");
        assert!(error.to_string().contains("EIO"), "{error}");
    }

    #[test]
    fn a_report_is_told_when_it_stays_quiet() {
        let (sender, records) = mpsc::sync_channel(QUEUE);
        let record = News::Record(HUNG.as_bytes().to_vec());
        sender.send(record).expect("somebody listens");
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

    #[test]
    fn what_was_there_before_is_left_out() {
        let path = std::env::temp_dir().join(format!("rcuctl-watch-{}", std::process::id()));
        std::fs::write(&path, HUNG).expect("a writable temporary folder");
        let rest = |since_boot| {
            let mut text = String::new();
            open(&path, since_boot)
                .expect("a log")
                .read_to_string(&mut text)
                .expect("readable");
            text.len()
        };
        assert_eq!((rest(false), rest(true)), (0, HUNG.len()));
        std::fs::remove_file(&path).expect("still there");
    }
}
