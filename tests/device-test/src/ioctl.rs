// SPDX-License-Identifier: GPL-2.0

//! The ioctls and other raw calls of the tests of this program.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::mman::{self, MapFlags, ProtFlags},
};

/// `RUST_RCU_DEMO_WAIT_TIMEOUT`.
const WAIT_TIMEOUT: u32 = 1;

/// `struct rust_rcu_demo_wait`.
#[derive(Default)]
#[repr(C)]
pub struct Wait {
    pub generation: u64,
    pub timeout_ms: u32,
    pub flags: u32,
    pub reserved: u64,
}

nix::ioctl_readwrite!(raw_wait, 0xd2, 7, Wait);

/// Calls `RUST_RCU_DEMO_IOC_WAIT`.
pub fn wait(fd: impl AsFd, args: &mut Wait) -> nix::Result<()> {
    // SAFETY: The argument is the structure of this ioctl.
    unsafe { raw_wait(fd.as_fd().as_raw_fd(), args) }.map(drop)
}

/// Waits for another generation than `known`, without limit or for `timeout_ms`. Returns it.
pub fn wait_generation(fd: impl AsFd, known: u64, timeout_ms: Option<u32>) -> nix::Result<u64> {
    let mut args = Wait {
        generation: known,
        timeout_ms: timeout_ms.unwrap_or(0),
        flags: timeout_ms.map_or(0, |_| WAIT_TIMEOUT),
        reserved: 0,
    };
    wait(fd, &mut args)?;
    Ok(args.generation)
}

/// Calls an ioctl with an address at which the program has no memory.
pub fn with_address(fd: impl AsFd, request: u32, address: usize) -> nix::Result<()> {
    // SAFETY: The program has no memory at the addresses that the tests pass.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request.into(), address) };
    Errno::result(result).map(drop)
}

/// Tries to map the device.
pub fn map(fd: impl AsFd) -> nix::Result<()> {
    let len = NonZeroUsize::MIN.saturating_add(4095);
    let (access, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_SHARED);
    // SAFETY: This is a new mapping at an address that the kernel chooses; nothing accesses it.
    unsafe { mman::mmap(None, len, access, flags, fd, 0) }.map(drop)
}

/// Moves bytes between a pipe and a file.
pub fn splice(from: impl AsFd, to: impl AsFd) -> nix::Result<()> {
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    let none = std::ptr::null_mut();
    // SAFETY: Null stands for no offset.
    let result = unsafe { libc::splice(from, none, to, none, 6, 0) };
    Errno::result(result).map(drop)
}

/// Memory for an ioctl's structure, and bytes behind it that the kernel must not change.
pub struct Canary(Box<[u8]>);

impl Canary {
    const SIZE: usize = 1 << 15;
    const BEHIND: u8 = 0xa5;

    pub fn new() -> nix::Result<Self> {
        Ok(Self(vec![0; Self::SIZE].into()))
    }

    /// Calls an ioctl with a structure of equal bytes. Returns its result, and whether the bytes
    /// before and behind the structure are unchanged.
    pub fn call(
        &mut self,
        fd: impl AsFd,
        request: u32,
        size: usize,
        align: usize,
        fill: u8,
    ) -> (nix::Result<()>, bool) {
        self.0.fill(Self::BEHIND);
        let range = 64 + align..64 + align + size;
        self.0[range.clone()].fill(fill);
        let address = self.0[range.start..].as_mut_ptr();
        // SAFETY: The kernel accesses only the structure, which this value owns. All pointers in it
        // are null or have all bits set, so the kernel follows none.
        let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request.into(), address) };
        let is_behind = |byte: &u8| *byte == Self::BEHIND;
        let is_intact = self.0[..range.start].iter().all(is_behind)
            && self.0[range.end..].iter().all(is_behind);
        (Errno::result(result).map(drop), is_intact)
    }
}

