// SPDX-License-Identifier: GPL-2.0

//! The client side of `/dev/rust_rcu_demo`: its text protocol, and its ioctls if it has any.
//!
//! ```text
//!   write "A B bad C D"  ──►  returns the bytes up to "bad"; A and B are applied
//!   write "bad C D"      ──►  fails with the errno of "bad"
//!   read                 ──►  answers to A and B, "line 3: bad: …", then end of file
//!   write "C D"          ──►  continues with C
//! ```
//!
//! The device may queue the message at the short write or at the failed one, so this client reads
//! after the failed write. The kernel keeps 256 KiB of unread answers; `route::batch` limits
//! the lines per write accordingly.

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

const READ_SIZE: usize = 64 * 1024;
/// Longer than any line of the device. Bounds the memory for a node without line ends, such as
/// `/dev/zero`.
const MAX_LINE: usize = 64 * 1024;
/// The start of a line with a leg of the route in an earlier line.
const LEG: &str = "\tnexthop ";
/// 16 times the answers that the device keeps. Bounds the memory for a node without an end of file.
const MAX_ANSWERS: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads the whole table only.
    Read,
    ReadWrite,
}

/// The device refused a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Bytes accepted before the refused line.
    pub accepted: usize,
    /// The line number in the device's message, counted from 1 since open. A failed `commit` names
    /// an earlier line.
    pub number: Option<u64>,
    pub refusal: Refusal,
}

/// An open device. Tests replace the stream to reach error paths without a kernel.
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
            return Err(Error::Usage(format!(
                "{path} is not a character device; check --device"
            )));
        }
        Ok(Self::new(file))
    }
}

/// The ioctls. They are equivalent to lines of text, but faster. A refusal has only an errno, so
/// callers send a refused operation again as text, and the device explains the refusal.
impl<C: Transport> Device<C> {
    /// The number of operations per [`Self::update`]; `None` if the device lacks the ioctl.
    pub fn max_operations(&mut self) -> Option<usize> {
        self.limit(uapi::FEATURE_UPDATE, |info| info.max_operations)
    }

    /// The number of addresses per [`Self::lookup`]; `None` if the device lacks the ioctl.
    pub fn max_lookups(&mut self) -> Option<usize> {
        self.limit(uapi::FEATURE_LOOKUP, |info| info.max_lookups)
    }

    fn limit(&mut self, feature: u64, of: impl Fn(&Info) -> u32) -> Option<usize> {
        let info = self.stream.info().ok()?;
        let limit = of(&info) as usize;
        (info.features & feature != 0 && limit > 0).then_some(limit)
    }

    /// Changes the table, or appends to the open transaction, up to the first refusal or signal.
    pub fn update(&mut self, operations: &[Operation]) -> BatchResult {
        self.stream.update(operations)
    }

    /// Looks up addresses. The route of an address without one has the type [`uapi::TYPE_NONE`].
    pub fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> BatchResult {
        self.stream.lookup(addresses, routes)
    }

