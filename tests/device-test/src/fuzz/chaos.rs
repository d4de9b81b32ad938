// SPDX-License-Identifier: GPL-2.0

//! Several processes with several threads, which call shared files with arbitrary arguments. There
//! is no expected result: the kernel must not fail, nor return an unexpected errno.

use std::{
    fs::{self, File},
    io::{self, Read},
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
    os::unix::fs::FileExt,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    unistd::{self, Whence},
};

use super::{
    lines,
    random::{Choose, Random},
    raw::{self, Arena},
};
use crate::{
    device::Device,
    memory,
    tap::{fail, During, Outcome, Stop},
};

/// The option that starts one of the processes. The next arguments are seed and milliseconds.
pub const CHILD_FLAG: &str = "--fuzz-child";

const PROCESSES: usize = 3;
const THREADS: usize = 2;
/// The maximum number of open files of a thread.
const FILES: usize = 4;

/// The type of the device's ioctls, see `include/uapi/rust_rcu_demo.h`.
const MAGIC: u32 = 0xd2;

/// The direction (1: to the kernel, 2: from the kernel) and size of each ioctl, by number.
const REQUESTS: [(u32, u32); 13] = [
    (2, 32),
    (3, 48),
    (3, 32),
    (2, 104),
    (1, 8),
    (3, 16),
    (0, 0),
    (3, 24),
    (3, 96),
    (3, 32),
    (3, 40),
    (2, 40),
    (3, 32),
];

/// The number of the lookup ioctl, and the maximum number of its addresses here.
const LOOKUP: u32 = 1;
const MAX_LOOKUPS: usize = 256;

/// The number of the ioctl that looks up flows.
const FLOWS: u32 = 12;

/// The number of the ioctl that waits for a generation.
const WAIT: u32 = 7;

/// The number of the ioctl that copies the table.
const DUMP: u32 = 8;

const fn request(direction: u32, size: u32, number: u32) -> u32 {
    (direction << 30) | (size << 16) | (MAGIC << 8) | number
}

/// The errnos with which calls may fail.
const EXPECTED: [Errno; 16] = [
    Errno::EAGAIN,
    Errno::E2BIG,
    Errno::EBUSY,
    Errno::EEXIST,
    Errno::EFAULT,
    Errno::EINTR,
    Errno::EINVAL,
    Errno::ENETUNREACH,
    Errno::ENOBUFS,
    Errno::ENOENT,
    Errno::ENOMEM,
    Errno::ENOSPC,
    Errno::ENOTTY,
    Errno::ESPIPE,
    Errno::ESRCH,
    Errno::ETIMEDOUT,
];

const FAILSLAB: &str = "/sys/kernel/debug/failslab";

/// Runs the processes for `duration`. Returns the number of their calls.
pub fn run(random: &mut Random, duration: Duration) -> Outcome<u64> {
    set_up_failslab();
    let shared = Device::open()?;
    let mut children = Vec::new();
    for _ in 0..PROCESSES {
        children.push(start(&shared, random, duration)?);
    }
    // In every other round, one process is killed during a call.
    if random.one_in(2) {
        thread::sleep(duration / 2);
        kill(children.swap_remove(0))?;
    }
    let mut calls = 0;
    for child in children {
        calls += finish(child)?;
    }
    Ok(calls)
}

fn start(shared: &Device, random: &mut Random, duration: Duration) -> Outcome<Child> {
    let arguments = [random.word().to_string(), duration.as_millis().to_string()];
    let mut command = Command::new("/proc/self/exe");
    command.arg(CHILD_FLAG).args(arguments);
    command
        .stdin(OwnedFd::from(shared.duplicate()?))
        .stdout(Stdio::piped());
    command.spawn().during("starting a process")
}

fn kill(mut child: Child) -> Outcome {
    child.kill().during("kill()")?;
    child.wait().during("wait()").map(drop)
}

fn finish(mut child: Child) -> Outcome<u64> {
    let mut report = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut report)?;
    }
    let status = child.wait()?;
    match report.trim().parse() {
        Ok(calls) if status.success() => Ok(calls),
        _ => fail(format!("a process ended with {status}: {report}")),
    }
}

