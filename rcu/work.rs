// SPDX-License-Identifier: GPL-2.0

//! Reclaims objects in process context, each by a work item of its own: C's `queue_rcu_work()`.
//!
//! An object whose context allows that has a work item at its end, so that retiring it allocates
//! nothing. A destructor may wait for the destructor of another object.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

#![expect(unsafe_code, reason = "addresses work items by hand and calls C")]

use super::{
    object::Object,
    reclaim::{reclaim, Context},
    Reclaim,
};
use core::{
    alloc::Layout,
    ffi::c_int,
    mem::{align_of, size_of_val},
    ptr::{self, addr_of_mut, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{alloc::AllocError, bindings, prelude::*, types::Opaque};

/// The workqueue, or null.
static QUEUE: AtomicPtr<bindings::workqueue_struct> = AtomicPtr::new(ptr::null_mut());

/// The name of the workqueue and of its works.
const NAME: &[u8] = b"rcu_reclaim\0";

/// Creates the workqueue unless it exists. The caller excludes other calls.
///
/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn create_queue() -> Result {
    if !QUEUE.load(Ordering::Relaxed).is_null() {
        return Ok(());
    }
    // SAFETY: The name has no conversions, so no argument follows.
    let queue = unsafe {
        bindings::alloc_workqueue_noprof(NAME.as_ptr().cast(), bindings::wq_flags_WQ_UNBOUND, 0)
    };
    if queue.is_null() {
        return Err(ENOMEM);
    }
    // ORDERING: Relaxed suffices: `drain::open()` releases it with the number of drains.
    QUEUE.store(queue, Ordering::Relaxed);
    Ok(())
}

/// Destroys the workqueue after its last work.
///
/// Context: may sleep.
///
/// # Safety
///
/// [`create_queue`] was called before. All callbacks have run, and nobody can queue another.
#[cfg(MODULE)]
pub(super) unsafe fn destroy_queue() {
    let queue = QUEUE.swap(ptr::null_mut(), Ordering::Relaxed);
    // SAFETY: `create_queue()` has created the queue. Only callbacks queue work, and the caller
    // guarantees that none is left.
    unsafe { bindings::destroy_workqueue(queue) };
}

/// Waits until all works that were queued before have run.
///
/// Context: may sleep.
pub(super) fn flush() {
    let queue = QUEUE.load(Ordering::Relaxed);
    if !queue.is_null() {
        // SAFETY: Only `drain::close()` destroys the queue, after all works.
        unsafe { bindings::__flush_workqueue(queue) };
    }
}

/// The work item at the end of an object.
#[repr(C)]
pub(super) struct Item {
    work: bindings::work_struct,
    /// The head of the object.
    head: *mut bindings::callback_head,
    /// Reclaims the object.
    reclaim: unsafe extern "C" fn(*mut bindings::callback_head),
}

/// Returns the layout of an object of a sized type, with a work item if its context needs one.
///
/// Errors: [`AllocError`] if it is too large.
#[inline]
pub(super) fn object_layout<T: Reclaim>() -> Result<Layout, AllocError> {
    let object = Layout::new::<Object<T>>();
    if !T::Context::HAS_WORK {
        return Ok(object);
    }
    match object.extend(Layout::new::<Item>()) {
        Ok((layout, _)) => Ok(layout.pad_to_align()),
        Err(_) => Err(AllocError),
    }
}

/// Returns the work item of an object.
///
/// # Safety
///
/// `object` is live, room for an item follows it in its allocation, and nobody else accesses it.
unsafe fn item_of<T: Reclaim + ?Sized>(object: NonNull<Object<T>>) -> *mut Item {
    // SAFETY: The object is live, and nobody else accesses it.
    let size = size_of_val(unsafe { object.as_ref() });
    let offset = size.next_multiple_of(align_of::<Item>());
    // SAFETY: C's layout has the item at the next aligned address, inside the allocation.
    unsafe { object.as_ptr().cast::<u8>().add(offset).cast() }
}

/// Queues the work that reclaims an object; a callback for `call_rcu()` and `call_srcu()`.
///
/// # Safety
///
/// - `head` and `T` are as [`reclaim`] requires, and `T::Context::HAS_WORK`.
/// - It was queued with a `Permit`.
pub(super) unsafe extern "C" fn queue_reclaim<T: Reclaim + ?Sized>(
    head: *mut bindings::callback_head,
) {
    // SAFETY: The head of an object is not null.
    let object = unsafe { T::from_head(NonNull::new_unchecked(head.cast())) };
    // SAFETY: `UniqueRcuBox` has allocated room for an item behind the object, because its context
    // has one. No reader can reach it, and the owner has given it up to this call.
    let item = unsafe { item_of(object) };
    // SAFETY: The item is part of an allocation that this call owns.
    unsafe {
        addr_of_mut!((*item).head).write(head);
        addr_of_mut!((*item).reclaim).write(reclaim::<T>);
    }
    // SAFETY: This call owns the item, all of whose fields but `work` are initialised. By its
    // own requirement this callback was queued with a `Permit`.
    unsafe { queue(item) };
}

/// Queues a work item.
///
/// # Safety
///
/// - The caller owns the item and gives it up. All its fields but `work` are initialised.
/// - It is called by a callback that was queued with a `Permit`.
unsafe fn queue(item: *mut Item) {
    // SAFETY: The caller owns the item.
    let work = unsafe { addr_of_mut!((*item).work) };
    // SAFETY: The memory is valid for writes. `run()` may be called with the work of this item.
    unsafe {
        bindings::init_work_with_key(work, Some(run), false, NAME.as_ptr().cast(), CLASS.0.get())
    };
    let cpu = bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int;
    // ORDERING: Relaxed suffices: the permit orders the queue's creation before the callback was
    // queued.
    let queue = QUEUE.load(Ordering::Relaxed);
    // SAFETY: `drain::close()` destroys the queue after this call has returned and the work has run.
    // The work was initialised above, and remains valid until `run()` frees the object.
    unsafe { bindings::queue_work_on(cpu, queue, work) };
}

/// The lock class of all items.
static CLASS: LockClass = LockClass(Opaque::zeroed());

struct LockClass(Opaque<bindings::lock_class_key>);

// SAFETY: Lockdep uses only the address of a key.
unsafe impl Sync for LockClass {}

/// Reclaims the object of a work item.
///
/// # Safety
///
/// Only the workqueue calls this, with the work of an item that [`queue`] has queued.
unsafe extern "C" fn run(work: *mut bindings::work_struct) {
    let item = work.cast::<Item>();
    // SAFETY: The work is the first field of its item, whose other fields are initialised.
    let (head, reclaim) = unsafe { ((*item).head, (*item).reclaim) };
    // SAFETY: `queue_reclaim()` has received the object from its owner after the grace period, and
    // has given it up to this call. A workqueue does not access a work item after its function has
    // begun.
    unsafe { reclaim(head) };
}