    /// Calls `f` with each route of the table. Returns false if the device lacks the ioctl, or if a
    /// route does not fit into its structure; the caller then reads the table as text.
    pub fn for_each_route(&mut self, mut f: impl FnMut(crate::rcu_table::Route)) -> Result<bool> {
        const ROUTES: usize = 4096;
        let has_dump = |info: Info| info.features & uapi::FEATURE_DUMP != 0;
        if !self.stream.info().is_ok_and(has_dump) {
            return Ok(false);
        }
        let mut routes = vec![Route::default(); ROUTES];
        let mut cursor = uapi::Dump {
            more: 1,
            ..uapi::Dump::default()
        };
        while cursor.more != 0 {
            let copied = self.stream.dump(&mut cursor, &mut routes);
            let copied = copied.map_err(|errno| Error::io("reading the device")(errno.into()))?;
            for route in &routes[..copied] {
                match wire::decode(route) {
                    Some(route) => f(route),
                    None => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    /// Commits the open transaction.
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

    /// Sends one line. The caller reads its answer.
    pub fn command(&mut self, line: &str) -> Result<()> {
        match self.send(line.as_bytes())? {
            None => Ok(()),
            Some(failure) => {
                let refused = self.read_refusal(&failure, line.as_bytes(), &mut Vec::new())?;
                Err(Error::Refused(refused.refusal))
            }
        }
    }

    /// Sends whole lines until the device refuses one, and appends their answers.
    pub fn submit(&mut self, lines: &[u8], answers: &mut Vec<u8>) -> Result<Option<Refused>> {
        // Before the first write, a read would return the whole table.
        if lines.is_empty() {
            return Ok(None);
        }
        let Some(failure) = self.send(lines)? else {
            while self.read(answers)? > 0 {}
            return Ok(None);
        };
        Ok(Some(self.read_refusal(&failure, lines, answers)?))
    }

    /// Reads the device up to end of file. Calls `f` with each line, without its newline. Joins the
    /// lines of a long route, whose legs are in lines of their own.
    pub fn for_each_line(&mut self, mut f: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let mut reader = BufReader::with_capacity(READ_SIZE, &mut self.stream);
        let (mut joined, mut line) = (String::new(), Vec::new());
        loop {
            line.clear();
            let mut limited = reader.by_ref().take(MAX_LINE as u64);
            limited
                .read_until(b'\n', &mut line)
                .map_err(Error::io("reading the device"))?;
            if line.len() == MAX_LINE {
                return Err(Error::Protocol("endless line".to_string()));
            }
            match text(line.strip_suffix(b"\n").unwrap_or(&line))? {
                leg if leg.starts_with(LEG) => joined.push_str(&format!(" {}", &leg[1..])),
                line => {
                    if !joined.is_empty() {
                        f(&joined)?;
                    }
                    line.clone_into(&mut joined);
                }
            }
            if line.is_empty() {
                return Ok(());
            }
        }
    }

    /// Reads the device up to end of file. After each read, calls `f` with the lines that are
    /// complete, and joins the lines of a long route.
    pub fn for_each_read(&mut self, mut f: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let mut unread = Vec::new();
        loop {
            let read = self.read(&mut unread)?;
            if read == 0 {
                return Ok(());
            }
            let Some(newline) = unread.iter().rposition(|&byte| byte == b'\n') else {
                continue;
            };
            let lines = text(&unread[..=newline])?;
            // A read that has filled the buffer may have ended between the lines of a route.
            let end = match read == self.buffer.len() {
                true => lines.len() - incomplete_route(lines).len(),
                false => lines.len(),
            };
            f(&lines[..end].replace("\n\t", " "))?;
            unread.drain(..end);
        }
    }

    /// Writes all lines, or up to the first write that the device refuses.
    fn send(&mut self, lines: &[u8]) -> Result<Option<WriteFailure>> {
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
                Some(errno) => return Ok(Some(WriteFailure { accepted, errno })),
                None => return Err(Error::io("writing to the device")(error)),
            }
        }
        Ok(None)
    }

    /// Reads the answers and splits off the device's message, which is the last line. Stops at the
    /// message instead of end of file: one read less for each refused line. Without a message, the
    /// errno's meaning replaces it.
    fn read_refusal(
        &mut self,
        failure: &WriteFailure,
        lines: &[u8],
        answers: &mut Vec<u8>,
    ) -> Result<Refused> {
        let refused = |number, message| Refused {
            accepted: failure.accepted,
            number,
            refusal: Refusal {
                errno: failure.errno,
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
        let line = lines[failure.accepted..]
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        Ok(refused(None, format!("{line}: {}", failure.errno.desc())))
    }

    /// Appends the result of one read; returns 0 at end of file.
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

/// Returns the route at the end of the lines if its legs may follow; otherwise an empty text.
fn incomplete_route(lines: &str) -> &str {
    let mut start = lines.len();
    for line in lines.split_inclusive('\n').rev() {
        start -= line.len();
        match line.starts_with(LEG) {
            true => (),
            false if grammar::can_continue(line) => return &lines[start..],
            false => break,
        }
    }
    ""
}

struct WriteFailure {
    /// Bytes accepted before the failed write.
    accepted: usize,
    errno: Errno,
}

/// Finds the message at the end of the answers: its offset, line number and text.
fn last_message(answers: &[u8]) -> Option<(usize, (u64, &str))> {
    let whole = answers.strip_suffix(b"\n")?;
    let start = whole
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    Some((start, message(&whole[start..])?))
}

/// Parses a `line N: …` message. N counts lines since open, which means nothing to the user.
fn message(answer: &[u8]) -> Option<(u64, &str)> {
    let rest = std::str::from_utf8(answer).ok()?.strip_prefix("line ")?;
    let (number, rest) = rest.split_once(": ")?;
    let numbered = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| numbered)?;
    Some((number, rest.trim_end()))
}

/// Checks that an answer is text; every answer of this device is ASCII.
pub fn text(line: &[u8]) -> Result<&str> {
    std::str::from_utf8(line)
        .map_err(|_| Error::Protocol(format!("not text: {:?}", String::from_utf8_lossy(line))))
}

#[cfg(test)]
mod tests;
