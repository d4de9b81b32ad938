// SPDX-License-Identifier: GPL-2.0

//! Threads of the kernel's own, and the one that conducts grace periods.
//!
//! C headers: [`include/linux/pid.h`](srctree/include/linux/pid.h),
//! [`kernel/rcu/rcu.h`](srctree/kernel/rcu/rcu.h)

use core::{ffi::CStr, ops::Range, ptr::NonNull};
#[cfg(CONFIG_RCU_TORTURE_TEST)]
use kernel::time::msecs_to_jiffies;
use kernel::{bindings, prelude::*};

/// A kernel thread of the kernel's own.
///
/// # Invariants
///
/// `task` is valid, with a reference count of ours.
pub(in crate::stall) struct ForeignKthread {
    task: NonNull<bindings::task_struct>,
    pid: i32,
}

/// The identifiers among which threads are looked for that the kernel starts before its other CPUs.
const EARLY_PIDS: Range<c_int> = 2..1000;

/// The kernel's thread of that name, if it was started early.
///
/// Context: in a kernel thread.
pub(in crate::stall) fn find_kthread(name: &CStr) -> Option<ForeignKthread> {
    EARLY_PIDS
        .filter_map(ForeignKthread::find)
        .find(|kthread| kthread.is_kthread() && kthread.has_name(name))
}

impl ForeignKthread {
    fn find(number: c_int) -> Option<Self> {
        // SAFETY: No requirement; it takes a reference.
        let pid = unsafe { bindings::find_get_pid(number) };
        // SAFETY: Null or valid; it takes a reference to the task.
        let task = unsafe { bindings::get_pid_task(pid, bindings::pid_type_PIDTYPE_PID) };
        // SAFETY: Null, or the reference from above.
        unsafe { bindings::put_pid(pid) };
        // INVARIANT: That is where the reference comes from.
        NonNull::new(task).map(|task| Self { task, pid: number })
    }

    fn is_kthread(&self) -> bool {
        // SAFETY: By the type invariant; that flag never changes.
        let flags = unsafe { (*self.task.as_ptr()).flags };
        flags & bindings::PF_KTHREAD != 0
    }

    fn has_name(&self, name: &CStr) -> bool {
        // SAFETY: By the type invariant the task is valid, and so is the field.
        let comm = unsafe { &raw const (*self.task.as_ptr()).comm };
        // SAFETY: The array ends with a NUL whenever it is read; a kernel thread's changes at its beginning only.
        unsafe { CStr::from_ptr(comm.cast()) == name }
    }

    /// The thread's identifier.
    pub(in crate::stall) fn pid(&self) -> i32 {
        self.pid
    }

    /// Wakes the thread, which like all of the kernel has to expect that.
    ///
    /// Context: any.
    pub(in crate::stall) fn wake(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::wake_up_process(self.task.as_ptr()) };
    }
}

impl Drop for ForeignKthread {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::put_task_struct(self.task.as_ptr()) };
    }
}

/// Has the thread that conducts grace periods sleep for so long, once: what C's rcutorture does by
/// `rcu_gp_set_torture_wait()`.
///
/// Context: any.
#[cfg(CONFIG_RCU_TORTURE_TEST)]
pub(in crate::stall) fn delay_gp_kthread(ms: u32) {
    extern "C" {
        // Of a header that is RCU's own. Exported in every version that this module is for.
        fn rcu_gp_set_torture_wait(jiffies: c_int);
    }
    let jiffies = c_int::try_from(msecs_to_jiffies(ms)).unwrap_or(0);
    // SAFETY: No requirement; nothing happens for 0.
    unsafe { rcu_gp_set_torture_wait(jiffies) };
}

#[cfg(not(CONFIG_RCU_TORTURE_TEST))]
pub(in crate::stall) fn delay_gp_kthread(_ms: u32) {}
