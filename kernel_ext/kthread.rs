// SPDX-License-Identifier: GPL-2.0

//! Kernel threads that run a closure.
//!
//! ```ignore
//! let thread = Kthread::spawn(c"worker", Attributes::default(), || {
//!     while !should_stop() {
//!         // ...
//!     }
//! })?;
//! drop(thread); // Tells it to stop, and waits until it has.
//! ```
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use crate::kernel_ext::cpu::is_online;
use core::{ffi::CStr, ptr::NonNull};
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    sync::{Arc, Completion},
};

/// A thread of the kernel. Dropping it tells the thread to stop and waits until it has ended, so its
/// code and what it borrows from the module outlive it.
///
/// # Invariants
///
/// `task` is a thread that [`run`] is the function of, with a reference count of ours.
pub struct Kthread {
    task: NonNull<bindings::task_struct>,
}

// SAFETY: Any thread may stop another, and `spawn()` takes closures that are `Send` only.
unsafe impl Send for Kthread {}
// SAFETY: A shared reference to it allows nothing.
unsafe impl Sync for Kthread {}

/// Where a thread runs, and how urgently.
#[derive(Clone, Copy, Default)]
pub struct Attributes {
    /// The only CPU that it runs on, for as long as that is online; any if there is none.
    pub cpu: Option<u32>,
    /// How urgent it is.
    pub priority: Priority,
}

/// How urgent a thread is.
#[derive(Clone, Copy, Default)]
pub enum Priority {
    /// As threads are by default.
    #[default]
    Normal,
    /// Less than any other: nice 19.
    Lowest,
    /// More than any that is no real-time thread: C's `sched_set_fifo_low()`.
    RealTime,
}

/// What a new thread is given.
struct Start<F> {
    work: F,
    started: Arc<Completion>,
}

impl Kthread {
    /// Starts a thread called `name` that does `work`: C's `kthread_run()`, and `kthread_run_on_cpu()`.
    ///
    /// The thread has begun when this returns: C's would skip the work of one that is told to stop
    /// before.
    ///
    /// Errors: `ENOMEM`, or `EAGAIN` for the same at a place where C says so; `EINTR` if the caller is being killed;
    /// `ENXIO` if the CPU is not online. Context: may sleep.
    pub fn spawn<F: FnOnce() + Send + 'static>(
        name: &'static CStr,
        attributes: Attributes,
        work: F,
    ) -> Result<Self> {
        let started = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let start = Start {
            work,
            started: started.clone(),
        };
        let task = create(name, start, attributes.cpu)?;
        let task = task.as_ptr();
        // SAFETY: A thread that was created but never woken exists. With a reference of ours it stays
        // valid when it has ended.
        unsafe { bindings::get_task_struct(task) };
        match attributes.priority {
            Priority::Normal => {}
            // SAFETY: As above.
            Priority::Lowest => unsafe { bindings::sched_set_normal(task, LOWEST) },
            // SAFETY: As above.
            Priority::RealTime => unsafe { bindings::sched_set_fifo_low(task) },
        }
        // SAFETY: As above.
        unsafe { bindings::wake_up_process(task) };
        started.wait_for_completion();
        // INVARIANT: `create()` has made it for `run()`, and there is the reference.
        Ok(Self {
            // SAFETY: A thread that was created is not null.
            task: unsafe { NonNull::new_unchecked(task) },
        })
    }
}

/// As nice as a thread can be.
const LOWEST: c_int = 19;

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
    // SAFETY: The format takes one string, which is given; `run()` takes what `start` is.
    let task = from_err_ptr(unsafe {
        bindings::kthread_create_on_node(
            Some(run::<F>),
            start.cast(),
            bindings::NUMA_NO_NODE,
            FORMAT.as_ptr().cast(),
            name.as_ptr().cast::<c_char>(),
        )
    })
    .inspect_err(|_| {
        // SAFETY: There is no thread, so the box is still ours.
        drop(unsafe { KBox::from_raw(start) });
    })?;
    if let Some(cpu) = cpu {
        // SAFETY: The thread has not begun, and the CPU is one that was online: it is possible.
        unsafe { bindings::kthread_bind(task, cpu) };
    }
    // SAFETY: A thread that was created is not null.
    Ok(unsafe { NonNull::new_unchecked(task) })
}

/// The name is no format.
const FORMAT: &CStr = c"%s";

/// Whether the current thread, which is a [`Kthread`]'s, is to end: C's `kthread_should_stop()`.
///
/// Context: in a kernel thread.
pub fn should_stop() -> bool {
    // SAFETY: No requirement in a kernel thread.
    unsafe { bindings::kthread_should_stop() }
}

/// How often the current task has lost its CPU to another one without asking to.
///
/// Context: any; in an interrupt the task is the interrupted one.
pub fn preemptions() -> u64 {
    // SAFETY: The current task is valid, and this counter of it changes only when it does not run.
    unsafe { (*bindings::get_current()).nivcsw as u64 }
}

impl Drop for Kthread {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the thread is valid. This waits until it has ended.
        unsafe { bindings::kthread_stop(self.task.as_ptr()) };
        // SAFETY: The reference is the one that `spawn()` took.
        unsafe { bindings::put_task_struct(self.task.as_ptr()) };
    }
}

/// # Safety
///
/// Called by the thread that [`Kthread::spawn`] has created, once, with what was put into a box for it.
unsafe extern "C" fn run<F: FnOnce()>(start: *mut c_void) -> c_int {
    // SAFETY: As the caller promises.
    let start = unsafe { KBox::from_raw(start.cast::<Start<F>>()) };
    let Start { work, started } = KBox::into_inner(start);
    started.complete_all();
    work();
    0
}
