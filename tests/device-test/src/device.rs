// SPDX-License-Identifier: GPL-2.0

//! The device as a program sees it: one system call a function, and short ways for what every test
//! needs.

use std::{
    collections::BTreeMap,
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

/// How long to wait for what comes soon: the debug kernel in an emulator is slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

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

    /// One `write()`.
    pub fn write(&self, bytes: impl AsRef<[u8]>) -> nix::Result<usize> {
        unistd::write(&self.0, bytes.as_ref())
    }

    /// One `read()`.
    pub fn read(&self, into: &mut [u8]) -> nix::Result<usize> {
        unistd::read(&self.0, into)
    }

    /// One `write()` that must take everything.
    pub fn feed(&self, text: impl AsRef<[u8]>) -> Outcome {
        let text = text.as_ref();
        equal("what write() returned", self.write(text), Ok(text.len()))
    }

    /// What is to be read, up to the end.
    pub fn answers(&self) -> Outcome<String> {
        self.answers_by(1 << 16)
    }

    /// The same with reads of at most `size` bytes.
    pub fn answers_by(&self, size: usize) -> Outcome<String> {
        let (mut text, mut piece) = (Vec::new(), vec![0; size]);
        loop {
            match self.read(&mut piece).during("read()")? {
                0 => break,
                count => text.extend_from_slice(&piece[..count]),
            }
        }
        String::from_utf8(text).during("what was read")
    }

    /// Commands and their answers.
    pub fn ask(&self, commands: impl AsRef<[u8]>) -> Outcome<String> {
        self.feed(commands)?;
        self.answers()
    }

    /// Another descriptor of the same open file.
    pub fn duplicate(&self) -> Outcome<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// `close()`, with what it returns.
    pub fn close(self) -> nix::Result<()> {
        unistd::close(self.0)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Device> for OwnedFd {
    fn from(device: Device) -> Self {
        device.0
    }
}

/// Commands in a file of their own: opens it, writes, reads the answers and closes it.
pub fn run(commands: impl AsRef<[u8]>) -> Outcome<String> {
    let device = Device::open()?;
    let answers = device.ask(commands)?;
    device.close().during("close()")?;
    Ok(answers)
}

/// The whole table, as a freshly opened file reads.
pub fn dump() -> Outcome<String> {
    let device = Device::open_as(OFlag::O_RDONLY).during("open()")?;
    device.answers()
}

/// Fails unless the table is exactly that.
pub fn table_is(wanted: &str) -> Outcome {
    same_text("the table", &dump()?, wanted)
}

/// Empties the table; what each test begins with.
pub fn flush() -> Outcome {
    equal("the answer to flush", run("flush\n")?, String::new())
}

/// What `stats` answers.
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
                .during(format!("the line '{line}' of stats"))?;
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

    /// The figures that change with the table alone: not those of what waits for a grace period.
    fn of_table(mut self) -> Self {
        // The last: next hops that went out of use take up room until a grace period has ended.
        let others = ["retired_", "reclaimed_", "next_hop_bytes"];
        self.0
            .retain(|name, _| !others.iter().any(|other| name.starts_with(other)));
        self
    }
}

/// Everything that shows whether the table was touched: its contents, its figures, its generation.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    dump: String,
    stats: Stats,
}

impl Snapshot {
    pub fn take() -> Outcome<Self> {
        Ok(Self {
            dump: dump()?,
            stats: Stats::now()?.of_table(),
        })
    }

    /// Fails if anything has changed since.
    pub fn still_holds(&self) -> Outcome {
        let now = Self::take()?;
        same_text("the table", &now.dump, &self.dump)?;
        equal("the stats", now.stats, self.stats.clone())
    }
}

/// `count`, or a tenth of it on a kernel that checks itself at every step and is as slow.
pub fn at_speed(count: u32) -> u32 {
    match Path::new("/proc/lockdep").exists() {
        true => count / 10,
        false => count,
    }
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> Outcome<bool>) -> Outcome {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > PATIENCE {
            return fail(format!("not within {PATIENCE:?}: {what}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
