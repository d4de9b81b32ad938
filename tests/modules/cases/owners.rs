// SPDX-License-Identifier: GPL-2.0

//! Owners: allocators, containers of the kernel crate, and references that readers keep.

#![expect(unsafe_code, reason = "plays the part of C")]

use super::{ensure, platform, rcu, Drops, Outcome, Tracked};
use core::{
    ffi::c_void,
    mem::{align_of, size_of},
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{
    alloc::allocator::{KVmalloc, Kmalloc, Vmalloc},
    prelude::*,
    sync::Arc,
    xarray::{AllocKind, XArray},
};
use rcu::{
    read_lock, xa_load, Headless, KernelAllocator, Rcu, RcuBox, Reclaim, Softirq, UniqueRcuBox,
    Workqueue,
};

/// An object with a destructor that may sleep.
struct Large {
    tracked: Tracked,
    bytes: [u8; 600],
}

impl Reclaim for Large {
    type Context = Workqueue;
}

fn large(number: u64, drops: &Arc<Drops>) -> Large {
    Large {
        tracked: Tracked::new(number, drops),
        bytes: [number as u8; 600],
    }
}

/// Ends objects of an allocator, which may have virtually contiguous memory or not.
fn ends_in_each_way<A: KernelAllocator>(is_virtual: Option<bool>) -> Outcome {
    let drops = Drops::new()?;
    let object = UniqueRcuBox::new_in::<A>(large(1, &drops), GFP_KERNEL)?;
    if let (Some(expected), Some(found)) = (is_virtual, platform::is_vmalloc(&*object)) {
        ensure!(found == expected);
    }
    let pointer = Rcu::new(object);
    let mut object = match pointer.replace(None) {
        Some(old) => old.synchronize(),
        None => return Err(ENOENT.into()),
    };
    ensure!(object.tracked.is_intact() && object.bytes[599] == 1);
    object.bytes[599] = 2;
    pointer.replace(Some(object));
    let guard = read_lock();
    let seen = pointer.dereference(&guard);
    drop(pointer.replace(None));
    ensure!(seen.is_some_and(|seen| seen.tracked.is_intact() && seen.bytes[599] == 2));
    drop(guard);
    ensure!(drops.wait_for_one());

    // Without a destructor.
    let plain = Rcu::new(UniqueRcuBox::new_in::<A>(Plain([7; 600]), GFP_KERNEL)?);
    if let Some(old) = plain.replace(None) {
        old.kvfree_rcu();
    }
    let inner = UniqueRcuBox::new_in::<A>(Plain([7; 600]), GFP_KERNEL)?.into_inner();
    ensure!(inner.0[599] == 7);
    Ok(())
}

struct Plain([u8; 600]);

impl Reclaim for Plain {
    type Context = Softirq;
}

pub(super) fn objects_of_kmalloc_are_reclaimed() -> Outcome {
    ends_in_each_way::<Kmalloc>(Some(false))
}

pub(super) fn objects_of_vmalloc_are_reclaimed() -> Outcome {
    ends_in_each_way::<Vmalloc>(Some(true))
}

pub(super) fn objects_of_kvmalloc_are_reclaimed() -> Outcome {
    ends_in_each_way::<KVmalloc>(None)
}

pub(super) fn dropped_rcu_box_keeps_its_object_for_readers() -> Outcome {
    let drops = Drops::new()?;
    let owner = RcuBox::new(Tracked::new(1, &drops), GFP_KERNEL)?;
    ensure!(owner.number == 1);
    let guard = read_lock();
    let seen = owner.with_rcu(&guard);
    drop(owner);
    ensure!(drops.count() == 0 && seen.is_intact());
    drop(guard);
    ensure!(drops.wait_for_one());

    let again = RcuBox::new(Tracked::new(2, &drops), GFP_KERNEL)?;
    let again: UniqueRcuBox<Tracked> = again.retire().synchronize();
    ensure!(again.number == 2 && drops.count() == 1);
    Ok(())
}

pub(super) fn object_of_an_xarray_is_kept_for_its_readers() -> Outcome {
    let drops = Drops::new()?;
    let array = KBox::pin_init(XArray::new(AllocKind::Alloc), GFP_KERNEL)?;
    for number in [7, 8] {
        let new = RcuBox::new(Tracked::new(number, &drops), GFP_KERNEL)?;
        let stored = array.lock().store(number as usize, new, GFP_KERNEL);
        stored.map_err(Error::from)?;
    }
    let guard = read_lock();
    let found = xa_load(&array, 7, &guard);
    ensure!(xa_load(&array, 6, &guard).is_none());
    ensure!(array.lock().get(7).is_some_and(|found| found.number == 7));
    drop(array.lock().remove(7));
    ensure!(xa_load(&array, 7, &guard).is_none());
    ensure!(found.is_some_and(|found| found.is_intact() && found.number == 7));
    ensure!(drops.count() == 0);
    drop(guard);
    ensure!(drops.wait_for_one());
    // The array drops its other object.
    drop(array);
    rcu::barrier();
    ensure!(drops.count() == 2);
    Ok(())
}

pub(super) fn reader_keeps_a_reference_after_its_section() -> Outcome {
    let drops = Drops::new()?;
    let first = Arc::new(Tracked::new(1, &drops), GFP_KERNEL)?;
    let pointer = Rcu::new(UniqueRcuBox::new(first.clone(), GFP_KERNEL)?);
    drop(first);
    let kept = pointer.dereference(&read_lock()).cloned();
    if let Some(old) = pointer.replace(None) {
        old.call_rcu();
    }
    rcu::barrier();
    ensure!(drops.count() == 0);
    ensure!(kept.is_some_and(|kept| kept.is_intact() && kept.number == 1));
    ensure!(drops.count() == 1);

    // The published reference is the last one.
    let second = Arc::new(Tracked::new(2, &drops), GFP_KERNEL)?;
    pointer.replace(Some(UniqueRcuBox::new(second, GFP_KERNEL)?));
    let guard = read_lock();
    let seen = pointer.dereference(&guard);
    drop(pointer.replace(None));
    ensure!(seen.is_some_and(|seen| seen.is_intact()));
    drop(guard);
    rcu::barrier();
    ensure!(drops.count() == 2);
    Ok(())
}

/// C's `struct { int flags; T __rcu *object; }`.
#[repr(C)]
struct Shared {
    flags: core::ffi::c_int,
    object: Rcu<Tracked>,
}

/// C's `struct { struct limit __rcu *limit; }`.
#[repr(C)]
struct OfC {
    limit: AtomicPtr<c_void>,
}

/// C's `struct limit`.
#[repr(C)]
struct Limit(u64);

impl Reclaim for Limit {
    type Context = Headless;
}

pub(super) fn pointer_of_a_c_struct_is_shared_with_c() -> Outcome {
    let of_c = OfC {
        limit: AtomicPtr::new(core::ptr::null_mut()),
    };
    // SAFETY: The pointer is null and outlives the borrow. What follows accesses it atomically.
    let pointer: &Rcu<Limit> = unsafe { Rcu::from_raw(of_c.limit.as_ptr()) };
    ensure!(pointer.as_raw() == of_c.limit.as_ptr());
    ensure!(pointer.is_null());

    // Rust publishes; C reads the value at the address itself.
    pointer.replace(Some(UniqueRcuBox::new(Limit(1), GFP_KERNEL)?));
    let guard = read_lock();
    let seen_by_c = of_c.limit.load(Ordering::Acquire).cast::<u64>();
    // SAFETY: The object is live during the section, and its only field is a `u64`.
    ensure!(unsafe { *seen_by_c } == 1);
    ensure!(pointer
        .dereference(&guard)
        .is_some_and(|limit| limit.0 == 1));
    drop(guard);

    // C publishes an object of `kmalloc()`; Rust unpublishes and frees it.
    let by_c = KBox::into_raw(KBox::new(Limit(2), GFP_KERNEL)?);
    let first = of_c.limit.swap(by_c.cast(), Ordering::AcqRel);
    ensure!(pointer
        .dereference(&read_lock())
        .is_some_and(|limit| limit.0 == 2));
    drop(pointer.replace(None));
    rcu::synchronize();
    // SAFETY: `kmalloc()` allocated the first object, whose readers have ended.
    drop(unsafe { KBox::from_raw(first.cast::<Limit>()) });
    ensure!(of_c.limit.load(Ordering::Relaxed).is_null());
    Ok(())
}

pub(super) fn pointer_has_the_layout_of_a_c_pointer() -> Outcome {
    ensure!(size_of::<Rcu<Tracked>>() == size_of::<*mut u8>());
    ensure!(align_of::<Rcu<Tracked>>() == align_of::<*mut u8>());
    ensure!(core::mem::offset_of!(Shared, object) == size_of::<*mut u8>());
    let drops = Drops::new()?;
    let shared = Shared {
        flags: 1,
        object: Rcu::null(),
    };
    ensure!(shared.object.is_null() && shared.flags == 1);
    shared.object.replace(Some(UniqueRcuBox::new(
        Tracked::new(1, &drops),
        GFP_KERNEL,
    )?));
    ensure!(!shared.object.is_null());
    let guard = read_lock();
    ensure!(shared
        .object
        .dereference_pinned(&guard)
        .is_some_and(|it| it.number == 1));
    Ok(())
}