/// `struct rust_rcu_demo_address`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct Address {
    family: u8,
    reserved: [u8; 3],
    bytes: [u8; 16],
}

impl Address {
    /// Returns an IPv4 address.
    pub fn inet(octets: [u8; 4]) -> Self {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&octets);
        Self {
            family: libc::AF_INET as u8,
            reserved: [0; 3],
            bytes,
        }
    }

    /// Returns the last three octets of an IPv4 address.
    pub fn low_bits(&self) -> u64 {
        let [_, a, b, c, ..] = self.bytes;
        u32::from_be_bytes([0, a, b, c]).into()
    }
}

/// `struct rust_rcu_demo_route`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Route {
    pub dst: Address,
    pub prefix_len: u8,
    pub kind: u8,
    pub reserved: u16,
    pub metric: u32,
    pub gateway: Address,
    pub dev: [u8; 16],
}

impl Route {
    /// Returns the key by which a dump is sorted.
    pub fn key(&self) -> (Address, u8, u32) {
        (self.dst, self.prefix_len, self.metric)
    }
}

/// `struct rust_rcu_demo_key`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Key {
    pub dst: Address,
    pub prefix_len: u8,
    pub flags: u8,
    pub reserved: u16,
    pub metric: u32,
}

impl Key {
    /// Returns the key of the route with the lowest metric of a prefix.
    pub fn new(dst: Address, prefix_len: u8) -> Self {
        Self {
            dst,
            prefix_len,
            ..Self::default()
        }
    }
}

/// `struct rust_rcu_demo_dump`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Dump {
    pub routes: u64,
    pub count: u32,
    pub done: u32,
    pub flags: u32,
    pub more: u32,
    pub select: Key,
    pub after: Key,
    pub generation: u64,
    pub latest: u64,
}

/// `struct rust_rcu_demo_get`, `struct rust_rcu_demo_lookup` and `struct rust_rcu_demo_answers`
/// have these fields in common.
#[derive(Default)]
#[repr(C)]
struct Arrays {
    from: u64,
    to: u64,
    count: u32,
    done: u32,
    flags: u32,
    reserved: u32,
}

/// `struct rust_rcu_demo_lookup`.
#[derive(Default)]
#[repr(C)]
struct Lookup {
    arrays: Arrays,
    generation: u64,
    numbering: u64,
}

/// `struct rust_rcu_demo_answers`.
#[derive(Default)]
#[repr(C)]
struct Answers {
    arrays: Arrays,
    numbering: u64,
}

/// `RUST_RCU_DEMO_LOOKUP_NUMBERS`.
const LOOKUP_NUMBERS: u32 = 1;

nix::ioctl_readwrite!(raw_lookup, 0xd2, 1, Lookup);
nix::ioctl_readwrite!(raw_dump, 0xd2, 8, Dump);
nix::ioctl_readwrite!(raw_get, 0xd2, 9, Arrays);
nix::ioctl_readwrite!(raw_flows, 0xd2, 12, Arrays);
nix::ioctl_readwrite!(raw_answers, 0xd2, 10, Answers);

/// Calls `RUST_RCU_DEMO_IOC_DUMP`. The structure says how many routes were written.
pub fn dump(fd: impl AsFd, args: &mut Dump, routes: &mut [Route]) -> nix::Result<()> {
    args.routes = routes.as_mut_ptr() as u64;
    args.count = routes.len() as u32;
    // SAFETY: The argument is the structure of this ioctl. Its array has `count` elements, which
    // the kernel may write, and any bytes are a valid element.
    unsafe { raw_dump(fd.as_fd().as_raw_fd(), args) }.map(drop)
}

/// Returns the arguments that pass two arrays.
fn arrays<T, U>(from: &[T], to: &mut [U]) -> Arrays {
    Arrays {
        from: from.as_ptr() as u64,
        to: to.as_mut_ptr() as u64,
        count: from.len().min(to.len()) as u32,
        ..Arrays::default()
    }
}

