// SPDX-License-Identifier: GPL-2.0

//! Kernel threads that run a closure.
//!
//! ```ignore
//! rcu::drained_module! {
//!     type: MyModule,
//!     drains: [kernel_ext::kthread],
//!     // ...
//! }
//!
//! let thread = Kthread::spawn(c"worker", Attributes::default(), || {
//!     while !should_stop() {
//!         // ...
//!     }
//! })?;
//! drop(thread); // Requests it to stop, and joins it.
//! ```
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

#![expect(unsafe_code, reason = "calls C functions")]

mod drain;

pub use drain::DRAIN;

use crate::kernel_ext::cpu::is_online;
use core::{
    ffi::CStr,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};
use drain::Counted;
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    sync::{Arc, Completion},
};

/// A kernel thread. Dropping it requests the thread to stop and waits until it has ended. If it is
/// never dropped, the module's unload does so.
///
/// A thread must not drop its own handle: it would wait for itself for ever, as would unload.
///
/// # Invariants
///
/// `task` is a thread that runs [`run`]. This owns a reference to it.
pub struct Kthread {
    task: NonNull<bindings::task_struct>,
}

// SAFETY: Any thread may stop another one, and `spawn()` only accepts closures that are `Send`.
unsafe impl Send for Kthread {}
// SAFETY: A shared reference has no methods.
unsafe impl Sync for Kthread {}

/// The CPU and the priority of a thread.
#[derive(Clone, Copy, Default)]
pub struct Attributes {
    /// The CPU that the thread is bound to while the CPU is online; `None` for all CPUs.
    pub cpu: Option<u32>,
    /// The scheduling priority.
    pub priority: Priority,
}

/// The priority of a thread.
#[derive(Clone, Copy, Default)]
pub enum Priority {
    /// The default priority.
    #[default]
    Normal,
    /// Nice 19.
    Lowest,
    /// The lowest real-time priority: C's `sched_set_fifo_low()`.
    RealTime,
    /// A real-time priority above [`Self::RealTime`]: C's `sched_set_fifo()`.
    HighRealTime,
}

/// The argument of a new thread.
struct Start<F> {
    work: F,
    started: Arc<Completion>,
    counted: Counted,
}

impl Kthread {
    /// Starts a thread called `name` that does `work`: C's `kthread_run()` and
    /// `kthread_run_on_cpu()`.
    ///
    /// `work` has begun when this returns, because C skips the work of a thread that is stopped
    /// before it begins.
    ///
    /// Errors: `ENOMEM`, or `EAGAIN` where C returns it for lack of memory; `EINTR` if the caller
    /// is being killed; `ENXIO` if the CPU is not online; `ENODEV` if the module does not wait for
    /// threads, is being unloaded, or has started 2^31 threads: the first of these is logged.
    /// Context: may sleep.
    pub fn spawn<F: FnOnce() + Send + 'static>(
        name: &'static CStr,
        attributes: Attributes,
        work: F,
    ) -> Result<Self> {
        let Some(counted) = Counted::new() else {
            log_refusal(name);
            return Err(ENODEV);
        };
        let started = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let start = Start {
            work,
            started: started.clone(),
            counted,
        };
        let task = create(name, start, attributes.cpu)?;
        let task = task.as_ptr();
        // SAFETY: `task` was created and not yet woken, so it is valid. The reference keeps it
        // valid after its end.
        unsafe { bindings::get_task_struct(task) };
        match attributes.priority {
            Priority::Normal => {}
            // SAFETY: The reference taken above keeps `task` valid.
            Priority::Lowest => unsafe { bindings::sched_set_normal(task, LOWEST_NICE) },
            // SAFETY: The reference taken above keeps `task` valid.
            Priority::RealTime => unsafe { bindings::sched_set_fifo_low(task) },
            // SAFETY: The reference taken above keeps `task` valid.
            Priority::HighRealTime => unsafe { bindings::sched_set_fifo(task) },
        }
        // SAFETY: The reference taken above keeps `task` valid.
        unsafe { bindings::wake_up_process(task) };
        started.wait_for_completion();
        // INVARIANT: `create()` has passed `run()`, and the reference was taken above.
        Ok(Self {
            // SAFETY: `create()` returns a `NonNull`.
            task: unsafe { NonNull::new_unchecked(task) },
        })
    }
}

const LOWEST_NICE: c_int = 19;

