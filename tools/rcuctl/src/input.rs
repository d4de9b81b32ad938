// SPDX-License-Identifier: GPL-2.0

//! Reads a file of routes or addresses: one per line, with `#` comments.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use crate::error::{Error, Result};

const BUFFER: usize = 256 * 1024;
/// The longest line, with its comment. Bounds the memory for a file without line ends.
const MAX_LINE: usize = 64 * 1024;

/// A file read line by line.
pub struct Input<R> {
    name: String,
    size: Option<u64>,
    reader: R,
    line: Vec<u8>,
    /// The line after a route, or the error that [`Input::next_route`] met there.
    ahead: Option<Result<(Vec<u8>, u64)>>,
    number: u64,
    bytes_read: u64,
}

/// A line that is not blank, trimmed and without its comment.
pub struct Line<'a> {
    pub content: &'a [u8],
    pub number: u64,
}

/// How long to wait for input before the flag is checked again: a signal may arrive between the
/// check and the wait.
const CHECK_INTERVAL_MS: u16 = 200;

/// A file whose reads fail once the flag is set, even while they wait for a pipe or a terminal.
struct Interruptible {
    file: File,
    flag: Arc<AtomicBool>,
}

impl Read for Interruptible {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // ORDERING: The flag publishes no other data.
            if self.flag.load(Ordering::Relaxed) {
                return Err(io::Error::other("interrupted"));
            }
            let mut waited = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
            match poll(&mut waited, PollTimeout::from(CHECK_INTERVAL_MS)) {
                Ok(0) | Err(Errno::EINTR) => {}
                // `read` reports the error.
                Ok(_) | Err(_) => return self.file.read(buffer),
            }
        }
    }
}

impl Input<Box<dyn BufRead>> {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_interruptible(path, Arc::default())
    }

    /// Opens a file whose reads fail once `flag` is set.
    pub fn open_interruptible(path: &Path, flag: Arc<AtomicBool>) -> Result<Self> {
        if path == Path::new("-") {
            let descriptor = io::stdin().as_fd().try_clone_to_owned();
            let file = descriptor
                .map_err(Error::io("opening standard input"))?
                .into();
            let stdin = Interruptible { file, flag };
            return Ok(Self::new(
                "<stdin>",
                Box::new(BufReader::with_capacity(BUFFER, stdin)),
            ));
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(Error::io(format!("opening {name}")))?;
        let size = file
            .metadata()
            .ok()
            .filter(|meta| meta.is_file())
            .map(|meta| meta.len());
        let file = Interruptible { file, flag };
        let mut input = Self::new(&name, Box::new(BufReader::with_capacity(BUFFER, file)));
        input.size = size;
        Ok(input)
    }
}

impl<R: BufRead> Input<R> {
    pub fn new(name: &str, reader: R) -> Self {
        let line = Vec::new();
        Self {
            name: name.to_string(),
            size: None,
            reader,
            line,
            ahead: None,
            number: 0,
            bytes_read: 0,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size in bytes, unless it is a pipe or a device.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Returns the next line that is not blank, joined with the lines that continue a route: `ip
    /// route` prints each next hop of a multipath route in a line of its own.
    pub fn next_route(&mut self) -> Result<Option<Line<'_>>> {
        let first = match self.ahead.take() {
            Some(ahead) => Some(ahead?),
            None => self.next_owned()?,
        };
        let Some((mut joined, number)) = first else {
            return Ok(None);
        };
        // The device refuses a longer route anyway.
        while joined.len() < MAX_LINE {
            match self.next_owned() {
                Ok(None) => break,
                Ok(Some((line, _))) if continues_route(&line) => {
                    joined.push(b' ');
                    joined.extend_from_slice(&line);
                }
                // The lines before an error are valid.
                next => {
                    self.ahead = next.transpose();
                    break;
                }
            }
        }
        self.line = joined;
        Ok(Some(Line {
            content: &self.line,
            number,
        }))
    }

    fn next_owned(&mut self) -> Result<Option<(Vec<u8>, u64)>> {
        let line = self.next_line()?;
        Ok(line.map(|line| (line.content.to_vec(), line.number)))
    }

    /// Returns the next line that is not blank. Strips comments, so that they do not count for the
    /// device's limit on the length of a line.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            let mut limited = self.reader.by_ref().take(MAX_LINE as u64);
            let read = limited.read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| Error::io(format!("reading {}", self.name))(error))?;
            if read == 0 {
                return Ok(None);
            }
            self.bytes_read += read as u64;
            self.number += 1;
            if read == MAX_LINE && !self.line.ends_with(b"\n") {
                return Err(Error::Usage(format!(
                    "{}:{}: expected a line of at most {MAX_LINE} bytes, found a longer one; is this \
                     a file of routes or addresses?",
                    self.name, self.number
                )));
            }
            if !without_comment(&self.line).is_empty() {
                break;
            }
        }
        Ok(Some(Line {
            content: without_comment(&self.line),
            number: self.number,
        }))
    }
}

