// SPDX-License-Identifier: GPL-2.0

//! A device for tests: what the protocol says of reads, short writes and errors, and no routes. It has
//! ioctls only if it is told to; they do what their lines would.
//!
//! The real device is tested in the virtual machine; this one makes it do what it seldom does.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};

use nix::errno::Errno;

use crate::device::grammar::{command, Command};
use crate::device::ioctl::{BatchResult, CommitFailure};
use crate::device::transport::Transport;
use crate::device::uapi::{self, Address, Info, Operation};
use crate::device::wire;

#[derive(Default)]
pub struct Fake {
    /// The lines that were carried out.
    pub happened: Vec<String>,
    /// How many of them came by ioctl.
    pub by_ioctl: usize,
    answers: HashMap<String, String>,
    refusals: HashMap<String, (Errno, String)>,
    move_at_most: Option<usize>,
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
    /// How many elements an ioctl takes at once; 0: there are no ioctls.
    most: u32,
    features: u64,
    /// A signal ends each ioctl behind this many elements.
    signal_after: Option<usize>,
    /// What every call for changes fails with, before it looks at them.
    broken: Option<Errno>,
    /// The operation of a transaction that its commit stumbles over.
    refuse_commit: Option<(usize, Errno, String)>,
    /// The number of the line that opened the transaction.
    begin: usize,
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
        self.move_at_most = Some(bytes);
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

    /// It has ioctls, which take this many elements at once.
    pub fn ioctls(mut self, most: u32) -> Self {
        self.most = most;
        self.features = uapi::FEATURE_LOOKUP | uapi::FEATURE_UPDATE;
        self
    }

    pub fn has_ioctls(&self) -> bool {
        self.most > 0
    }

    /// The ioctls are there, but do nothing that this program wants.
    pub fn without_features(mut self) -> Self {
        self.features = 0;
        self
    }

    pub fn signal_after(mut self, elements: usize) -> Self {
        self.signal_after = Some(elements);
        self
    }

    pub fn broken_update(mut self, errno: Errno) -> Self {
        self.broken = Some(errno);
        self
    }

    /// `commit` fails over one of the transaction's operations, counted from 0.
    pub fn refuse_commit(mut self, index: usize, errno: Errno, message: &str) -> Self {
        self.refuse_commit = Some((index, errno, message.to_string()));
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
        if line.starts_with("begin") {
            self.begin = self.line;
        }
        if let Some((index, errno, message)) = self.refuse_commit.take_if(|_| line == "commit") {
            self.line = self.begin + 1 + index;
            return Err((errno, message));
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
        let bytes = &bytes[..bytes.len().min(self.move_at_most.unwrap_or(usize::MAX))];
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
        most = most.min(self.move_at_most.unwrap_or(most));
        let read = self.unread.read(&mut buffer[..most])?;
        if let Some(left) = &mut self.fail_read_after {
            *left -= read;
        }
        Ok(read)
    }
}

impl Transport for Fake {
    fn info(&mut self) -> nix::Result<Info> {
        if self.most == 0 {
            return Err(Errno::ENOTTY);
        }
        Ok(Info {
            features: self.features,
            max_lookups: self.most,
            max_operations: self.most,
            ..Info::default()
        })
    }

    fn lookup(&mut self, addresses: &[Address], routes: &mut [uapi::Route]) -> BatchResult {
        assert!(addresses.len() <= self.most as usize && addresses.len() == routes.len());
        let mut done = 0;
        let end = self.signal_after.unwrap_or(usize::MAX);
        for (address, route) in addresses.iter().zip(routes).take(end) {
            match self.serving(address) {
                Ok(found) => *route = found,
                Err(errno) => {
                    let result = Err(errno);
                    return BatchResult { done, result };
                }
            }
            self.by_ioctl += 1;
            done += 1;
        }
        let result = Ok(());
        BatchResult { done, result }
    }

    fn update(&mut self, operations: &[Operation]) -> BatchResult {
        assert!(operations.len() <= self.most as usize);
        let mut done = 0;
        if let Some(errno) = self.broken {
            let result = Err(errno);
            return BatchResult { done, result };
        }
        let end = self.signal_after.unwrap_or(usize::MAX);
        for operation in operations.iter().take(end) {
            let line = line_of(operation);
            if let Some((errno, _)) = self.refusals.get(&line) {
                let result = Err(*errno);
                return BatchResult { done, result };
            }
            self.happened.push(line);
            self.by_ioctl += 1;
            done += 1;
        }
        let result = Ok(());
        BatchResult { done, result }
    }

    fn commit(&mut self) -> Result<(), CommitFailure> {
        if let Some((index, errno, _)) = self.refuse_commit.take() {
            let failed = Some(index);
            return Err(CommitFailure { errno, failed });
        }
        self.happened.push("commit".to_string());
        self.by_ioctl += 1;
        Ok(())
    }
}

impl Fake {
    /// The route that `get` would answer with.
    fn serving(&self, address: &Address) -> nix::Result<uapi::Route> {
        let get = format!("get {}", wire::ip(address).expect("an address"));
        match (self.refusals.get(&get), self.answers.get(&get)) {
            (Some((Errno::ENETUNREACH, _)), _) => Ok(uapi::Route::default()),
            (Some((errno, _)), _) => Err(*errno),
            (None, None) => Err(Errno::EIO),
            (None, Some(answer)) => match command(answer.as_bytes()) {
                Some(route @ Command::Insert(..)) => {
                    Ok(wire::operation(&route).expect("a change").route)
                }
                _ => Err(Errno::EIO),
            },
        }
    }
}

/// The line that would do the same.
fn line_of(operation: &Operation) -> String {
    let route = || wire::decode(&operation.route).expect("a route");
    match operation.verb {
        uapi::ADD => route().to_string(),
        uapi::CHANGE => format!("change {}", route()),
        uapi::REPLACE => format!("replace {}", route()),
        uapi::DEL => {
            let dst = wire::ip(&operation.route.dst).expect("an address");
            format!("del {dst}/{}", operation.route.prefix_len)
        }
        uapi::FLUSH => "flush".to_string(),
        verb => panic!("verb {verb}"),
    }
}