/// Logs that nothing waits for a thread before its code is unloaded. A module may retry for ever, so
/// only the first refusal is logged.
#[cold]
fn log_refusal(name: &CStr) {
    static IS_LOGGED: AtomicBool = AtomicBool::new(false);
    // ORDERING: Relaxed suffices: only one caller finds it false.
    if IS_LOGGED.swap(true, Ordering::Relaxed) {
        return;
    }
    pr_err!(
        "kthread: {name:?} is not started, because the module does not wait for threads, or is \
         being unloaded. Declare the module with rcu::drained_module! and name kthread in its \
         drains:\n"
    );
}

/// Creates a thread that has not begun.
fn create<F: FnOnce() + Send + 'static>(
    name: &'static CStr,
    start: Start<F>,
    cpu: Option<u32>,
) -> Result<NonNull<bindings::task_struct>> {
    if cpu.is_some_and(|cpu| !is_online(cpu)) {
        return Err(ENXIO);
    }
    let start = KBox::into_raw(KBox::new(start, GFP_KERNEL)?);
    // SAFETY: `FORMAT` takes one string, `name`. `run()` takes a `Start<F>` from a box, which
    // `start` is.
    let task = from_err_ptr(unsafe {
        bindings::kthread_create_on_node(
            Some(run::<F>),
            start.cast(),
            bindings::NUMA_NO_NODE,
            FORMAT.to_bytes_with_nul().as_ptr().cast(),
            name.to_bytes_with_nul().as_ptr().cast::<c_char>(),
        )
    })
    .inspect_err(|_| {
        // SAFETY: No thread was created, so this function still owns `start`, which came from a
        // box.
        drop(unsafe { KBox::from_raw(start) });
    })?;
    if let Some(cpu) = cpu {
        // SAFETY: The thread has not begun. The CPU was online, so it is a possible CPU.
        unsafe { bindings::kthread_bind(task, cpu) };
    }
    // SAFETY: `from_err_ptr()` has returned a created thread, which is not null.
    Ok(unsafe { NonNull::new_unchecked(task) })
}

/// The format of the name. It keeps a `%` in the name from being interpreted.
const FORMAT: &CStr = c"%s";

/// Returns whether the current [`Kthread`] was requested to stop, or the module's unload waits for its
/// end: C's `kthread_should_stop()`. Returns false outside of a kernel thread.
///
/// Context: any; in an interrupt it asks for the interrupted task.
pub fn should_stop() -> bool {
    // SAFETY: The current task is valid, and only this thread changes its flags.
    let flags = unsafe { (*bindings::get_current()).flags };
    if flags & bindings::PF_KTHREAD == 0 {
        return false;
    }
    // SAFETY: C's function reads the `struct kthread` of the task. `copy_process()` allocates one
    // for each task with `PF_KTHREAD`.
    drain::is_draining() || unsafe { bindings::kthread_should_stop() }
}

/// Returns the number of times that the current task was preempted.
///
/// Context: any; in an interrupt the count is that of the interrupted task.
pub fn preemptions() -> u64 {
    // SAFETY: The current task is valid, and its counter only changes while it does not run.
    unsafe { (*bindings::get_current()).nivcsw as u64 }
}

impl Drop for Kthread {
    fn drop(&mut self) {
        // SAFETY: By the type invariant `task` is a valid thread. This waits until it has ended.
        unsafe { bindings::kthread_stop(self.task.as_ptr()) };
        // SAFETY: By the type invariant this owns a reference to `task`.
        unsafe { bindings::put_task_struct(self.task.as_ptr()) };
    }
}

/// # Safety
///
/// Only the thread that [`create`] has created calls this, and only once. `start` is a
/// `Start<F>` from a box that the call then owns.
unsafe extern "C" fn run<F: FnOnce()>(start: *mut c_void) -> c_int {
    // SAFETY: The caller guarantees a `Start<F>` from a box, and gives it up to this call.
    let start = unsafe { KBox::from_raw(start.cast::<Start<F>>()) };
    let counted = work_of(start);
    // SAFETY: `kthread_create_on_node()` has created the current thread. `work_of()` has dropped
    // all values but `counted`.
    unsafe { counted.exit() }
}

/// Does the work of a thread and drops all of its values.
fn work_of<F: FnOnce()>(start: KBox<Start<F>>) -> Counted {
    let Start {
        work,
        started,
        counted,
    } = KBox::into_inner(start);
    started.complete_all();
    drop(started);
    work();
    counted
}
