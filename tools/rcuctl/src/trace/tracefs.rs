// SPDX-License-Identifier: GPL-2.0

//! A tracing instance of this process in tracefs. It does not affect other users of tracing.
//!
//! An instance has buffers, events and a clock of its own (`Documentation/trace/ftrace.rst`).

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use nix::errno::Errno;
use nix::libc::O_NONBLOCK;
use thiserror::Error;

use crate::error::describe;

/// The usual mount point, and the older one below debugfs.
const MOUNT_POINTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The prefix of the instances' names. The PID and the start time of their process follow, and for a
/// second instance its purpose, with `-` between them.
const PREFIX: &str = "rust_rcu_demo-";

/// An event that a kernel has only with `CONFIG_RCU_TRACE`.
const NEEDS_RCU_TRACE: &str = "rcu_grace_period";

/// The reason why RCU cannot be traced.
#[derive(Debug, Error)]
pub enum TraceError {
    #[error(
        "this kernel has no tracefs: it was built without CONFIG_FTRACE. Boot a kernel with \
         CONFIG_FTRACE=y and CONFIG_RCU_TRACE=y, for example: make vm CONFIG=debug"
    )]
    NoTracefs,

    #[error("tracefs is not mounted at {0}. Mount it: sudo mount -t tracefs tracefs {0}")]
    NotMounted(&'static str),

    #[error("no permission to trace in {}: run rcuctl as root, for example with sudo", .0.display())]
    NotRoot(PathBuf),

    #[error(
        "this kernel was built without CONFIG_RCU_TRACE, so it has no events of grace periods; it \
         has only {0}. `rcuctl trace` without --svg and --html shows calls of RCU's functions, and \
         with --verbose these events. A kernel with all events: make vm CONFIG=debug"
    )]
    NoRcuTrace(String),

    #[error("{what} {}: {}", path.display(), describe(source))]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    #[error(
        "no grace period ended within {0} s; `dmesg | rcuctl decode` explains a stall, and \
         --seconds waits longer"
    )]
    NoGracePeriod(u64),

    #[error("{0} has no events of RCU: expected lines of trace_pipe")]
    NoEvents(String),
}

impl TraceError {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoTracefs | Self::NotMounted(_) => Some(Errno::ENOENT),
            Self::NotRoot(_) => Some(Errno::EACCES),
            Self::Io { source, .. } => source.raw_os_error().map(Errno::from_raw),
            Self::NoGracePeriod(_) => Some(Errno::ETIMEDOUT),
            Self::NoRcuTrace(_) | Self::NoEvents(_) => None,
        }
    }

    fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            ErrorKind::PermissionDenied => Self::NotRoot(path),
            _ => Self::Io { what, path, source },
        }
    }
}

/// Returns the folder of tracefs.
///
/// Errors: tracefs is absent, not mounted, or not accessible.
pub fn find() -> Result<PathBuf, TraceError> {
    for point in MOUNT_POINTS {
        let path = Path::new(point);
        match fs::read_dir(path.join("instances")) {
            Ok(_) => return Ok(path.to_path_buf()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(TraceError::NotRoot(path.to_path_buf()))
            }
            Err(_) => {}
        }
    }
    // The kernel makes the mount point with tracefs.
    match Path::new(MOUNT_POINTS[0]).exists() {
        true => Err(TraceError::NotMounted(MOUNT_POINTS[0])),
        false => Err(TraceError::NoTracefs),
    }
}

/// An instance. Dropping it removes it.
pub struct Instance {
    path: PathBuf,
    pipe: Option<File>,
}

impl Instance {
    /// Creates an instance without events. `suffix` distinguishes instances of one process.
    pub fn create(tracefs: &Path, suffix: &str) -> Result<Self, TraceError> {
        let pid = process::id();
        let started = start_time(pid).unwrap_or(0);
        let path = tracefs.join(format!("instances/{PREFIX}{pid}-{started}{suffix}"));
        fs::create_dir(&path).map_err(|error| TraceError::io("creating", &path, error))?;
        let instance = Self { path, pipe: None };
        // The default clock of a CPU may differ from that of another one.
        instance.set("trace_clock", "mono")?;
        Ok(instance)
    }

    /// Opens the recorded events as text. A read without events fails with `EAGAIN`. The caller
    /// must set the tracer first: the kernel refuses to change it while the pipe is open.
    pub fn open_pipe(&mut self) -> Result<&mut File, TraceError> {
        let path = self.path.join("trace_pipe");
        let pipe = File::options()
            .read(true)
            .custom_flags(O_NONBLOCK)
            .open(&path);
        let pipe = pipe.map_err(|error| TraceError::io("opening", &path, error))?;
        Ok(self.pipe.insert(pipe))
    }