/// Whether a line is a next hop of the route in an earlier line.
fn continues_route(line: &[u8]) -> bool {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    words.next() == Some(b"nexthop") && matches!(words.next(), Some(b"via" | b"dev" | b"weight"))
}

fn without_comment(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .position(|&byte| byte == b'#')
        .unwrap_or(line.len());
    line[..end].trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn skipped_lines_count_for_line_numbers() {
        let mut input = Input::new("f", "a\n\n # b\n c d # e\r\n\tf".as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = input.next_line().expect("readable") {
            lines.push((
                line.number,
                String::from_utf8_lossy(line.content).into_owned(),
            ));
        }
        let expected = [(1, "a"), (4, "c d"), (5, "f")];
        assert_eq!(
            lines,
            expected.map(|(number, line)| (number, line.to_string()))
        );
        assert_eq!(input.bytes_read(), 20);
    }

    #[test]
    fn a_file_without_line_ends_is_refused_without_reading_it_whole() {
        let mut input = Input::new("f", BufReader::new(io::repeat(b'x')));
        let error = input.next_line().err().expect("endless").to_string();
        assert!(
            error.starts_with("f:1: expected a line of at most 65536 bytes"),
            "{error}"
        );
        assert_eq!(input.bytes_read(), MAX_LINE as u64);

        let longest = format!("{}\na\n", "x".repeat(MAX_LINE - 1));
        let mut input = Input::new("f", longest.as_bytes());
        assert_eq!(
            input
                .next_line()
                .expect("short enough")
                .map(|line| line.content.len()),
            Some(MAX_LINE - 1)
        );
        assert_eq!(
            input
                .next_line()
                .expect("short enough")
                .map(|line| line.number),
            Some(2)
        );
    }

    #[test]
    fn only_a_regular_file_has_a_size() {
        let folder = env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
        let size = |path: &Path| Input::open(path).expect("readable").size();
        assert!(size(&Path::new(&folder).join("Cargo.toml")) > Some(100));
        assert_eq!(size(Path::new("/dev/null")), None);
    }

    #[test]
    fn a_set_flag_ends_a_read_that_waits() {
        let (reader, _writer) = UnixStream::pair().expect("sockets");
        let flag = Arc::new(AtomicBool::new(false));
        let mut input = Interruptible {
            file: OwnedFd::from(reader).into(),
            flag: flag.clone(),
        };
        let waiting = std::thread::spawn(move || input.read(&mut [0]));
        flag.store(true, Ordering::Relaxed);
        let error = waiting.join().expect("no panic").expect_err("interrupted");
        assert_eq!(error.to_string(), "interrupted");
    }

    #[test]
    fn a_missing_file_is_named() {
        let Err(error) = Input::open(Path::new("/nowhere/routes")) else {
            panic!("opened a missing file");
        };
        assert!(
            error.to_string().starts_with("opening /nowhere/routes: "),
            "{error}"
        );
    }
}
