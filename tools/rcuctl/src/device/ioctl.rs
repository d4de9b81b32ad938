// SPDX-License-Identifier: GPL-2.0

//! The ioctls of `/dev/rust_rcu_demo` as safe functions: slices replace pointers and counts.
//! The only `unsafe` code of this program.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

use crate::device::uapi::{Address, Commit, Dump, Info, Lookup, Operation, Route, Update};

/// The raw calls. The ioctl numbers encode the structures' sizes.
mod call {
    use crate::device::uapi::*;

    nix::ioctl_read!(info, IOC_MAGIC, IOC_INFO, Info);
    nix::ioctl_readwrite!(lookup, IOC_MAGIC, IOC_LOOKUP, Lookup);
    nix::ioctl_readwrite!(update, IOC_MAGIC, IOC_UPDATE, Update);
    nix::ioctl_readwrite!(commit, IOC_MAGIC, IOC_COMMIT, Commit);
    nix::ioctl_readwrite!(dump, IOC_MAGIC, IOC_DUMP, Dump);
}

/// The number of elements that an ioctl completed, and its return value.
#[derive(Debug, PartialEq, Eq)]
pub struct BatchResult {
    pub done: usize,
    pub result: nix::Result<()>,
}

/// A failed commit.
#[derive(Debug, PartialEq, Eq)]
pub struct CommitFailure {
    pub errno: Errno,
    /// The index of the operation that failed, if one did.
    pub failed: Option<usize>,
}

pub fn info(device: impl AsFd) -> nix::Result<Info> {
    let mut info = Info::default();
    // SAFETY: `info` is valid for writes during the call, and any bytes are a valid `Info`.
    unsafe { call::info(device.as_fd().as_raw_fd(), &mut info) }?;
    Ok(info)
}

/// Looks up addresses until one fails, and writes the route of each to `routes`.
pub fn lookup(device: impl AsFd, addresses: &[Address], routes: &mut [Route]) -> BatchResult {
    let mut call = Lookup {
        addresses: addresses.as_ptr() as u64,
        routes: routes.as_mut_ptr() as u64,
        count: count(addresses.len().min(routes.len())),
        ..Lookup::default()
    };
    // SAFETY: `call` is valid for reads and writes during the call. Both slices have at least
    // `count` elements and outlive the call. The kernel writes only to `routes`, borrowed mutably,
    // and any bytes are a valid `Route`.
    let result = unsafe { call::lookup(device.as_fd().as_raw_fd(), &mut call) };
    BatchResult {
        done: call.done as usize,
        result: result.map(drop),
    }
}

/// Applies operations until one fails, or appends them to the open transaction.
pub fn update(device: impl AsFd, operations: &[Operation]) -> BatchResult {
    let mut call = Update {
        operations: operations.as_ptr() as u64,
        count: count(operations.len()),
        ..Update::default()
    };
    // SAFETY: `call` is valid for reads and writes during the call. `operations` has at least
    // `count` elements and outlives the call; the kernel only reads it.
    let result = unsafe { call::update(device.as_fd().as_raw_fd(), &mut call) };
    BatchResult {
        done: call.done as usize,
        result: result.map(drop),
    }
}

/// Copies the next routes of the table, after those of the last call with `cursor`. Returns their
/// number.
pub fn dump(device: impl AsFd, cursor: &mut Dump, routes: &mut [Route]) -> nix::Result<usize> {
    cursor.routes = routes.as_mut_ptr() as u64;
    cursor.count = count(routes.len());
    // SAFETY: `cursor` is valid for reads and writes during the call. `routes` has `count`
    // elements, is borrowed mutably, and any bytes are a valid `Route`.
    unsafe { call::dump(device.as_fd().as_raw_fd(), cursor) }?;
    Ok((cursor.done as usize).min(routes.len()))
}