/// Calls `RUST_RCU_DEMO_IOC_GET`. Returns the number of keys that were answered.
pub fn get(fd: impl AsFd, keys: &[Key], routes: &mut [Route]) -> nix::Result<usize> {
    let mut args = arrays(keys, routes);
    // SAFETY: The arguments are the structure of this ioctl. Its arrays have `count` elements, and
    // any bytes are a valid element of the array that the kernel writes.
    unsafe { raw_get(fd.as_fd().as_raw_fd(), &mut args) }?;
    Ok(args.done as usize)
}

/// The result of a lookup of numbers.
pub struct Numbers {
    /// The numbers of the first addresses.
    pub numbers: Vec<u32>,
    pub numbering: u64,
}

/// Calls `RUST_RCU_DEMO_IOC_LOOKUP` with `RUST_RCU_DEMO_LOOKUP_NUMBERS`.
pub fn numbers(fd: impl AsFd, addresses: &[Address]) -> nix::Result<Numbers> {
    let mut numbers = vec![0_u32; addresses.len()];
    let mut args = Lookup {
        arrays: arrays(addresses, &mut numbers),
        ..Lookup::default()
    };
    args.arrays.flags = LOOKUP_NUMBERS;
    // SAFETY: The arguments are the structure of this ioctl. Its arrays have `count` elements, and
    // any bytes are a valid element of the array that the kernel writes.
    unsafe { raw_lookup(fd.as_fd().as_raw_fd(), &mut args) }?;
    numbers.truncate(args.arrays.done as usize);
    Ok(Numbers {
        numbers,
        numbering: args.numbering,
    })
}

/// Calls `RUST_RCU_DEMO_IOC_ANSWERS`. Returns the answers and the numbering.
pub fn answers(fd: impl AsFd, numbers: &[u32]) -> nix::Result<(Vec<Route>, u64)> {
    let mut routes = vec![Route::default(); numbers.len()];
    let mut args = Answers {
        arrays: arrays(numbers, &mut routes),
        ..Answers::default()
    };
    // SAFETY: The arguments are the structure of this ioctl. Its arrays have `count` elements, and
    // any bytes are a valid element of the array that the kernel writes.
    unsafe { raw_answers(fd.as_fd().as_raw_fd(), &mut args) }?;
    Ok((routes, args.numbering))
}

/// An ioctl that the caller can call in any thread.
pub type Call = Box<dyn FnOnce(&crate::device::Device) -> nix::Result<()> + Send>;

/// Returns a call of each ioctl with an array, whose array is at an address that the program does
/// not use.
pub fn calls_with_array(address: u64) -> Vec<Call> {
    let arrays = move || Arrays {
        from: address,
        to: address,
        count: 1,
        ..Arrays::default()
    };
    vec![
        // SAFETY: The program does not use the memory of the arrays.
        Box::new(move |device| unsafe {
            let mut args = Lookup {
                arrays: arrays(),
                ..Lookup::default()
            };
            raw_lookup(device.as_fd().as_raw_fd(), &mut args).map(drop)
        }),
        // SAFETY: The program does not use the memory of the array.
        Box::new(move |device| unsafe {
            let mut args = Dump {
                routes: address,
                count: 1,
                ..Dump::default()
            };
            raw_dump(device.as_fd().as_raw_fd(), &mut args).map(drop)
        }),
        // SAFETY: The program does not use the memory of the array.
        Box::new(move |device| unsafe {
            raw_get(device.as_fd().as_raw_fd(), &mut arrays()).map(drop)
        }),
        // SAFETY: The program does not use the memory of the array.
        Box::new(move |device| unsafe {
            let mut args = Answers {
                arrays: arrays(),
                ..Answers::default()
            };
            raw_answers(device.as_fd().as_raw_fd(), &mut args).map(drop)
        }),
        // SAFETY: The program does not use the memory of the array.
        Box::new(move |device| unsafe {
            raw_flows(device.as_fd().as_raw_fd(), &mut arrays()).map(drop)
        }),
        // SAFETY: The structure itself is at the address, whose memory the program does not use.
        Box::new(move |device| unsafe {
            let request = nix::request_code_readwrite!(0xd2, 2, 32);
            let fd = device.as_fd().as_raw_fd();
            Errno::result(libc::ioctl(fd, request as _, address)).map(drop)
        }),
    ]
}

