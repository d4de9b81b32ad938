// SPDX-License-Identifier: GPL-2.0

//! A fake of the device without routes. On request, it does things that the protocol allows but the
//! real device does rarely, such as short writes. The guest tests use the real device. The ioctls
//! are off by default, and execute the equivalent lines.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};

use nix::errno::Errno;

use crate::device::grammar::{command, Command};
use crate::device::ioctl::{BatchResult, CommitFailure};
use crate::device::transport::Transport;
use crate::device::uapi::{self, Address, Dump, Info, Operation};
use crate::device::wire;

#[derive(Default)]
pub struct Fake {
    /// The executed lines.
    pub executed: Vec<String>,
    /// The number of lookups and changes by ioctl.
    pub by_ioctl: usize,
    answers: HashMap<String, String>,
    refusals: HashMap<String, (Errno, String)>,
    max_transfer: Option<usize>,
    interrupt_every: Option<usize>,
    fail_read_after: Option<usize>,
    calls: usize,
    is_written: bool,
    /// The start of a line whose end is not written yet.
    partial: Vec<u8>,
    line: usize,
    /// The error of the next write.
    latched: Option<(Errno, String)>,
    has_late_messages: bool,
    unread: VecDeque<u8>,
    /// The limit of elements in an ioctl; 0: there are no ioctls.
    max_batch: u32,
    features: u64,
    /// A signal ends each ioctl after this many elements.
    signal_after: Option<usize>,
    /// The error of each ioctl that changes routes.
    update_error: Option<Errno>,
    /// The operation of a transaction at which its commit fails.
    refuse_commit: Option<(usize, Errno, String)>,
    /// The number of the line that started the transaction.
    begin: usize,
}

impl Fake {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the routes that a read returns right after open.
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

    /// `line` fails with `errno`. An empty message is not printed.
    pub fn refuse(mut self, line: &str, errno: Errno, message: &str) -> Self {
        self.refusals
            .insert(line.to_string(), (errno, message.to_string()));
        self
    }

    /// Queues a message at the write that fails, not at the short write before it.
    pub fn late_messages(mut self, late: bool) -> Self {
        self.has_late_messages = late;
        self
    }

    /// Limits the bytes of a write or read.
    pub fn limit_transfers(mut self, bytes: usize) -> Self {
        self.max_transfer = Some(bytes);
        self
    }

    pub fn interrupt_every(mut self, calls: usize) -> Self {
        self.interrupt_every = Some(calls);
        self
    }

    /// Reads fail with EIO after this many bytes.
    pub fn fail_read_after(mut self, bytes: usize) -> Self {
        self.fail_read_after = Some(bytes);
        self
    }

    /// The device has ioctls, with this limit of elements.
    pub fn ioctls(mut self, max_batch: u32) -> Self {
        self.max_batch = max_batch;
        self.features = uapi::FEATURE_LOOKUP | uapi::FEATURE_UPDATE | uapi::FEATURE_DUMP;
        self
    }

    pub fn has_ioctls(&self) -> bool {
        self.max_batch > 0
    }

    /// The ioctls support none of the features that rcuctl uses.
    pub fn without_features(mut self) -> Self {
        self.features = 0;
        self
    }

    pub fn signal_after(mut self, elements: usize) -> Self {
        self.signal_after = Some(elements);
        self
    }

    pub fn fail_update(mut self, errno: Errno) -> Self {
        self.update_error = Some(errno);
        self
    }

    /// `commit` fails at an operation of the transaction, counted from 0.
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

    fn print(&mut self, message: &str) {
        if !message.is_empty() {
            self.unread
                .extend(format!("line {}: {message}\n", self.line).bytes());
        }
    }

