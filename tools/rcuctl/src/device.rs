// SPDX-License-Identifier: GPL-2.0

//! The client's side of the text protocol of `/dev/rust_rcu_demo`, and its ioctls where it has them.
//!
//! ```text
//!   write "A B bad C D"  ──►  accepted up to "bad"     (A and B have happened)
//!   write "bad C D"      ──►  fails with the errno of "bad", takes nothing
//!   read                 ──►  answers of A and B, "line 3: bad: …", then end of file
//!   write "C D"          ──►  goes on
//! ```
//!
//! The message may be there as soon as the short write, or only after the failed one. Reading after
//! the failed write is right for both. The kernel keeps about 1 MiB of unread answers, so whoever
//! submits lines with answers submits few enough at a time: see `batch`.

pub mod grammar;
#[expect(unsafe_code, reason = "ioctls take pointers")]
pub mod ioctl;
pub mod transport;
pub mod uapi;
pub mod wire;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::errno::Errno;

use crate::error::{Error, Refusal, Result};
use ioctl::{BatchResult, CommitFailure};
use transport::Transport;
use uapi::{Address, Info, Operation, Route};

/// Bytes asked for in one read.
const READ_SIZE: usize = 64 * 1024;
/// No line of the device is as long.
const MAX_LINE: usize = 64 * 1024;
/// The device keeps about a sixteenth of this. Something else may never come to an end, as
/// `/dev/zero` does.
const MAX_ANSWERS: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Enough to read the whole table.
    Read,
    ReadWrite,
}

/// A line that the device refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many bytes of what was sent were accepted before the line.
    pub accepted: usize,
    /// The line that the message names, counted from 1 since the device was opened: not the last one
    /// where a `commit` fails.
    pub number: Option<u64>,
    pub refusal: Refusal,
}

/// An open device. Generic over the stream, so that its error paths can be tested without a kernel.
pub struct Device<S> {
    stream: S,
    buffer: Box<[u8]>,
}

impl Device<File> {
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        let failed = |source| Error::Open {
            path: path.to_path_buf(),
            source,
        };
        let write = access == Access::ReadWrite;
        let file = OpenOptions::new()
            .read(true)
            .write(write)
            .open(path)
            .map_err(failed)?;
        let kind = file.metadata().map_err(failed)?.file_type();
        // A mistyped --device must not overwrite a file.
        if write && !kind.is_char_device() {
            let path = path.display();
            return Err(Error::Usage(format!("{path} is no character device")));
        }
        Ok(Self::new(file))
    }
}

/// The ioctls. What they do is what lines of text would do, quicker and without words: what one refuses
/// is sent as text, to be taken after all or to be explained.
impl<C: Transport> Device<C> {
    /// How many operations [`Self::update`] takes at once; none: it is missing.
    pub fn most_operations(&mut self) -> Option<usize> {
        self.most(uapi::FEATURE_UPDATE, |info| info.max_operations)
    }

    /// How many addresses [`Self::lookup`] takes at once; none: it is missing.
    pub fn most_lookups(&mut self) -> Option<usize> {
        self.most(uapi::FEATURE_LOOKUP, |info| info.max_lookups)
    }

    /// An older device has no ioctls, and something may stand between it and this program.
    fn most(&mut self, feature: u64, of: impl Fn(&Info) -> u32) -> Option<usize> {
        let info = self.stream.info().ok()?;
        let most = of(&info) as usize;
        (info.features & feature != 0 && most > 0).then_some(most)
    }

    /// Changes the table, or adds to the transaction that is open. What came of it up to a refusal or a
    /// signal is how many operations are done.
    pub fn update(&mut self, operations: &[Operation]) -> BatchResult {
        self.stream.update(operations)
    }

    /// Looks up addresses; where no route serves one, its type is that of none.
    pub fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> BatchResult {
        self.stream.lookup(addresses, routes)
    }

    /// Ends a transaction.
    pub fn commit(&mut self) -> std::result::Result<(), CommitFailure> {
        self.stream.commit()
    }
}

