// SPDX-License-Identifier: GPL-2.0

//! The affinity of a thread, as a setting: its name is `cpus of COMM PID`, its value a list of CPUs
//! such as `0-3,5`.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;

use crate::cpu_list;

const PREFIX: &str = "cpus of ";

/// The name of the setting for a thread.
pub fn name(comm: &str, pid: Pid) -> String {
    format!("{PREFIX}{comm} {pid}")
}

/// Whether a setting is the affinity of a thread.
pub fn is_setting(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The thread whose affinity a setting is; `None` for other settings.
///
/// Errors: the thread has ended, also if another thread with its PID exists.
pub fn thread(name: &str) -> Option<io::Result<Pid>> {
    let (comm, pid) = name.strip_prefix(PREFIX)?.rsplit_once(' ')?;
    let pid = Pid::from_raw(pid.parse().ok()?);
    let found = match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(found) => found,
        Err(error) => return Some(Err(error)),
    };
    Some(match found.trim_end() == comm {
        true => Ok(pid),
        false => Err(Errno::ESRCH.into()),
    })
}

pub fn read(pid: Pid) -> io::Result<String> {
    let set = sched_getaffinity(pid)?;
    let cpus = (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false));
    let cpus: Vec<_> = cpus.map(|cpu| cpu.to_string()).collect();
    Ok(cpus.join(","))
}

pub fn write(pid: Pid, list: &str) -> io::Result<()> {
    let cpus = cpu_list::parse(list).ok_or(Errno::EINVAL)?;
    Ok(sched_setaffinity(pid, &set(&cpus))?)
}

/// Returns a set of CPUs. Omits CPUs beyond the size of the set.
pub fn set(cpus: &[u32]) -> CpuSet {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        let _ = set.set(usize::try_from(cpu).unwrap_or(usize::MAX));
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpus_of_a_thread_are_read_and_written() {
        let thread = std::thread::Builder::new().name("moved here".to_string());
        let moved = thread.spawn(|| {
            let this = nix::unistd::gettid();
            let name = name("moved here", this);
            let pid = thread_of(&name);
            let before = read(pid).expect("a list");
            let first = before.split(',').next().expect("a CPU");
            write(pid, first).expect("allowed");
            assert_eq!(read(pid).expect("a list"), first);
            write(pid, &before).expect("allowed");
            assert_eq!(read(pid).expect("a list"), before);
            assert_eq!(
                write(pid, "").expect_err("no CPU").raw_os_error(),
                Some(Errno::EINVAL as i32)
            );
        });
        moved.expect("a thread").join().expect("no panic");
    }

    fn thread_of(name: &str) -> Pid {
        thread(name).expect("a thread's name").expect("the thread")
    }

    #[test]
    fn another_thread_with_the_same_pid_is_an_error() {
        let this = nix::unistd::gettid();
        let error = thread(&name("no such name", this)).expect("a thread's name");
        assert_eq!(
            error.expect_err("another").raw_os_error(),
            Some(Errno::ESRCH as i32)
        );
        assert!(thread("stutter").is_none());
    }
}
