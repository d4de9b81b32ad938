// SPDX-License-Identifier: GPL-2.0

//! Which CPU suffers, and who must be on another one: who is to see a stall must not be its victim. That is this
//! program, and RCU's own thread: without it the kernel has nothing to tell but that it does not run.

use std::fs;

use nix::errno::Errno;
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;

use super::trouble::Trouble;
use crate::error::{Error, Result};
use crate::parameters::{self, Parameters};

/// CPUs that are online, as a list of numbers and ranges.
const ONLINE: &str = "/sys/devices/system/cpu/online";

/// The module's parameter for the CPU.
pub const STALL_CPU: &str = "stall_cpu";

/// The CPU that will suffer, and the others.
#[derive(Debug, PartialEq, Eq)]
pub struct Cpus {
    pub suffering: u32,
    pub others: Vec<u32>,
}

/// The CPU that is wanted, or else that of the module's parameter, or else the last.
pub fn choose(parameters: &impl Parameters, wanted: Option<u32>) -> Result<Cpus> {
    let list = parameters.read(ONLINE)?;
    let online =
        parse(&list).ok_or_else(|| parameters::Trouble::Report(format!("{ONLINE}: {list:?}")))?;
    let wanted = match wanted {
        Some(cpu) => Some(cpu),
        // Negative: the last.
        None => parameters.read(STALL_CPU)?.parse().ok(),
    };
    let last = online.last().copied().unwrap_or(0);
    let suffering = wanted.unwrap_or(last);
    if !online.contains(&suffering) {
        return Err(Trouble::Offline {
            cpu: suffering,
            online: list,
        }
        .into());
    }
    let others = online.into_iter().filter(|&cpu| cpu != suffering).collect();
    Ok(Cpus { suffering, others })
}

impl Cpus {
    /// Keeps the calling thread, and those that it starts, off the CPU that suffers.
    pub fn keep_off(&self) -> Result<()> {
        if self.others.is_empty() {
            return Ok(());
        }
        sched_setaffinity(Pid::from_raw(0), &self.others()).map_err(failed)
    }

    /// Keeps RCU's thread off it as well, for as long as what this returns lives: nothing, where the thread
    /// cannot be found or moved.
    pub fn keep_rcu_off(&self) -> Option<Moved> {
        let rcu = EARLY_PIDS.map(Pid::from_raw).find(is_rcu)?;
        (!self.others.is_empty()).then(|| Moved::to(rcu, &self.others()))?
    }

    fn others(&self) -> CpuSet {
        let mut set = CpuSet::new();
        for &cpu in &self.others {
            // Those beyond the set's size are left out.
            let _ = set.set(usize::try_from(cpu).unwrap_or(usize::MAX));
        }
        set
    }
}

/// Where the kernel's own threads are found that it starts first.
const EARLY_PIDS: std::ops::Range<i32> = 2..1000;

/// Whether it is the thread that conducts grace periods.
fn is_rcu(pid: &Pid) -> bool {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    matches!(comm.trim_end(), "rcu_preempt" | "rcu_sched")
}

/// A thread that is kept on some CPUs. Dropped, it may go where it might before.
pub struct Moved {
    pid: Pid,
    before: CpuSet,
}

impl Moved {
    fn to(pid: Pid, cpus: &CpuSet) -> Option<Self> {
        let before = sched_getaffinity(pid).ok()?;
        sched_setaffinity(pid, cpus).ok()?;
        Some(Self { pid, before })
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        // It could be moved before; if not now, there is nobody to tell.
        let _ = sched_setaffinity(self.pid, &self.before);
    }
}

fn failed(errno: Errno) -> Error {
    Error::io("leaving the CPU that is to suffer")(errno.into())
}

/// `0-3,5`
fn parse(list: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use nix::sched::sched_getaffinity;

    #[test]
    fn a_list_has_numbers_and_ranges() {
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("0-2,5,7-8"), Some(vec![0, 1, 2, 5, 7, 8]));
        for bad in ["", "a", "0-", "-1", "0,,1"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_last_cpu_suffers_unless_another_is_wanted() {
        let fake = Fake::new();
        let choice = |wanted| choose(&fake, wanted).expect("a CPU").suffering;
        assert_eq!(choice(None), 1);
        assert_eq!(choice(Some(0)), 0);
        fake.write(STALL_CPU, "0").expect("accepted");
        assert_eq!(choice(None), 0);
        assert_eq!(choose(&fake, None).expect("a CPU").others, [1]);
    }

    #[test]
    fn a_cpu_that_is_not_online_is_refused() {
        let error = choose(&Fake::new(), Some(7)).expect_err("offline");
        assert_eq!(error.to_string(), "CPU 7 is not online; online: 0-1");
    }

    #[test]
    fn this_thread_is_kept_off() {
        let thread = std::thread::spawn(|| {
            let before = sched_getaffinity(Pid::from_raw(0)).expect("a set");
            let usable: Vec<u32> = (0..64)
                .filter(|&cpu| before.is_set(cpu).unwrap_or(false))
                .map(|cpu| cpu as u32)
                .collect();
            let Some((&suffering, others)) = usable.split_last() else {
                panic!("no CPU");
            };
            let cpus = Cpus {
                suffering,
                others: others.to_vec(),
            };
            cpus.keep_off().expect("allowed");
            let after = sched_getaffinity(Pid::from_raw(0)).expect("a set");
            // With one CPU there is nowhere to go.
            let is_off = !after.is_set(suffering as usize).expect("a CPU");
            assert_eq!(is_off, !others.is_empty());
        });
        thread.join().expect("no panic");
    }

    #[test]
    fn a_thread_that_was_moved_comes_back() {
        let thread = std::thread::spawn(|| {
            let this = nix::unistd::gettid();
            let usable = |pid| {
                let set = sched_getaffinity(pid).expect("a set");
                (0..64)
                    .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
                    .collect::<Vec<_>>()
            };
            let before = usable(this);
            let mut first = CpuSet::new();
            first.set(before[0]).expect("a CPU");
            let moved = Moved::to(this, &first).expect("allowed");
            assert_eq!(usable(this), before[..1]);
            drop(moved);
            assert_eq!(usable(this), before);
        });
        thread.join().expect("no panic");
    }
}