    /// Returns the RCU events of this kernel.
    pub fn events(&self) -> Vec<String> {
        let names = fs::read_dir(self.path.join("events/rcu"))
            .into_iter()
            .flatten();
        let mut names: Vec<_> = names
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("rcu_"))
            .collect();
        names.sort();
        names
    }

    /// Records each given event that the kernel has.
    ///
    /// Errors: `NoRcuTrace` after the start, if the kernel lacks the events of grace periods.
    pub fn enable(&self, events: &[&str]) -> Result<(), TraceError> {
        let present = self.events();
        for name in &present {
            if events.contains(&name.as_str()) {
                self.set(&format!("events/rcu/{name}/enable"), "1")?;
            }
        }
        match present.iter().any(|name| name == NEEDS_RCU_TRACE) {
            true => Ok(()),
            false => Err(TraceError::NoRcuTrace(present.join(" and "))),
        }
    }

    /// Records the calls of each given function that the kernel can trace: none without
    /// `CONFIG_FUNCTION_TRACER`.
    pub fn trace_functions(&self, names: &[&str]) {
        // The compiler may have inlined a function, and the kernel then refuses its name.
        let can_trace = |name: &&&str| self.set("set_ftrace_filter", name).is_ok();
        let first = names.iter().position(|name| can_trace(&name));
        let Some(first) = first else {
            return;
        };
        for name in &names[first + 1..] {
            let _ = self.append("set_ftrace_filter", name);
        }
        let _ = self.set("current_tracer", "function");
    }

    /// Waits for a grace period: the kernel does so before it clears the buffers of an instance.
    pub fn synchronize(&self) -> Result<(), TraceError> {
        self.set("trace", "")
    }

    fn append(&self, name: &str, value: &str) -> io::Result<()> {
        let mut file = File::options().append(true).open(self.path.join(name))?;
        file.write_all(value.as_bytes())
    }

    fn set(&self, name: &str, value: &str) -> Result<(), TraceError> {
        let path = self.path.join(name);
        fs::write(&path, value).map_err(|error| TraceError::io("writing", &path, error))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The kernel keeps an instance while a file of it is open.
        self.pipe = None;
        if let Err(error) = fs::remove_dir(&self.path) {
            let path = self.path.display();
            eprintln!("rcuctl: removing {path}: {}", describe(&error));
        }
    }
}

/// Removes the instances of killed processes. Ignores errors, because another process may remove
/// them at the same time.
pub fn remove_stale(tracefs: &Path) {
    for entry in fs::read_dir(tracefs.join("instances"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let Some((pid, started)) = name.to_str().and_then(owner) else {
            continue;
        };
        // Another process may have got the PID of a killed one.
        if start_time(pid) != Some(started) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Returns the PID and the start time in the name of an instance.
fn owner(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Returns the time at which a process began, in ticks since boot, if it runs.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may contain anything. The time is field 22.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_instances_of_ended_processes_are_stale() {
        let folder = tempfile::tempdir().expect("a writable temporary folder");
        let instances = folder.path().join("instances");
        let pid = process::id();
        let own = format!(
            "{pid}-{}-request",
            start_time(pid).expect("this process runs")
        );
        for name in [&own, &format!("{pid}-7"), "4194999-7-request", "x"] {
            fs::create_dir_all(instances.join(format!("{PREFIX}{name}"))).expect("a folder");
        }
        fs::create_dir(instances.join("other")).expect("a folder");
        remove_stale(folder.path());
        let mut left: Vec<_> = fs::read_dir(&instances)
            .expect("a folder")
            .map(|entry| entry.expect("readable").file_name())
            .map(|name| name.into_string().expect("an ASCII name"))
            .collect();
        left.sort();
        // This process began at another time than 7 ticks after boot.
        let own = format!("{PREFIX}{own}");
        assert_eq!(left, ["other", &own, "rust_rcu_demo-x"]);
    }

    #[test]
    fn each_error_names_a_command() {
        for (error, command) in [
            (TraceError::NoTracefs, "make vm"),
            (TraceError::NotMounted("/t"), "mount -t tracefs"),
            (TraceError::NotRoot("/t".into()), "sudo"),
            (TraceError::NoRcuTrace("rcu_utilization".into()), "make vm"),
            (TraceError::NoGracePeriod(9), "rcuctl decode"),
        ] {
            assert!(error.to_string().contains(command), "{error}");
        }
    }
}
