// SPDX-License-Identifier: GPL-2.0

//! The kernel's log as it comes (`Documentation/ABI/testing/dev-kmsg`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use nix::errno::Errno;

use crate::error::{Error, Result};

/// Where the kernel hands out its log.
pub const KMSG: &str = "/dev/kmsg";

/// The longest record that the kernel hands out is 8 KiB, and more may be asked for.
const RECORD: usize = 32 * 1024;

/// Records that wait to be read; beyond, the kernel keeps them.
const QUEUE: usize = 1024;

/// Opens the log at its beginning, or at its end.
pub fn open(path: &Path, since_boot: bool) -> Result<File> {
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
pub enum News {
    Record(Vec<u8>),
    /// Records were overwritten before they were read.
    Lost,
    Failed(io::Error),
}

/// What comes out of a log from now on, as a thread of its own reads it.
pub fn follow(log: impl Read + Send + 'static) -> Receiver<News> {
    let (sender, records) = mpsc::sync_channel(QUEUE);
    // The thread ends with the log, or with the program: a read cannot be called back.
    thread::spawn(move || read(log, &sender));
    records
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

/// The lines of a record, each with the record's prefix: `6,339,5140900,-;text`.
///
/// What is not printable is escaped as `\x09` by the kernel, line feeds inside of a record too; not so here. What
/// the kernel adds about devices is left out.
pub fn lines(record: &[u8]) -> Vec<String> {
    let record = String::from_utf8_lossy(record);
    let first = record.lines().next().unwrap_or_default();
    match first.split_once(';') {
        Some((prefix, text)) => {
            let text = unescaped(text);
            text.split('\n')
                .map(|line| format!("{prefix};{line}"))
                .collect()
        }
        None => vec![first.to_string()],
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'a> {
    /// Seconds since boot.
    pub time: f64,
    pub text: &'a str,
}

impl<'a> Message<'a> {
    /// Of a line with its prefix, where 5140900 are microseconds.
    pub fn of_line(line: &'a str) -> Option<Self> {
        let (prefix, text) = line.split_once(';')?;
        let micros: u64 = prefix.split(',').nth(2)?.parse().ok()?;
        Some(Self {
            time: micros as f64 / 1e6,
            text,
        })
    }
}

/// Undoes `\x09`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\x");
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(part.get(2..).unwrap_or_default());
            }
            None => {
                plain.push_str("\\x");
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn news(log: Log) -> Vec<String> {
        let records = follow(log);
        records
            .iter()
            .map(|news| match news {
                News::Record(record) => String::from_utf8(record).expect("text"),
                News::Lost => "lost".to_string(),
                News::Failed(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn a_log_is_read_on_though_records_were_lost() {
        let log = Log(vec![Ok("a"), Err(Errno::EPIPE), Err(Errno::EINTR), Ok("b")]);
        assert_eq!(news(log), ["a", "lost", "b"]);
    }

    #[test]
    fn a_log_that_fails_is_not_read_on() {
        let news = news(Log(vec![Err(Errno::EIO), Ok("b")]));
        assert_eq!(news.len(), 1, "{news:?}");
    }

    #[test]
    fn what_was_there_before_is_left_out() {
        let path = std::env::temp_dir().join(format!("rcuctl-kmsg-{}", std::process::id()));
        std::fs::write(&path, RECORDS).expect("a writable temporary folder");
        let rest = |since_boot| {
            let mut text = String::new();
            open(&path, since_boot)
                .expect("a log")
                .read_to_string(&mut text)
                .expect("readable");
            text.len()
        };
        assert_eq!((rest(false), rest(true)), (0, RECORDS.len()));
        std::fs::remove_file(&path).expect("still there");
    }

    const RECORDS: &str = "6,339,5140900,-;rcu: \\x091-....: (9 ticks this GP)\n SUBSYSTEM=x\n";

    #[test]
    fn a_record_has_a_time_and_a_text() {
        let lines = lines(RECORDS.as_bytes());
        assert_eq!(lines, ["6,339,5140900,-;rcu: \t1-....: (9 ticks this GP)"]);
        let message = Message::of_line(&lines[0]).expect("a message");
        assert_eq!(message.time, 5.1409);
        assert_eq!(message.text, "rcu: \t1-....: (9 ticks this GP)");
        for bad in ["", "text", "6,339;text", "6,339,soon,-;text"] {
            assert_eq!(Message::of_line(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_line_of_a_record_has_its_prefix() {
        assert_eq!(
            lines(b"4,7,90,-;\\x0aone\\x0atwo\n"),
            ["4,7,90,-;", "4,7,90,-;one", "4,7,90,-;two"]
        );
        assert_eq!(lines(b"no prefix\n"), ["no prefix"]);
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (text, plain) in [
            ("a\\x5cx09", "a\\x09"),
            ("\\x", "\\x"),
            ("\\xe4", "\\xe4"),
            ("\\x0\u{e4}", "\\x0\u{e4}"),
        ] {
            assert_eq!(unescaped(text), plain);
        }
    }
}