/// Memory below 4 GiB, for calls of a 32-bit process.
///
/// # Invariants
///
/// `start` is the address of a mapped page that this value owns, and there is no reference to it.
pub struct Compat {
    start: std::ptr::NonNull<libc::c_void>,
}

impl Compat {
    const SIZE: usize = 4096;

    /// Errors: `ENOSYS` if the kernel has no 32-bit callers.
    pub fn new() -> nix::Result<Self> {
        if cfg!(not(target_arch = "x86_64")) || is_user_mode_linux() {
            return Err(Errno::ENOSYS);
        }
        let len = NonZeroUsize::MIN.saturating_add(Self::SIZE - 1);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_PRIVATE | low_memory();
        // SAFETY: This is a new private mapping at an address that the kernel chooses.
        let start = unsafe { mman::mmap_anonymous(None, len, access, flags) }?;
        // INVARIANT: The page was just mapped, and only `drop()` unmaps it.
        Ok(Self { start })
    }

    /// Fills the structure of an ioctl with equal bytes.
    fn fill(&mut self, fill: u8) {
        // SAFETY: By the type invariant the page is writable, and there is no reference to it.
        unsafe { self.start.cast::<u8>().write_bytes(fill, Self::SIZE) };
    }

    /// Calls an ioctl as a 64-bit process.
    pub fn native(&mut self, fd: impl AsFd, request: u32, fill: u8) -> nix::Result<()> {
        self.fill(fill);
        let fd = fd.as_fd().as_raw_fd();
        // SAFETY: The structure is in the page of this value. The pointers in it are null or bad,
        // so the kernel follows none.
        let result = unsafe { libc::ioctl(fd, request.into(), self.start.as_ptr()) };
        Errno::result(result).map(drop)
    }

    /// Calls an ioctl as a 32-bit process.
    #[cfg(target_arch = "x86_64")]
    pub fn compat(&mut self, fd: impl AsFd, request: u32, fill: u8) -> nix::Result<()> {
        /// The number of `ioctl` for 32-bit callers.
        const IOCTL: u64 = 54;
        self.fill(fill);
        let mut result = IOCTL;
        // SAFETY: As in `native()`. The instruction changes no other register than these.
        unsafe {
            std::arch::asm!(
                "xchg rbx, {fd}",
                "int 0x80",
                "xchg rbx, {fd}",
                fd = inout(reg) fd.as_fd().as_raw_fd() as u64 => _,
                inout("rax") result,
                in("rcx") u64::from(request),
                in("rdx") self.start.as_ptr() as u64,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        match result as i32 {
            errno @ ..0 => Err(Errno::from_raw(-errno)),
            _ => Ok(()),
        }
    }

    /// Calls an ioctl as a 32-bit process.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn compat(&mut self, _fd: impl AsFd, _request: u32, _fill: u8) -> nix::Result<()> {
        Err(Errno::ENOSYS)
    }
}

impl Drop for Compat {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the page, and nothing borrows it.
        let unmapped = unsafe { mman::munmap(self.start, Self::SIZE) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(target_arch = "x86_64")]
fn low_memory() -> MapFlags {
    MapFlags::MAP_32BIT
}

#[cfg(not(target_arch = "x86_64"))]
fn low_memory() -> MapFlags {
    MapFlags::empty()
}

fn is_user_mode_linux() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|cpus| cpus.contains("User Mode Linux"))
}
