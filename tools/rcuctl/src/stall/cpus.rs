// SPDX-License-Identifier: GPL-2.0

//! The CPU that stalls. rcuctl must not run there, or it could not observe the stall. Nor must the
//! grace-period kthread: the kernel would report only that the kthread is starved.

use std::fs;

use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;

use super::error::StallError;
use crate::cpu_list;
use crate::error::{Error, Result};
use crate::parameters::Parameters;

/// The module's parameter for the CPU that stalls.
pub const STALL_CPU: &str = "stall_cpu";

/// The CPU that stalls, and the other online CPUs.
#[derive(Debug, PartialEq, Eq)]
pub struct Cpus {
    stalled: u32,
    others: Vec<u32>,
}

/// Selects `cpu`, or else that of the module's parameter, or else the last.
pub fn select(parameters: &impl Parameters, cpu: Option<u32>) -> Result<Cpus> {
    let (online, list) = cpu_list::online(parameters)?;
    let cpu = match cpu {
        Some(cpu) => Some(cpu),
        // A negative number selects the last.
        None => parameters.read(STALL_CPU)?.parse().ok(),
    };
    let last = online.last().copied().unwrap_or(0);
    let stalled = cpu.unwrap_or(last);
    if !online.contains(&stalled) {
        return Err(StallError::Offline {
            cpu: stalled,
            online: list,
        }
        .into());
    }
    let others = online.into_iter().filter(|&cpu| cpu != stalled).collect();
    Ok(Cpus { stalled, others })
}

/// Selects the last online CPU, without a look at the module.
pub fn select_last(parameters: &impl Parameters) -> Result<Cpus> {
    let (online, _) = cpu_list::online(parameters)?;
    select(parameters, Some(online.last().copied().unwrap_or(0)))
}

impl Cpus {
    /// Keeps the calling thread, and the threads that it starts, off the CPU that stalls.
    pub fn move_caller(&self) -> Result<()> {
        if self.others.is_empty() {
            return Ok(());
        }
        sched_setaffinity(Pid::from_raw(0), &self.others())
            .map_err(|errno| Error::io("leaving the CPU that stalls")(errno.into()))
    }

    /// Keeps the grace-period kthread off that CPU until the result is dropped. Returns `None` if
    /// there is no such kthread or no other CPU, or if the kernel refuses.
    pub fn move_gp_kthread(&self) -> Option<Moved> {
        let kthread = EARLY_PIDS.map(Pid::from_raw).find(is_gp_kthread)?;
        (!self.others.is_empty()).then(|| Moved::to(kthread, &self.others()))?
    }

    fn others(&self) -> CpuSet {
        let mut set = CpuSet::new();
        for &cpu in &self.others {
            // CPUs beyond the size of the set are left out.
            let _ = set.set(usize::try_from(cpu).unwrap_or(usize::MAX));
        }
        set
    }
}

/// The kernel starts its own threads first.
const EARLY_PIDS: std::ops::Range<i32> = 2..1000;

fn is_gp_kthread(pid: &Pid) -> bool {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    matches!(comm.trim_end(), "rcu_preempt" | "rcu_sched")
}

/// A thread that was moved. Dropping it restores the thread's CPUs.
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
        // The kernel accepted the move; if it refuses to undo it, no caller can be told.
        let _ = sched_setaffinity(self.pid, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use nix::sched::sched_getaffinity;

    #[test]
    fn the_last_cpu_stalls_unless_another_is_selected() {
        let fake = Fake::new();
        let selected = |cpu| select(&fake, cpu).expect("a CPU").stalled;
        assert_eq!(selected(None), 1);
        assert_eq!(selected(Some(0)), 0);
        fake.write(STALL_CPU, "0").expect("accepted");
        assert_eq!(selected(None), 0);
        assert_eq!(select(&fake, None).expect("a CPU").others, [1]);
    }

    #[test]
    fn a_cpu_that_is_not_online_is_refused() {
        let error = select(&Fake::new(), Some(7)).expect_err("offline");
        assert_eq!(error.to_string(), "CPU 7 is not online; online: 0-1");
    }

    #[test]
    fn the_calling_thread_leaves_the_cpu_that_stalls() {
        let thread = std::thread::spawn(|| {
            let before = sched_getaffinity(Pid::from_raw(0)).expect("a set");
            let usable: Vec<u32> = (0..64)
                .filter(|&cpu| before.is_set(cpu).unwrap_or(false))
                .map(|cpu| cpu as u32)
                .collect();
            let Some((&stalled, others)) = usable.split_last() else {
                panic!("no CPU");
            };
            let cpus = Cpus {
                stalled,
                others: others.to_vec(),
            };
            cpus.move_caller().expect("allowed");
            let after = sched_getaffinity(Pid::from_raw(0)).expect("a set");
            // With one CPU there is no other.
            let is_off = !after.is_set(stalled as usize).expect("a CPU");
            assert_eq!(is_off, !others.is_empty());
        });
        thread.join().expect("no panic");
    }

    #[test]
    fn dropping_restores_the_cpus_of_a_moved_thread() {
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