/// Runs one of the processes.
pub fn main(arguments: &[String]) -> ExitCode {
    let number = |at: usize| arguments.get(at).and_then(|word| word.parse::<u64>().ok());
    let (Some(seed), Some(milliseconds)) = (number(0), number(1)) else {
        return ExitCode::from(2);
    };
    let end = Instant::now() + Duration::from_millis(milliseconds);
    let mut random = Random::new(seed);
    let threads: Vec<_> = (0..THREADS)
        .map(|_| random.split())
        .map(|random| thread::spawn(move || Actor::new(random)?.call_until(end)))
        .collect();
    let mut calls = 0;
    for thread in threads {
        match thread.join() {
            Ok(Ok(count)) => calls += count,
            Ok(Err(Stop::Failed(why) | Stop::Skipped(why))) => {
                println!("{why}");
                return ExitCode::FAILURE;
            }
            Err(_) => return ExitCode::FAILURE,
        }
    }
    println!("{calls}");
    ExitCode::SUCCESS
}

/// Lets allocations that may sleep fail too.
fn set_up_failslab() {
    for (name, value) in [("ignore-gfp-wait", "N"), ("verbose", "0")] {
        // Without failslab in the kernel, no allocation fails.
        let _ = fs::write(format!("{FAILSLAB}/{name}"), value);
    }
}

/// A thread of a process.
struct Actor {
    random: Random,
    /// The file that all processes share, and then files of this thread.
    files: Vec<OwnedFd>,
    arena: Arena,
    /// The `fail-nth` file of this thread, if the kernel has failslab.
    fail_nth: Option<File>,
}

