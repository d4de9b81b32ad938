// SPDX-License-Identifier: GPL-2.0

//! Lookups in the kernel crate's XArray without its lock.
//!
//! C header: [`include/linux/xarray.h`](srctree/include/linux/xarray.h)

#![expect(unsafe_code, reason = "calls C")]

use super::{RcuBox, ReadSide, Reclaim};
use core::{
    mem::{align_of, size_of},
    ptr,
};
use kernel::{bindings, types::ForeignOwnable, xarray::XArray};

/// Finds the object at `index`, and borrows it during the read-side critical section: C's
/// `xa_load()`.
///
/// Updaters change the array under its lock, with [`XArray::lock`]. An [`RcuBox`] that they remove
/// is reclaimed after a grace period.
///
/// Context: any; never waits.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, xarray::{AllocKind, XArray}};
/// use rcu_routes::rcu::{read_lock, xa_load, RcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let array = KBox::pin_init(XArray::new(AllocKind::Alloc), GFP_KERNEL)?;
/// let new = RcuBox::new(Config(1), GFP_KERNEL)?; // Allocated before the spin lock is held.
/// array.lock().store(7, new, GFP_KERNEL)?;
///
/// let guard = read_lock();
/// let found = xa_load(&array, 7, &guard);
/// array.lock().remove(7);
/// assert_eq!(found.map(|config| config.0), Some(1));
/// assert!(xa_load(&array, 7, &guard).is_none());
/// # Ok::<(), Error>(())
/// ```
#[inline]
pub fn xa_load<'g, T: Reclaim + ?Sized>(
    array: &'g XArray<RcuBox<T>>,
    index: usize,
    _section: &'g impl ReadSide,
) -> Option<&'g T> {
    // SAFETY: The array is initialised. `xa_load()` locks nothing, and orders its loads as
    // `rcu_dereference()` does.
    let pointer = unsafe { bindings::xa_load(as_raw(array), index) };
    if pointer.is_null() {
        return None;
    }
    // SAFETY: All entries came from `RcuBox::into_foreign()`, and `xa_load()` returns no reserved
    // entries. The object was in the array after the section began, so the section delays its grace
    // period; the borrow of the array keeps the array from being dropped.
    Some(unsafe { RcuBox::<T>::borrow(pointer.cast()) })
}

/// Returns C's array. The kernel crate has no function for that.
#[inline]
fn as_raw<T: ForeignOwnable>(array: &XArray<T>) -> *mut bindings::xarray {
    // An `XArray` contains C's array. Both have the same size, so C's is at offset 0.
    const {
        core::assert!(size_of::<XArray<T>>() == size_of::<bindings::xarray>());
        core::assert!(align_of::<XArray<T>>() == align_of::<bindings::xarray>());
    };
    ptr::from_ref(array).cast_mut().cast()
}