/// Commits the open transaction.
pub fn commit(device: impl AsFd) -> Result<(), CommitFailure> {
    let mut call = Commit::default();
    // SAFETY: `call` is valid for reads and writes during the call and contains no pointer.
    let result = unsafe { call::commit(device.as_fd().as_raw_fd(), &mut call) };
    result.map(drop).map_err(|errno| CommitFailure {
        errno,
        failed: (call.error != 0).then_some(call.failed as usize),
    })
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::uapi::*;
    use nix::{request_code_read, request_code_readwrite};
    use std::env;
    use std::io::Write;
    use std::mem::{offset_of, size_of};
    use std::process::{Command, Stdio};

    #[test]
    fn a_node_without_ioctls_returns_enotty() {
        let null = std::fs::File::open("/dev/null").expect("always there");
        assert_eq!(info(&null), Err(Errno::ENOTTY));
        let unsupported = BatchResult {
            done: 0,
            result: Err(Errno::ENOTTY),
        };
        assert_eq!(update(&null, &[Operation::default()]), unsupported);
        let mut routes = [Route::default()];
        let lookup = lookup(&null, &[Address::default()], &mut routes);
        assert_eq!(lookup, unsupported);
        let failed = None;
        let errno = Errno::ENOTTY;
        assert_eq!(commit(&null), Err(CommitFailure { errno, failed }));
    }

    macro_rules! layout {
        ($c:literal, $type:ident, $($field:ident as $name:literal),+) => {{
            let size = size_of::<$type>();
            let mut text = format!("_Static_assert(sizeof(struct {}) == {size}, \"\");\n", $c);
            $(
                let offset = offset_of!($type, $field);
                text += &format!("_Static_assert(offsetof(struct {}, {}) == {offset}, \"\");\n", $c, $name);
            )+
            text
        }};
    }

    fn layouts() -> String {
        [
            layout!("rust_rcu_demo_address", Address, family as "family", bytes as "bytes"),
            layout!("rust_rcu_demo_route", Route, dst as "dst", prefix_len as "prefix_len", kind as "type",
                metric as "metric", gateway as "gateway", dev as "dev"),
            layout!("rust_rcu_demo_info", Info, features as "features", max_lookups as "max_lookups",
                max_operations as "max_operations"),
            layout!("rust_rcu_demo_lookup", Lookup, addresses as "addresses", routes as "routes",
                count as "count", done as "done", flags as "flags"),
            layout!("rust_rcu_demo_operation", Operation, verb as "verb", flags as "flags", route as "route"),
            layout!("rust_rcu_demo_update", Update, operations as "operations", count as "count",
                flags as "flags", done as "done", failed as "failed", error as "error"),
            layout!("rust_rcu_demo_key", Key, dst as "dst", prefix_len as "prefix_len", flags as "flags",
                metric as "metric"),
            layout!("rust_rcu_demo_dump", Dump, routes as "routes", count as "count", done as "done",
                flags as "flags", more as "more", select as "select", after as "after",
                generation as "generation", latest as "latest"),
            layout!("rust_rcu_demo_commit", Commit, flags as "flags", failed as "failed", error as "error"),
        ]
        .concat()
    }

    fn numbers() -> String {
        let value = |name: &str, value: u64| {
            format!("_Static_assert(RUST_RCU_DEMO_{name} == {value}u, \"\");\n")
        };
        let size = size_of::<Lookup>();
        [
            value(
                "IOC_INFO",
                request_code_read!(IOC_MAGIC, IOC_INFO, size_of::<Info>()),
            ),
            value(
                "IOC_LOOKUP",
                request_code_readwrite!(IOC_MAGIC, IOC_LOOKUP, size),
            ),
            value(
                "IOC_UPDATE",
                request_code_readwrite!(IOC_MAGIC, IOC_UPDATE, size_of::<Update>()),
            ),
            value(
                "IOC_COMMIT",
                request_code_readwrite!(IOC_MAGIC, IOC_COMMIT, size_of::<Commit>()),
            ),
            value(
                "IOC_DUMP",
                request_code_readwrite!(IOC_MAGIC, IOC_DUMP, size_of::<Dump>()),
            ),
            value("FEATURE_DUMP", FEATURE_DUMP),
            value("FEATURE_LOOKUP", FEATURE_LOOKUP),
            value("FEATURE_UPDATE", FEATURE_UPDATE),
            value("TYPE_NONE", TYPE_NONE.into()),
            value("TYPE_UNICAST", TYPE_UNICAST.into()),
            value("TYPE_BLACKHOLE", TYPE_BLACKHOLE.into()),
            value("TYPE_UNREACHABLE", TYPE_UNREACHABLE.into()),
            value("TYPE_PROHIBIT", TYPE_PROHIBIT.into()),
            value("ADD", ADD.into()),
            value("CHANGE", CHANGE.into()),
            value("REPLACE", REPLACE.into()),
            value("DEL", DEL.into()),
            value("FLUSH", FLUSH.into()),
            value("DEL_METRIC", DEL_METRIC.into()),
            value("DEV_SIZE", DEV_SIZE as u64),
        ]
        .concat()
    }

    /// Whether static assertions about the header compile as C.
    fn holds_in_c(assertions: &str) -> bool {
        let folder = env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
        let header = format!("{folder}/../../include/uapi/rust_rcu_demo.h");
        let mut compiler = Command::new("cc")
            .args(["-fsyntax-only", "-x", "c", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a C compiler");
        let mut stdin = compiler.stdin.take().expect("piped");
        write!(
            stdin,
            "#include <stddef.h>\n#include \"{header}\"\n{assertions}"
        )
        .expect("the compiler reads");
        drop(stdin);
        compiler.wait().expect("the compiler exits").success()
    }

    #[test]
    fn layouts_and_numbers_equal_the_c_header() {
        assert!(holds_in_c(&layouts()));
        assert!(holds_in_c(&numbers()));
        assert!(!holds_in_c("_Static_assert(RUST_RCU_DEMO_ADD == 2, \"\");"));
    }
}