impl Actor {
    /// Must be called in the thread that will use it.
    fn new(random: Random) -> Outcome<Self> {
        let shared = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self {
            random,
            files: vec![shared],
            arena: Arena::new()?,
            fail_nth: File::options()
                .write(true)
                .open("/proc/thread-self/fail-nth")
                .ok(),
        })
    }

    fn call_until(&mut self, end: Instant) -> Outcome<u64> {
        let mut calls = 0;
        while Instant::now() < end {
            let failing = self.random.one_in(4).then(|| 1 + self.random.below(12));
            self.set_fail_nth(failing);
            let (call, result) = self.call();
            self.set_fail_nth(failing.map(|_| 0));
            match result {
                Err(errno) if !EXPECTED.contains(&errno) => {
                    return fail(format!("{call} failed with {errno}"));
                }
                _ => calls += 1,
            }
        }
        Ok(calls)
    }

    fn set_fail_nth(&self, nth: Option<usize>) {
        if let (Some(file), Some(nth)) = (&self.fail_nth, nth) {
            // If this write fails, no allocation fails. The fuzzer does not depend on a failure.
            let _ = file.write_at(nth.to_string().as_bytes(), 0);
        }
    }

    /// Makes a random call. Returns its name and result.
    fn call(&mut self) -> (&'static str, nix::Result<usize>) {
        let at = self.random.below(self.files.len());
        match self.random.below(32) {
            0..=11 => ("write()", self.write(at)),
            12..=13 => (
                "write() from a random address",
                self.write_from_random_address(at),
            ),
            14..=16 => ("read()", self.read(at)),
            17..=18 => ("read() of the whole table", self.read_table()),
            19..=20 => ("lookup ioctl()", self.look_up(at)),
            21 => ("flows ioctl()", self.look_up_flows(at)),
            22..=26 => ("ioctl()", self.ioctl(at)),
            27 => ("dump ioctl()", self.dump(at)),
            28 => ("poll()", raw::poll(&self.files[at]).map(|_| 0)),
            29 => ("lseek()", self.seek(at)),
            30 => ("wait ioctl()", self.wait(at)),
            _ => ("open()", self.reopen(at)),
        }
    }

    fn write(&mut self, at: usize) -> nix::Result<usize> {
        let text = lines::mutated(&mut self.random);
        let len = match self.random.one_in(2) {
            true => text.len(),
            false => self.random.below(text.len() + 1),
        };
        unistd::write(&self.files[at], &text[..len])
    }

    fn write_from_random_address(&mut self, at: usize) -> nix::Result<usize> {
        let text = lines::mutated(&mut self.random);
        self.arena.put(&mut self.random, &text);
        let address = self.arena.address(&mut self.random);
        memory::write_from(&self.files[at], address, self.random.below(8192))
    }

    fn read(&mut self, at: usize) -> nix::Result<usize> {
        let address = self.arena.address(&mut self.random);
        raw::read(&self.files[at], address, self.random.below(8192))
    }

    /// Reads the whole table, which has the longest read-side critical sections.
    fn read_table(&mut self) -> nix::Result<usize> {
        let device = Device::open_as(OFlag::O_RDONLY)?;
        let mut buffer = vec![0; 1 << 16];
        device.read(&mut buffer)
    }

    /// Returns the bytes of a valid address.
    fn address(&mut self) -> [u8; 20] {
        let (family, octets) = match lines::address(&mut self.random) {
            IpAddr::V4(v4) => (2, v4.octets().to_vec()),
            IpAddr::V6(v6) => (10, v6.octets().to_vec()),
        };
        let mut address = [0; 20];
        address[0] = family;
        address[4..4 + octets.len()].copy_from_slice(&octets);
        address
    }

    /// Looks up many valid flows in one ioctl.
    fn look_up_flows(&mut self, at: usize) -> nix::Result<usize> {
        let count = 1 + self.random.below(MAX_LOOKUPS);
        let mut flows = Vec::new();
        for _ in 0..count {
            flows.extend(self.address());
            flows.extend((self.random.word() as u32).to_ne_bytes());
        }
        let flows = self.arena.put(&mut self.random, &flows);
        let routes = self.arena.put(&mut self.random, &vec![0; count * 64]);
        let structure = [flows as u64, routes as u64, count as u64, 0].map(u64::to_ne_bytes);
        let argument = self.arena.put(&mut self.random, &structure.concat());
        raw::ioctl(&self.files[at], request(3, 32, FLOWS), argument)
    }

    /// Looks up many valid addresses in one ioctl.
    fn look_up(&mut self, at: usize) -> nix::Result<usize> {
        let count = 1 + self.random.below(MAX_LOOKUPS);
        let mut addresses = Vec::new();
        for _ in 0..count {
            addresses.extend(self.address());
        }
        let addresses = self.arena.put(&mut self.random, &addresses);
        let routes = self.arena.put(&mut self.random, &vec![0; count * 64]);
        let mut structure = Vec::new();
        let has_numbers = u64::from(self.random.one_in(2));
        for field in [
            addresses as u64,
            routes as u64,
            count as u64,
            has_numbers,
            0,
            0,
        ] {
            structure.extend(field.to_ne_bytes());
        }
        let argument = self.arena.put(&mut self.random, &structure);
        raw::ioctl(&self.files[at], request(3, 48, LOOKUP), argument)
    }

    /// Copies the whole table, a random number of routes in each call.
    fn dump(&mut self, at: usize) -> nix::Result<usize> {
        let routes = self.arena.put(&mut self.random, &[0; 64 * 64]) as u64;
        let count = 1 + self.random.below(64) as u64;
        let structure = [&[routes, count, 1 << 32][..], &[0; 9]].concat();
        let structure: Vec<u8> = structure
            .iter()
            .flat_map(|word: &u64| word.to_ne_bytes())
            .collect();
        let argument = self.arena.put(&mut self.random, &structure);
        // Another thread may add routes endlessly.
        for _ in 0..16 {
            raw::ioctl(&self.files[at], request(3, 96, DUMP), argument)?;
            // The flags, and whether routes follow.
            if self.arena.word(argument + 16) >> 32 == 0 {
                break;
            }
        }
        Ok(0)
    }

    /// Waits until the generation differs: first from a random one, then from the table's.
    fn wait(&mut self, at: usize) -> nix::Result<usize> {
        let mut generation = self.random.word();
        for _ in 0..2 {
            let timeout_and_flags = (1 << 32) | self.random.below(4) as u64;
            let structure = [generation, timeout_and_flags, 0]
                .map(u64::to_ne_bytes)
                .concat();
            let argument = self.arena.put(&mut self.random, &structure);
            raw::ioctl(&self.files[at], request(3, 24, WAIT), argument)?;
            generation = self.arena.word(argument);
        }
        Ok(0)
    }

    /// Calls an ioctl, sometimes with another number, direction or size.
    fn ioctl(&mut self, at: usize) -> nix::Result<usize> {
        let mut number = self.random.below(REQUESTS.len()) as u32;
        if number == WAIT {
            // Without a timeout the wait could be endless; `wait()` passes one.
            number = DUMP;
        }
        let (mut direction, mut size) = REQUESTS[number as usize];
        match self.random.below(16) {
            0 => {
                number = self
                    .random
                    .choose(&[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 255])
            }
            1 => direction = self.random.below(4) as u32,
            2 => size = self.random.below(128) as u32,
            3 => size += 8 * self.random.below(16) as u32,
            _ => (),
        }
        let request = request(direction, size, number);
        let argument = self.argument(size as usize + 8);
        raw::ioctl(&self.files[at], request, argument)
    }

    /// Returns the address of a structure of random pointers, counts, flags and zeros.
    fn argument(&mut self, len: usize) -> usize {
        if self.random.one_in(8) {
            return self.arena.address(&mut self.random);
        }
        let array = self.elements();
        let array = self.arena.put(&mut self.random, &array);
        let mut structure = Vec::new();
        while structure.len() < len {
            match self.random.below(8) {
                0..=1 => structure.extend(array.to_ne_bytes()),
                2 => structure.extend(self.arena.address(&mut self.random).to_ne_bytes()),
                3..=4 => structure.extend((self.random.below(100) as u64).to_ne_bytes()),
                5 => structure.extend(self.random.word().to_ne_bytes()),
                _ => structure.extend([0; 8]),
            }
        }
        structure.truncate(len);
        self.arena.put(&mut self.random, &structure)
    }

    /// Returns the bytes of operations, some of them invalid. An ioctl may also read them as
    /// addresses.
    fn elements(&mut self) -> Vec<u8> {
        let mut elements = Vec::new();
        for _ in 0..=self.random.below(64) {
            let verb = 1 + self.random.below(5) as u32;
            let address = self
                .random
                .choose(&[[10, 0, 0, 0], [10, 1, 0, 0], [128, 0, 0, 0]]);
            let mut element = [0; 72];
            element[0] = verb as u8;
            element[8] = self.random.choose(&[2, 2, 10, 0]);
            element[12..16].copy_from_slice(&address);
            element[28] = self.random.choose(&[8, 16, 24, 32]);
            element[29] = self.random.choose(&[6, 7, 8, 0]);
            if self.random.one_in(8) {
                element[self.random.below(72)] = self.random.word() as u8;
            }
            // A flush is invalid if another field is set.
            if verb == 5 {
                element[9..].fill(0);
            }
            elements.extend(element);
        }
        elements
    }

    fn seek(&mut self, at: usize) -> nix::Result<usize> {
        unistd::lseek(&self.files[at], self.random.word() as i64, Whence::SeekSet).map(|_| 0)
    }

    /// Opens a file, which may monitor the table. A monitor is nonblocking: if no further change
    /// comes, its reads would wait for ever.
    fn open(&mut self) -> nix::Result<OwnedFd> {
        if self.random.one_in(2) {
            return Device::open_as(OFlag::O_RDWR).map(OwnedFd::from);
        }
        let device = Device::open_as(OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
        let command = self
            .random
            .choose(&["monitor\n", "monitor generation\n", "monitor\nmon"]);
        device.write(command)?;
        Ok(device.into())
    }

    /// Opens another file. Closes one first if the limit is reached, but not the shared one.
    fn reopen(&mut self, at: usize) -> nix::Result<usize> {
        if self.files.len() == FILES && at > 0 {
            // `close()` may fail, if a line or a transaction is unfinished.
            drop(self.files.swap_remove(at));
        }
        if self.files.len() < FILES {
            let file = self.open()?;
            self.files.push(file);
        }
        Ok(0)
    }
}
