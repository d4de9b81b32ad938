// SPDX-License-Identifier: GPL-2.0

//! The device: one function for each system call, and shorthands for the tests.

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{self, OFlag},
    sys::stat::Mode,
    unistd,
};

use crate::tap::{equal, fail, same_text, During, Outcome};

pub const NODE: &str = "/dev/rust_rcu_demo";

/// The timeout of each wait. The debug kernel in an emulator is slow.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// An open file of the device.
pub struct Device(OwnedFd);

impl Device {
    /// Opens the device for reading and writing.
    pub fn open() -> Outcome<Self> {
        Self::open_as(OFlag::O_RDWR).during("open()")
    }

    pub fn open_as(flags: OFlag) -> nix::Result<Self> {
        fcntl::open(NODE, flags | OFlag::O_CLOEXEC, Mode::empty()).map(Self)
    }

    /// Calls `write()` once.
    pub fn write(&self, bytes: impl AsRef<[u8]>) -> nix::Result<usize> {
        unistd::write(&self.0, bytes.as_ref())
    }

    /// Calls `read()` once.
    pub fn read(&self, into: &mut [u8]) -> nix::Result<usize> {
        unistd::read(&self.0, into)
    }

    /// Calls `write()` once, and fails unless it writes all bytes.
    pub fn write_all(&self, text: impl AsRef<[u8]>) -> Outcome {
        let text = text.as_ref();
        equal("the result of write()", self.write(text), Ok(text.len()))
    }

    /// Reads to the end of the answers.
    pub fn answers(&self) -> Outcome<String> {
        self.answers_by(1 << 16)
    }

    /// Reads to the end of the answers, with reads of at most `size` bytes.
    pub fn answers_by(&self, size: usize) -> Outcome<String> {
        let (mut text, mut piece) = (Vec::new(), vec![0; size]);
        loop {
            match self.read(&mut piece).during("read()")? {
                0 => break,
                count => text.extend_from_slice(&piece[..count]),
            }
        }
        String::from_utf8(text).during("decoding the answers")
    }

    /// Writes commands and reads their answers.
    pub fn query(&self, commands: impl AsRef<[u8]>) -> Outcome<String> {
        self.write_all(commands)?;
        self.answers()
    }

    /// Returns another descriptor of the same open file.
    pub fn duplicate(&self) -> Outcome<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Calls `close()`.
    pub fn close(self) -> nix::Result<()> {
        unistd::close(self.0)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Device {
    fn from(file: OwnedFd) -> Self {
        Self(file)
    }
}

impl From<Device> for OwnedFd {
    fn from(device: Device) -> Self {
        device.0
    }
}

/// Opens a file, writes commands, reads their answers and closes the file.
pub fn run(commands: impl AsRef<[u8]>) -> Outcome<String> {
    let device = Device::open()?;
    let answers = device.query(commands)?;
    device.close().during("close()")?;
    Ok(answers)
}

/// Reads the whole table.
pub fn dump() -> Outcome<String> {
    let device = Device::open_as(OFlag::O_RDONLY).during("open()")?;
    device.answers()
}

/// Fails unless the table is `expected`.
pub fn expect_table(expected: &str) -> Outcome {
    same_text("the table", &dump()?, expected)
}

/// Empties the table.
pub fn flush() -> Outcome {
    equal("the answer to flush", run("flush\n")?, String::new())
}

/// The answer to `stats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats(BTreeMap<String, u64>);

impl Stats {
    pub fn now() -> Outcome<Self> {
        Self::parse(&run("stats\n")?)
    }

    pub fn parse(text: &str) -> Outcome<Self> {
        let mut figures = BTreeMap::new();
        for line in text.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            let value = value
                .parse()
                .during(format!("parsing the line '{line}' of stats"))?;
            if figures.insert(name.to_owned(), value).is_some() {
                return fail(format!("stats has {name} twice"));
            }
        }
        Ok(Self(figures))
    }

    pub fn get(&self, name: &str) -> Outcome<u64> {
        match self.0.get(name) {
            Some(&value) => Ok(value),
            None => fail(format!("stats has no {name}")),
        }
    }

    /// The size of the table: objects, bytes and next hops.
    pub fn table_size(&self) -> Outcome<[u64; 3]> {
        Ok([
            self.get("objects")?,
            self.get("bytes")?,
            self.get("next_hops")?,
        ])
    }

    /// Fails unless the table holds nothing.
    pub fn expect_empty_table(&self) -> Outcome {
        for name in [
            "routes_inet",
            "routes_inet6",
            "next_hops",
            "objects",
            "bytes",
        ] {
            equal(format!("{name} of the empty table"), self.get(name)?, 0)?;
        }
        Ok(())
    }

    /// Drops the figures that also change when a grace period ends.
    fn without_reclaim(mut self) -> Self {
        // The memory of an unused next hop counts in next_hop_bytes until a grace period has ended.
        let others = ["retired_", "reclaimed_", "next_hop_bytes"];
        self.0
            .retain(|name, _| !others.iter().any(|other| name.starts_with(other)));
        self
    }
}

/// The table and its figures, which show any change.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    dump: String,
    stats: Stats,
}

impl Snapshot {
    pub fn now() -> Outcome<Self> {
        let mut stats = Stats::now()?.without_reclaim();
        // The words of a command that fails later count, too.
        stats.0.remove("skipped_words");
        let dump = dump()?;
        Ok(Self { dump, stats })
    }

    /// Fails if the table has changed since.
    pub fn expect_unchanged(&self) -> Outcome {
        let now = Self::now()?;
        same_text("the table", &now.dump, &self.dump)?;
        equal("the stats", now.stats, self.stats.clone())
    }
}

/// Returns `count`, or a tenth of it on a debug kernel, which is about ten times slower.
pub fn scaled(count: u32) -> u32 {
    match Path::new("/proc/lockdep").exists() {
        true => count / 10,
        false => count,
    }
}

/// Returns `count`, or a fortieth of it if QEMU emulates the CPU, which is ten times slower, and
/// forty times in a debug kernel.
pub fn scaled_if_emulated(count: u32) -> u32 {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    match cpus.contains("QEMU TCG CPU") {
        true => count / 40,
        false => count,
    }
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> Outcome<bool>) -> Outcome {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > TIMEOUT {
            return fail(format!("timed out after {TIMEOUT:?}: {what}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Waits until all retired memory is reclaimed.
pub fn wait_for_reclaim() -> Outcome {
    wait_until("all retired memory is reclaimed", || {
        let stats = Stats::now()?;
        Ok(stats.get("retired_objects")? == 0 && stats.get("retired_bytes")? == 0)
    })
}
