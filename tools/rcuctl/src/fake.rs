// SPDX-License-Identifier: GPL-2.0

//! A device for tests: what the protocol says of reads, short writes and errors, and no routes.
//!
//! The real device is tested in the virtual machine; this one makes it do what it seldom does.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};

use nix::errno::Errno;

#[derive(Default)]
pub struct Fake {
    /// The lines that were carried out.
    pub happened: Vec<String>,
    answers: HashMap<String, String>,
    refusals: HashMap<String, (Errno, String)>,
    most: Option<usize>,
    interrupt_every: Option<usize>,
    fail_read_after: Option<usize>,
    calls: usize,
    written: bool,
    /// How much of the line that is being written is here already.
    partial: Vec<u8>,
    line: usize,
    latched: Option<(Errno, String)>,
    late: bool,
    unread: VecDeque<u8>,
}

impl Fake {
    pub fn new() -> Self {
        Self::default()
    }

    /// What a freshly opened device reads as.
    pub fn table(mut self, lines: &[&str]) -> Self {
        self.unread = lines
            .iter()
            .flat_map(|line| format!("{line}\n").into_bytes())
            .collect();
        self
    }

    pub fn answer(mut self, line: &str, answer: &str) -> Self {
        self.answers.insert(line.to_string(), answer.to_string());
        self
    }

    /// `line` fails with `errno`; an empty message stands for a device that says nothing.
    pub fn refuse(mut self, line: &str, errno: Errno, message: &str) -> Self {
        self.refusals
            .insert(line.to_string(), (errno, message.to_string()));
        self
    }

    /// Whether a message comes with the write that fails, not with the short one before it.
    pub fn late_messages(mut self, late: bool) -> Self {
        self.late = late;
        self
    }

    /// Writes and reads move no more than this many bytes.
    pub fn move_at_most(mut self, bytes: usize) -> Self {
        self.most = Some(bytes);
        self
    }

    pub fn interrupt_every(mut self, calls: usize) -> Self {
        self.interrupt_every = Some(calls);
        self
    }

    /// Reads fail with EIO once this many bytes were read.
    pub fn fail_read_after(mut self, bytes: usize) -> Self {
        self.fail_read_after = Some(bytes);
        self
    }

    fn interrupted(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.interrupt_every {
            Some(every) if self.calls % every == 0 => Err(Errno::EINTR.into()),
            _ => Ok(()),
        }
    }

    fn say(&mut self, message: &str) {
        if !message.is_empty() {
            self.unread
                .extend(format!("line {}: {message}\n", self.line).bytes());
        }
    }

    /// Carries out the line in `partial`, or says why not.
    fn carry_out(&mut self) -> Result<(), (Errno, String)> {
        let line = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        self.line += 1;
        if let Some(refusal) = self.refusals.get(&line) {
            return Err(refusal.clone());
        }
        if let Some(answer) = self.answers.get(&line) {
            self.unread.extend(answer.bytes());
        }
        self.happened.push(line);
        Ok(())
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupted()?;
        // The first write ends the table that a fresh file reads as.
        if !std::mem::replace(&mut self.written, true) {
            self.unread.clear();
        }
        if let Some((errno, message)) = self.latched.take() {
            self.say(&message);
            return Err(errno.into());
        }
        let bytes = &bytes[..bytes.len().min(self.most.unwrap_or(usize::MAX))];
        let mut accepted = 0;
        for (position, &byte) in bytes.iter().enumerate() {
            if byte != b'\n' {
                self.partial.push(byte);
                continue;
            }
            match self.carry_out() {
                Ok(()) => accepted = position + 1,
                Err((errno, message)) if accepted == 0 => {
                    self.say(&message);
                    return Err(errno.into());
                }
                Err((errno, mut message)) => {
                    if !self.late {
                        self.say(&std::mem::take(&mut message));
                    }
                    self.latched = Some((errno, message));
                    return Ok(accepted);
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Fake {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted()?;
        let mut most = buffer.len();
        if let Some(left) = self.fail_read_after {
            if left == 0 {
                return Err(Errno::EIO.into());
            }
            most = most.min(left);
        }
        most = most.min(self.most.unwrap_or(most));
        let read = self.unread.read(&mut buffer[..most])?;
        if let Some(left) = &mut self.fail_read_after {
            *left -= read;
        }
        Ok(read)
    }
}