impl<S: Read + Write> Device<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; READ_SIZE].into(),
        }
    }

    /// Sends one line and leaves its answer to be read.
    pub fn command(&mut self, line: &str) -> Result<()> {
        match self.send(line.as_bytes())? {
            None => Ok(()),
            Some(stop) => {
                let refused = self.explain(&stop, line.as_bytes(), &mut Vec::new())?;
                Err(Error::Refused(refused.refusal))
            }
        }
    }

    /// Sends whole lines until all are accepted or one is refused, and appends what they answer. Without
    /// lines there is no answer, though a device that nothing was written to has its table to read.
    pub fn submit(&mut self, lines: &[u8], answers: &mut Vec<u8>) -> Result<Option<Refused>> {
        if lines.is_empty() {
            return Ok(None);
        }
        let Some(stop) = self.send(lines)? else {
            while self.read(answers)? > 0 {}
            return Ok(None);
        };
        Ok(Some(self.explain(&stop, lines, answers)?))
    }

    /// Hands over what the device has to say, line by line without the newline, up to end of file.
    pub fn for_each_line(&mut self, mut f: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let mut reader = BufReader::with_capacity(READ_SIZE, &mut self.stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = reader.by_ref().take(MAX_LINE as u64);
            limited
                .read_until(b'\n', &mut line)
                .map_err(Error::io("reading the device"))?;
            if line.len() == MAX_LINE {
                return Err(Error::Protocol("an endless line".to_string()));
            }
            if line.is_empty() {
                return Ok(());
            }
            f(text(line.strip_suffix(b"\n").unwrap_or(&line))?)?;
        }
    }

    /// Writes until all is accepted or a write fails.
    fn send(&mut self, lines: &[u8]) -> Result<Option<Stop>> {
        let mut accepted = 0;
        while accepted < lines.len() {
            let error = match self.stream.write(&lines[accepted..]) {
                Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
                Ok(bytes) => {
                    accepted += bytes;
                    continue;
                }
                Err(error) => error,
            };
            match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EINTR) => {}
                Some(errno) => return Ok(Some(Stop { accepted, errno })),
                None => return Err(Error::io("writing to the device")(error)),
            }
        }
        Ok(None)
    }

    /// Reads what is left to read and takes the message, which is the last line, off its end. There
    /// is nothing behind it, so that it need not be followed to end of file; in a batch of many
    /// refused lines that counts. Without a message the errno's meaning has to do.
    fn explain(&mut self, stop: &Stop, lines: &[u8], answers: &mut Vec<u8>) -> Result<Refused> {
        let refused = |number, message| Refused {
            accepted: stop.accepted,
            number,
            refusal: Refusal {
                errno: stop.errno,
                message,
            },
        };
        loop {
            if let Some((start, (number, message))) = last_message(answers) {
                let refused = refused(Some(number), message.to_string());
                answers.truncate(start);
                return Ok(refused);
            }
            if self.read(answers)? == 0 {
                break;
            }
        }
        let line = lines[stop.accepted..]
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let what = String::from_utf8_lossy(line);
        Ok(refused(None, format!("{what}: {}", stop.errno.desc())))
    }

    /// Appends what one read gives; 0 is end of file.
    fn read(&mut self, answers: &mut Vec<u8>) -> Result<usize> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(read) => {
                    answers.extend_from_slice(&self.buffer[..read]);
                    if answers.len() > MAX_ANSWERS {
                        return Err(Error::Protocol("endless answers".to_string()));
                    }
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("reading the device")(error)),
            }
        }
    }
}

/// Where and why a write failed.
struct Stop {
    accepted: usize,
    errno: Errno,
}

/// The message that the answers end with, and where it starts.
fn last_message(answers: &[u8]) -> Option<(usize, (u64, &str))> {
    let whole = answers.strip_suffix(b"\n")?;
    let start = whole
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    Some((start, message(&whole[start..])?))
}

/// The parts of a `line N: …` message; its N counts since open and means nothing to a user.
fn message(answer: &[u8]) -> Option<(u64, &str)> {
    let rest = std::str::from_utf8(answer).ok()?.strip_prefix("line ")?;
    let (number, rest) = rest.split_once(": ")?;
    let numbered = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| numbered)?;
    Some((number, rest.trim_end()))
}