    /// Executes the line in `partial`.
    fn execute(&mut self) -> Result<(), (Errno, String)> {
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
        self.executed.push(line);
        Ok(())
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupted()?;
        // After the first write, the table can no longer be read.
        if !std::mem::replace(&mut self.is_written, true) {
            self.unread.clear();
        }
        if let Some((errno, message)) = self.latched.take() {
            self.print(&message);
            return Err(errno.into());
        }
        let bytes = &bytes[..bytes.len().min(self.max_transfer.unwrap_or(usize::MAX))];
        let mut accepted = 0;
        for (position, &byte) in bytes.iter().enumerate() {
            if byte != b'\n' {
                self.partial.push(byte);
                continue;
            }
            match self.execute() {
                Ok(()) => accepted = position + 1,
                Err((errno, message)) if accepted == 0 => {
                    self.print(&message);
                    return Err(errno.into());
                }
                Err((errno, mut message)) => {
                    if !self.has_late_messages {
                        self.print(&std::mem::take(&mut message));
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
        let mut size = buffer.len();
        if let Some(left) = self.fail_read_after {
            if left == 0 {
                return Err(Errno::EIO.into());
            }
            size = size.min(left);
        }
        size = size.min(self.max_transfer.unwrap_or(size));
        let read = self.unread.read(&mut buffer[..size])?;
        if let Some(left) = &mut self.fail_read_after {
            *left -= read;
        }
        Ok(read)
    }
}

impl Transport for Fake {
    fn info(&mut self) -> nix::Result<Info> {
        if self.max_batch == 0 {
            return Err(Errno::ENOTTY);
        }
        Ok(Info {
            features: self.features,
            max_lookups: self.max_batch,
            max_operations: self.max_batch,
            ..Info::default()
        })
    }

    fn lookup(&mut self, addresses: &[Address], routes: &mut [uapi::Route]) -> BatchResult {
        assert!(addresses.len() == routes.len());
        let pairs: Vec<_> = addresses.iter().zip(routes).collect();
        self.batch(pairs, |fake, (address, route)| {
            *route = fake.serving(address)?;
            Ok(())
        })
    }

    fn update(&mut self, operations: &[Operation]) -> BatchResult {
        let error = self.update_error;
        self.batch(operations.iter().collect(), |fake, operation| {
            let line = line_of(operation);
            if let Some(errno) = error.or_else(|| Some(fake.refusals.get(&line)?.0)) {
                return Err(errno);
            }
            fake.executed.push(line);
            Ok(())
        })
    }

    fn commit(&mut self) -> Result<(), CommitFailure> {
        if let Some((index, errno, _)) = self.refuse_commit.take() {
            let failed = Some(index);
            return Err(CommitFailure { errno, failed });
        }
        self.executed.push("commit".to_string());
        self.by_ioctl += 1;
        Ok(())
    }

    /// Returns the routes that a read would return, as many as one ioctl can carry.
    fn dump(&mut self, cursor: &mut Dump, routes: &mut [uapi::Route]) -> nix::Result<usize> {
        let unread: Vec<u8> = self.unread.iter().copied().collect();
        let text = String::from_utf8(unread).expect("text");
        let first = self.by_ioctl;
        let lines: Vec<_> = text.lines().skip(first).collect();
        let count = lines.len().min(routes.len()).min(self.max_batch as usize);
        for (line, route) in lines.iter().zip(&mut routes[..count]) {
            let insert = command(format!("{line}\n").as_bytes()).expect("a route");
            *route = wire::operation(&insert).expect("a change").route;
        }
        self.by_ioctl += count;
        cursor.more = u32::from(count < lines.len());
        Ok(count)
    }
}

impl Fake {
    /// Executes the elements of an ioctl up to the first error, or to a signal.
    fn batch<T>(
        &mut self,
        elements: Vec<T>,
        mut execute: impl FnMut(&mut Self, T) -> nix::Result<()>,
    ) -> BatchResult {
        assert!(elements.len() <= self.max_batch as usize);
        let mut done = 0;
        let end = self.signal_after.unwrap_or(usize::MAX);
        let result = elements.into_iter().take(end).try_for_each(|element| {
            execute(self, element)?;
            done += 1;
            Ok(())
        });
        self.by_ioctl += done;
        BatchResult { done, result }
    }

    /// The route that `get` returns.
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

/// The equivalent line.
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
