// SPDX-License-Identifier: GPL-2.0

//! Memory that is freed when the OOM killer is about to run.
//!
//! C header: [`include/linux/oom.h`](srctree/include/linux/oom.h)

use kernel::{bindings, container_of, error::to_result, prelude::*, sync::Arc, types::Opaque};

extern "C" {
    // The kernel crate has no bindings for their header.
    fn register_oom_notifier(block: *mut bindings::notifier_block) -> c_int;
    fn unregister_oom_notifier(block: *mut bindings::notifier_block) -> c_int;
}

/// Spare memory.
pub(in crate::stall) trait Spare: Send + Sync + 'static {
    /// Frees memory and returns the number of pages. If it is not 0, the OOM killer does not run
    /// this time.
    ///
    /// Context: process context of the task that needs memory; must not allocate. Calls do not
    /// overlap.
    fn free(&self) -> usize;
}

/// Frees spare memory whenever the system is out of memory.
///
/// # Invariants
///
/// `block` is in the kernel's notifier chain and does not move.
#[pin_data(PinnedDrop)]
pub(in crate::stall) struct OomNotifier<S: Spare> {
    spare: Arc<S>,
    #[pin]
    block: Opaque<bindings::notifier_block>,
}

// SAFETY: The chain's lock protects `block`, which this module only accesses to unregister it.
// `Arc<S>` is `Send`.
unsafe impl<S: Spare> Send for OomNotifier<S> {}
// SAFETY: A shared reference gives no access to `block`. `Arc<S>` is `Sync`.
unsafe impl<S: Spare> Sync for OomNotifier<S> {}

impl<S: Spare> OomNotifier<S> {
    /// Calls [`Spare::free`] of `spare` while the result lives.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in crate::stall) fn new(spare: Arc<S>) -> Result<Pin<KBox<Self>>> {
        let notifier = try_pin_init!(Self {
            spare,
            block <- Opaque::try_ffi_init(|block: *mut bindings::notifier_block| {
                let last = bindings::notifier_block {
                    notifier_call: Some(notify::<S>),
                    // Other notifiers free their memory first.
                    priority: c_int::MIN,
                    ..Default::default()
                };
                // SAFETY: `block` is valid for writes.
                unsafe { block.write(last) };
                // INVARIANT: On success `block` is in the chain; on failure there is no
                // `OomNotifier`.
                // SAFETY: `block` is initialised and pinned. `drop()` unregisters it before it is
                // freed.
                to_result(unsafe { register_oom_notifier(block) })
            }),
        });
        KBox::try_pin_init(notifier, GFP_KERNEL)
    }
}

#[pinned_drop]
impl<S: Spare> PinnedDrop for OomNotifier<S> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant `block` is in the chain. No call is running when this
        // returns.
        unsafe { unregister_oom_notifier(self.block.get()) };
    }
}

/// # Safety
///
/// The chain calls it, with the `block` of an `OomNotifier<S>` and a pointer to a count of pages.
unsafe extern "C" fn notify<S: Spare>(
    block: *mut bindings::notifier_block,
    _action: c_ulong,
    freed: *mut c_void,
) -> c_int {
    // SAFETY: `freed` points to a local variable of the caller.
    let freed = unsafe { &mut *freed.cast::<c_ulong>() };
    if *freed == 0 {
        let block = block.cast::<Opaque<bindings::notifier_block>>();
        // SAFETY: `block` is the field of an `OomNotifier<S>`, which stays in the chain while it
        // lives.
        let notifier = unsafe { &*container_of!(block, OomNotifier<S>, block) };
        *freed = notifier.spare.free() as c_ulong;
    }
    bindings::NOTIFY_DONE as c_int
}
