// SPDX-License-Identifier: GPL-2.0

//! Kernel threads that other code has started, such as the grace-period kthread.
//!
//! C headers: [`include/linux/pid.h`](srctree/include/linux/pid.h),
//! [`kernel/rcu/rcu.h`](srctree/kernel/rcu/rcu.h)

use core::{ffi::CStr, ops::Range, ptr::NonNull};
#[cfg(CONFIG_RCU_TORTURE_TEST)]
use kernel::time::msecs_to_jiffies;
use kernel::{bindings, error::to_result, prelude::*};

/// A kernel thread that other code has started.
///
/// # Invariants
///
/// This owns a reference to `task`.
pub(in crate::stall) struct ForeignKthread {
    task: NonNull<bindings::task_struct>,
    pid: i32,
}

/// The PIDs of threads that the kernel starts at boot, before it brings other CPUs online.
const EARLY_PIDS: Range<c_int> = 2..1000;

/// Returns the kernel thread with a name, if the kernel has started it early.
///
/// Context: in a kernel thread.
pub(in crate::stall) fn find_kthread(name: &CStr) -> Option<ForeignKthread> {
    EARLY_PIDS
        .filter_map(ForeignKthread::find)
        .find(|kthread| kthread.is_kthread() && kthread.has_name(name))
}

impl ForeignKthread {
    fn find(number: c_int) -> Option<Self> {
        // SAFETY: Any number is valid. The result is null or a reference.
        let pid = unsafe { bindings::find_get_pid(number) };
        // SAFETY: `pid` is null or valid. The result is null or a reference.
        let task = unsafe { bindings::get_pid_task(pid, bindings::pid_type_PIDTYPE_PID) };
        // SAFETY: `pid` is null or the reference from above.
        unsafe { bindings::put_pid(pid) };
        // INVARIANT: `get_pid_task()` has taken the reference to `task`.
        NonNull::new(task).map(|task| Self { task, pid: number })
    }

    fn is_kthread(&self) -> bool {
        // SAFETY: By the type invariant `task` is valid. `PF_KTHREAD` never changes while a task
        // lives.
        let flags = unsafe { (*self.task.as_ptr()).flags };
        flags & bindings::PF_KTHREAD != 0
    }

    fn has_name(&self, name: &CStr) -> bool {
        // SAFETY: By the type invariant `task` is valid. The kernel renames a kernel thread only
        // when it starts it.
        let comm = unsafe { &(*self.task.as_ptr()).comm };
        CStr::from_bytes_until_nul(comm) == Ok(name)
    }

    /// Returns the thread's PID.
    pub(in crate::stall) fn pid(&self) -> i32 {
        self.pid
    }

    /// Wakes the thread. All kernel code must expect spurious wakeups.
    ///
    /// Context: any.
    pub(in crate::stall) fn wake(&self) {
        // SAFETY: By the type invariant `task` is valid.
        unsafe { bindings::wake_up_process(self.task.as_ptr()) };
    }
}

impl Drop for ForeignKthread {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns a reference to `task`.
        unsafe { bindings::put_task_struct(self.task.as_ptr()) };
    }
}

/// A kernel thread that is bound to one CPU. Dropping it restores the thread's CPUs and policy.
pub(in crate::stall) struct BoundKthread {
    kthread: ForeignKthread,
    /// The CPUs of the thread before.
    cpus: KBox<bindings::cpumask>,
    /// Whether the thread had an ordinary policy before.
    is_ordinary: bool,
}

impl ForeignKthread {
    /// Binds the thread to a CPU, and gives a thread of an ordinary policy the lowest real-time
    /// priority: the scheduler lets ordinary threads run even beside threads of a real-time
    /// priority.
    ///
    /// Errors: `ENOMEM`; `EINVAL` if the CPU is not online or the kernel has bound the thread.
    /// Context: may sleep.
    pub(in crate::stall) fn bind(self, cpu: u32) -> Result<BoundKthread> {
        let task = self.task.as_ptr();
        // SAFETY: By the type invariant `task` is valid. A torn copy of the mask is a mask; only an
        // administrator changes it.
        let cpus = KBox::new(unsafe { (*task).cpus_mask }, GFP_KERNEL)?;
        // SAFETY: By the type invariant `task` is valid.
        let is_ordinary = unsafe { (*task).policy } == bindings::SCHED_NORMAL;
        let bound = BoundKthread {
            kthread: self,
            cpus,
            is_ordinary,
        };
        bound.move_to(cpu)?;
        if is_ordinary {
            // SAFETY: By the type invariant `task` is valid.
            unsafe { bindings::sched_set_fifo_low(task) };
        }
        Ok(bound)
    }
}

impl BoundKthread {
    /// Binds the thread to another CPU.
    ///
    /// Errors and context: as for [`ForeignKthread::bind`].
    pub(in crate::stall) fn move_to(&self, cpu: u32) -> Result {
        let mut only = KBox::new(bindings::cpumask::default(), GFP_KERNEL)?;
        let bits = c_ulong::BITS;
        let word = only.bits.get_mut((cpu / bits) as usize).ok_or(EINVAL)?;
        *word = 1 << (cpu % bits);
        self.set_cpus(&only)
    }

    fn set_cpus(&self, cpus: &bindings::cpumask) -> Result {
        // SAFETY: By the invariant of `ForeignKthread` the task is valid. C copies the mask.
        to_result(unsafe { bindings::set_cpus_allowed_ptr(self.kthread.task.as_ptr(), cpus) })
    }
}

impl Drop for BoundKthread {
    fn drop(&mut self) {
        if self.is_ordinary {
            // SAFETY: By the invariant of `ForeignKthread` the task is valid. The kernel starts its
            // threads with this nice value.
            unsafe { bindings::sched_set_normal(self.kthread.task.as_ptr(), 0) };
        }
        if self.set_cpus(&self.cpus).is_err() {
            pr_err!(
                "stall: cannot restore the CPUs of thread {}\n",
                self.kthread.pid
            );
        }
    }
}

/// Makes the grace-period kthread sleep once for `ms`, as C's rcutorture does by
/// `rcu_gp_set_torture_wait()`.
///
/// Context: any.
#[cfg(CONFIG_RCU_TORTURE_TEST)]
pub(in crate::stall) fn delay_gp_kthread(ms: u32) {
    extern "C" {
        // Declared in a private header of RCU, and exported in every supported kernel version.
        fn rcu_gp_set_torture_wait(jiffies: c_int);
    }
    let jiffies = c_int::try_from(msecs_to_jiffies(ms)).unwrap_or(0);
    // SAFETY: Any number is valid.
    unsafe { rcu_gp_set_torture_wait(jiffies) };
}

#[cfg(not(CONFIG_RCU_TORTURE_TEST))]
pub(in crate::stall) fn delay_gp_kthread(_ms: u32) {}
