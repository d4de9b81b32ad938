// SPDX-License-Identifier: GPL-2.0

//! Reads the kernel log from `/dev/kmsg` (`Documentation/ABI/testing/dev-kmsg`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use nix::errno::Errno;

use crate::error::{Error, Result};

/// The default path of the kernel log.
pub const KMSG: &str = "/dev/kmsg";

/// The size of the read buffer. The longest record is 8 KiB; the kernel fails a read into a shorter
/// buffer.
const BUFFER: usize = 32 * 1024;

/// The limit of records read ahead. The kernel keeps further ones.
const QUEUE: usize = 1024;

/// Opens the log at its beginning with `since_boot`, else at its end.
pub fn open(path: &Path, since_boot: bool) -> Result<File> {
    let name = path.display();
    let mut log = File::open(path).map_err(|source| match Errno::from_raw(source.raw_os_error().unwrap_or(0)) {
        Errno::EPERM | Errno::EACCES => Error::Usage(format!(
            "permission denied on {name}: run rcuctl as root, for example with sudo, or set sysctl kernel.dmesg_restrict=0"
        )),
        _ => Error::io(format!("opening {name}"))(source),
    })?;
    if !since_boot {
        log.seek(SeekFrom::End(0))
            .map_err(Error::io(format!("seeking in {name}")))?;
    }
    Ok(log)
}

/// The result of one read of the log.
#[derive(Debug)]
pub enum LogRead {
    Record(Vec<u8>),
    /// The kernel overwrote records before they were read.
    Lost,
    Failed(io::Error),
}

/// Starts a thread that reads the log.
pub fn follow(log: impl Read + Send + 'static) -> Receiver<LogRead> {
    let (sender, records) = mpsc::sync_channel(QUEUE);
    // The thread ends with the log or with the program; nothing else interrupts its read.
    thread::spawn(move || read_all(log, &sender));
    records
}

/// Reads one record at a time until the log ends, or the receiver is dropped.
fn read_all(mut log: impl Read, records: &SyncSender<LogRead>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match log.read(&mut buffer) {
            Ok(0) => return,
            Ok(size) => LogRead::Record(buffer[..size].to_vec()),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EPIPE) => LogRead::Lost,
                Some(Errno::EINTR) => continue,
                _ => LogRead::Failed(error),
            },
        };
        let has_failed = matches!(read, LogRead::Failed(_));
        if records.send(read).is_err() || has_failed {
            return;
        }
    }
}

/// Splits a record into lines, each with the record's prefix: `6,339,5140900,-;text`.
///
/// The kernel escapes unprintable characters and line feeds as `\x09`; this undoes that. Drops the
/// device fields that follow the first line.
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

/// A line of the log, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'a> {
    /// Seconds since boot.
    pub time: f64,
    pub text: &'a str,
}

impl<'a> Message<'a> {
    /// Parses a line of [`lines`]; the prefix `6,339,5140900,-` has the time in microseconds.
    pub fn of_line(line: &'a str) -> Option<Self> {
        let (prefix, text) = line.split_once(';')?;
        let micros: u64 = prefix.split(',').nth(2)?.parse().ok()?;
        Some(Self {
            time: micros as f64 / 1e6,
            text,
        })
    }
}

/// Replaces escapes such as `\x09` by their ASCII characters.
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

    /// A log that returns these records and failures, one per read.
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

    fn reads(log: Log) -> Vec<String> {
        let reads = follow(log);
        reads
            .iter()
            .map(|read| match read {
                LogRead::Record(record) => String::from_utf8(record).expect("text"),
                LogRead::Lost => "lost".to_string(),
                LogRead::Failed(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn reading_continues_after_epipe_and_eintr() {
        let log = Log(vec![Ok("a"), Err(Errno::EPIPE), Err(Errno::EINTR), Ok("b")]);
        assert_eq!(reads(log), ["a", "lost", "b"]);
    }

    #[test]
    fn reading_ends_after_other_errors() {
        let reads = reads(Log(vec![Err(Errno::EIO), Ok("b")]));
        assert_eq!(reads.len(), 1, "{reads:?}");
    }

    #[test]
    fn only_since_boot_reads_older_records() {
        let file = tempfile::NamedTempFile::new().expect("a writable temporary folder");
        std::fs::write(&file, RECORDS).expect("writable");
        let length = |since_boot| {
            let mut text = String::new();
            open(file.path(), since_boot)
                .expect("a log")
                .read_to_string(&mut text)
                .expect("readable");
            text.len()
        };
        assert_eq!((length(false), length(true)), (0, RECORDS.len()));
    }

    const RECORDS: &str = "6,339,5140900,-;rcu: \\x091-....: (9 ticks this GP)\n SUBSYSTEM=x\n";

    #[test]
    fn a_message_has_the_time_and_the_text_of_its_record() {
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
    fn each_line_of_a_record_gets_its_prefix() {
        assert_eq!(
            lines(b"4,7,90,-;\\x0aone\\x0atwo\n"),
            ["4,7,90,-;", "4,7,90,-;one", "4,7,90,-;two"]
        );
        assert_eq!(lines(b"no prefix\n"), ["no prefix"]);
    }

    #[test]
    fn invalid_and_non_ascii_escapes_are_kept() {
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
