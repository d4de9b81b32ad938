// SPDX-License-Identifier: GPL-2.0

//! The CPU that stalls. rcuctl must not run there, or it could not observe the stall. Nor must the
//! grace-period kthread: the kernel would report only that the kthread is starved.

use std::fs;

use nix::sched::sched_setaffinity;
use nix::unistd::Pid;

use super::error::StallError;
use crate::affinity;
use crate::cpu_list;
use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::settings::Settings;

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

/// Selects the last online CPU, without reading the module's parameters.
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
        sched_setaffinity(Pid::from_raw(0), &affinity::set(&self.others))
            .map_err(|errno| Error::io("leaving the CPU that stalls")(errno.into()))
    }

    /// Keeps the grace-period kthread off that CPU until the result is dropped or restored. Changes
    /// nothing if there is no such kthread or no other CPU, if the kernel refuses, or if a stall is
    /// active, because it may have bound the kthread.
    pub fn move_gp_kthread<'a, P: Parameters>(&self, parameters: &'a P) -> Result<Settings<'a, P>> {
        let kthread = EARLY_PIDS.map(Pid::from_raw).find_map(gp_kthread);
        let may_move = !self.others.is_empty() && !super::is_active(parameters)?;
        let setting = kthread.filter(|_| may_move).map(|name| {
            let others: Vec<_> = self.others.iter().map(u32::to_string).collect();
            (name, others.join(","))
        });
        Settings::apply(parameters, setting).or_else(|_| Settings::apply(parameters, NO_SETTING))
    }
}

const NO_SETTING: [(&str, String); 0] = [];

/// The kernel starts its own threads first.
const EARLY_PIDS: std::ops::Range<i32> = 2..1000;

/// The name of the setting for the grace-period kthread's CPUs, if the PID is its own.
fn gp_kthread(pid: Pid) -> Option<String> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let comm = comm.trim_end();
    matches!(comm, "rcu_preempt" | "rcu_sched").then(|| affinity::name(comm, pid))
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
}
