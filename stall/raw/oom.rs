// SPDX-License-Identifier: GPL-2.0

//! Memory that is given back when the OOM killer is about to come.
//!
//! C header: [`include/linux/oom.h`](srctree/include/linux/oom.h)

use kernel::{bindings, container_of, error::to_result, prelude::*, sync::Arc, types::Opaque};

extern "C" {
    // Of a header that the kernel crate has no bindings for.
    fn register_oom_notifier(block: *mut bindings::notifier_block) -> c_int;
    fn unregister_oom_notifier(block: *mut bindings::notifier_block) -> c_int;
}

/// What can be given back.
pub(in crate::stall) trait Spare: Send + Sync + 'static {
    /// Frees memory, and says how many pages: if it is any, the OOM killer does not come this time.
    ///
    /// Context: process context, whoever it is that needs memory; must not allocate. One at a time.
    fn free(&self) -> usize;
}

/// Has those who find no memory in the whole system ask for some.
///
/// # Invariants
///
/// `block` is in the kernel's chain, and does not move.
#[pin_data(PinnedDrop)]
pub(in crate::stall) struct OomNotifier<S: Spare> {
    spare: Arc<S>,
    #[pin]
    block: Opaque<bindings::notifier_block>,
}

// SAFETY: The chain has a lock of its own, and the block is not touched here until it has left it; `S` is `Send`.
unsafe impl<S: Spare> Send for OomNotifier<S> {}
// SAFETY: A shared reference gives access to nothing but the call, by which `S` is shared; it is `Sync`.
unsafe impl<S: Spare> Sync for OomNotifier<S> {}

impl<S: Spare> OomNotifier<S> {
    /// Has `spare` asked from now on, for as long as what this returns lives.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in crate::stall) fn new(spare: Arc<S>) -> Result<Pin<KBox<Self>>> {
        let notifier = try_pin_init!(Self {
            spare,
            block <- Opaque::try_ffi_init(|block: *mut bindings::notifier_block| {
                let last = bindings::notifier_block {
                    notifier_call: Some(ask::<S>),
                    // What others can spare comes first.
                    priority: c_int::MIN,
                    ..Default::default()
                };
                // SAFETY: The slot is valid for writes.
                unsafe { block.write(last) };
                // INVARIANT: On success it is in the chain; on failure there is no `OomNotifier`.
                // SAFETY: The block is initialised and pinned, as is `spare`, and leaves the chain before it goes.
                to_result(unsafe { register_oom_notifier(block) })
            }),
        });
        KBox::try_pin_init(notifier, GFP_KERNEL)
    }
}

#[pinned_drop]
impl<S: Spare> PinnedDrop for OomNotifier<S> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is in the chain. When this returns no call goes on.
        unsafe { unregister_oom_notifier(self.block.get()) };
    }
}

/// # Safety
///
/// Called by the chain alone, with the block of an `OomNotifier<S>` and a count of pages.
unsafe extern "C" fn ask<S: Spare>(
    block: *mut bindings::notifier_block,
    _action: c_ulong,
    freed: *mut c_void,
) -> c_int {
    // SAFETY: The count is the caller's own, and valid during the call.
    let freed = unsafe { &mut *freed.cast::<c_ulong>() };
    if *freed == 0 {
        let block = block.cast::<Opaque<bindings::notifier_block>>();
        // SAFETY: The block is the field of an `OomNotifier<S>`, which lives while it is in the chain.
        let notifier = unsafe { &*container_of!(block, OomNotifier<S>, block) };
        *freed = notifier.spare.free() as c_ulong;
    }
    bindings::NOTIFY_DONE as c_int
}
