// SPDX-License-Identifier: GPL-2.0

//! Kernel threads that run a closure.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

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

/// What a new thread is given.
struct Start<F> {
    work: F,
    started: Arc<Completion>,
}

impl Kthread {
    /// Starts a thread called `name` that does `work`: C's `kthread_run()`.
    ///
    /// The thread has begun when this returns: C's would skip the work of one that is told to stop
    /// before.
    ///
    /// Errors: `ENOMEM`; `EINTR` if the caller is being killed. Context: may sleep.
    pub fn spawn<F: FnOnce() + Send + 'static>(name: &'static CStr, work: F) -> Result<Self> {
        let started = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let start = Start {
            work,
            started: started.clone(),
        };
        let start = KBox::into_raw(KBox::new(start, GFP_KERNEL)?);
        // SAFETY: The format takes one string, which is given; `run()` takes what `start` is.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(run::<F>),
                start.cast(),
                bindings::NUMA_NO_NODE,
                c"%s".as_ptr().cast(),
                name.as_ptr().cast::<c_char>(),
            )
        })
        .inspect_err(|_| {
            // SAFETY: There is no thread, so the box is still ours.
            drop(unsafe { KBox::from_raw(start) });
        })?;
        // SAFETY: A thread that was created but never woken exists. With a reference of ours it stays
        // valid when it has ended.
        unsafe { bindings::get_task_struct(task) };
        // SAFETY: As above.
        unsafe { bindings::wake_up_process(task) };
        started.wait_for_completion();
        // SAFETY: A thread that was created is not null.
        let task = unsafe { NonNull::new_unchecked(task) };
        // INVARIANT: As stated above.
        Ok(Self { task })
    }
}

/// Whether the current thread, which is a [`Kthread`]'s, is to end: C's `kthread_should_stop()`.
///
/// Context: in a kernel thread.
pub fn should_stop() -> bool {
    // SAFETY: No requirement in a kernel thread.
    unsafe { bindings::kthread_should_stop() }
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