/// Answers are ASCII; anything else is not from this device.
pub fn text(line: &[u8]) -> Result<&str> {
    std::str::from_utf8(line)
        .map_err(|_| Error::Protocol(format!("not text: {:?}", String::from_utf8_lossy(line))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn submit(device: &mut Device<&mut Fake>, lines: &str) -> (Option<Refused>, String) {
        let mut answers = Vec::new();
        let refused = device
            .submit(lines.as_bytes(), &mut answers)
            .expect("no local trouble");
        (refused, String::from_utf8(answers).expect("text"))
    }

    #[test]
    fn a_command_leaves_its_answer() {
        let mut fake = Fake::new().answer("stats", "nodes 3\ngeneration 4\n");
        let mut device = Device::new(&mut fake);
        device.command("stats\n").expect("accepted");
        let mut lines = Vec::new();
        let read = device.for_each_line(|line| {
            lines.push(line.to_string());
            Ok(())
        });
        read.expect("readable");
        assert_eq!(lines, ["nodes 3", "generation 4"]);
    }

    #[test]
    fn a_refused_command_has_the_kernels_words() {
        let mut fake = Fake::new().refuse("add x", Errno::EINVAL, "x: not a prefix");
        let Err(Error::Refused(refusal)) = Device::new(&mut fake).command("add x\n") else {
            panic!("not refused");
        };
        assert_eq!(
            refusal,
            Refusal {
                errno: Errno::EINVAL,
                message: "x: not a prefix".into()
            }
        );
    }

    #[test]
    fn a_refusal_in_the_middle_keeps_what_was_accepted() {
        for late in [false, true] {
            let mut fake = Fake::new()
                .answer("get a", "A\n")
                .refuse("get b", Errno::ENETUNREACH, "b: no route")
                .answer("get c", "C\n")
                .late_messages(late);
            let mut device = Device::new(&mut fake);

            let (refused, answers) = submit(&mut device, "get a\nget b\nget c\n");
            let refused = refused.expect("b is refused");
            assert_eq!(
                (refused.accepted, refused.refusal.errno),
                (6, Errno::ENETUNREACH)
            );
            assert_eq!(refused.refusal.message, "b: no route");
            assert_eq!(refused.number, Some(2));
            assert_eq!(answers, "A\n");

            assert_eq!(submit(&mut device, "get c\n"), (None, "C\n".to_string()));
        }
    }

    #[test]
    fn short_writes_and_interrupts_are_no_refusal() {
        let mut fake = Fake::new()
            .answer("get a", "A\n")
            .move_at_most(4)
            .interrupt_every(2);
        let mut device = Device::new(&mut fake);
        let (refused, answers) = submit(&mut device, "get a\nget a\nget a\n");
        assert_eq!((refused, answers.as_str()), (None, "A\nA\nA\n"));
    }

    #[test]
    fn nothing_has_no_answer() {
        let mut fake = Fake::new().table(&["::/0 dev a"]);
        assert_eq!(
            submit(&mut Device::new(&mut fake), ""),
            (None, String::new())
        );
    }

    #[test]
    fn answers_longer_than_a_read_arrive_whole() {
        let long = "get\n".repeat(READ_SIZE);
        let mut fake = Fake::new().answer("help", &long);
        let (refused, answers) = submit(&mut Device::new(&mut fake), "help\n");
        assert_eq!((refused, answers), (None, long));
    }

    #[test]
    fn an_errno_without_message_is_explained() {
        let mut fake = Fake::new()
            .answer("get a", "A\n")
            .refuse("get b", Errno::ENOMEM, "");
        let (refused, answers) = submit(&mut Device::new(&mut fake), "get a\nget b\n");
        let refusal = refused.expect("b is refused").refusal;
        assert_eq!(
            (refusal.message.as_str(), answers.as_str()),
            ("get b: Out of memory", "A\n")
        );
    }

    #[test]
    fn only_a_numbered_line_is_a_message() {
        assert_eq!(message(b"line 3: x: bad\n"), Some((3, "x: bad")));
        for other in [
            "",
            "line",
            "line x: y",
            "line +3: y",
            "line : y",
            "10.0.0.0/8 dev line",
        ] {
            assert_eq!(message(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_file_is_no_device_to_write_to() {
        let file = std::env::temp_dir().join(format!("rcuctl-device-{}", std::process::id()));
        std::fs::write(&file, "precious").expect("a writable temporary folder");
        let opened = Device::open(&file, Access::ReadWrite);
        let readable = Device::open(&file, Access::Read);
        let content = std::fs::read_to_string(&file);
        std::fs::remove_file(&file).expect("still there");
        assert!(matches!(opened, Err(Error::Usage(_))));
        assert!(readable.is_ok());
        assert_eq!(content.expect("readable"), "precious");
    }
}
