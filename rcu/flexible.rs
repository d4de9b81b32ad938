// SPDX-License-Identifier: GPL-2.0

//! RCU-protected objects of variable length.

#![expect(unsafe_code, reason = "lays out and addresses objects by hand")]

use super::{
    object::{Head, Object, Thin},
    Reclaim, Softirq, UniqueRcuBox,
};
use core::{
    alloc::{Layout, LayoutError},
    ptr::{self, NonNull},
};
use kernel::alloc::{allocator::Kmalloc, AllocError, Allocator, Flags, NumaNode};

/// A header and an array of elements in one allocation: a C struct with a flexible array member.
///
/// The object stores its number of elements, so its address alone identifies it. An atomic pointer
/// cannot hold more than an address.
///
/// ```text
///   ┌──────────┬───────┬────────┬────────────┬────────────┬─ ─
///   │ rcu_head │  len  │ header │ element 0  │ element 1  │ …
///   └──────────┴───────┴────────┴────────────┴────────────┴─ ─
/// ```
///
/// Its destructor must not sleep, because it is reclaimed in softirq context.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, Flexible, Rcu, UniqueRcuBox};
///
/// let squares = UniqueRcuBox::<Flexible<_, _>>::from_fn("squares", 4, |i| i * i, GFP_KERNEL)?;
/// let published = Rcu::new(squares);
///
/// let guard = read_lock();
/// let squares = published.dereference(&guard).unwrap();
/// assert_eq!((squares.header, &squares.elements), ("squares", &[0, 1, 4, 9][..]));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `len` is the number of elements.
#[repr(C)]
pub struct Flexible<H, E> {
    len: usize,
    /// The value before the array.
    pub header: H,
    /// The array. Its length is fixed at creation.
    pub elements: [E],
}

impl<H, E> Flexible<H, E>
where
    Self: Reclaim<Context = Softirq>,
{
    /// Returns the layout of an object with `len` elements.
    fn object_layout(len: usize) -> Result<Layout, LayoutError> {
        let (fixed, _) = Layout::new::<usize>().extend(Layout::new::<H>())?;
        let (value, _) = fixed.extend(Layout::array::<E>(len)?)?;
        let (object, _) = Layout::new::<Head>().extend(value.pad_to_align())?;
        Ok(object.pad_to_align())
    }
}

/// Returns the address of the object with `len` elements that begins at `head`.
#[inline]
fn object_at<H, E>(head: NonNull<Head>, len: usize) -> *mut Object<Flexible<H, E>>
where
    Flexible<H, E>: Reclaim,
{
    ptr::slice_from_raw_parts_mut(head.as_ptr().cast::<E>(), len) as *mut Object<Flexible<H, E>>
}

// SAFETY: By the type invariant `len` is the number of elements, so `from_head()` returns the whole
// object.
unsafe impl<H, E> Thin for Flexible<H, E> {
    #[inline]
    unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<Self>>
    where
        Self: Reclaim,
    {
        let without_elements = object_at(head, 0);
        // SAFETY: The caller guarantees a live object. The offset of `len` is the same for any
        // length.
        let len = unsafe { ptr::addr_of!((*without_elements).value.len).read() };
        // SAFETY: The address is that of `head`, which is not null.
        unsafe { NonNull::new_unchecked(object_at(head, len)) }
    }
}

impl<H, E> Reclaim for Flexible<H, E>
where
    H: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    type Context = Softirq;
}

impl<H, E> UniqueRcuBox<Flexible<H, E>>
where
    Flexible<H, E>: Reclaim<Context = Softirq>,
{
    /// Creates an object of `header` and `len` elements. `element` creates an element from its
    /// index.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn from_fn(
        header: H,
        len: usize,
        mut element: impl FnMut(usize) -> E,
        flags: Flags,
    ) -> Result<Self, AllocError> {
        let layout = Flexible::<H, E>::object_layout(len).map_err(|_| AllocError)?;
        let memory = Kmalloc::alloc(layout, flags, NumaNode::NO_NODE)?;
        let object = object_at::<H, E>(memory.cast(), len);
        // INVARIANT: The loop below writes `len` elements.
        // SAFETY: The memory has the layout of this object, so its fields are in bounds and
        // aligned. Nobody else has its address.
        unsafe {
            ptr::addr_of_mut!((*object).value.len).write(len);
            ptr::addr_of_mut!((*object).value.header).write(header);
        }
        // SAFETY: The memory has the layout of this object, so its elements are in bounds.
        let elements = unsafe { ptr::addr_of_mut!((*object).value.elements) }.cast::<E>();
        for i in 0..len {
            // SAFETY: The memory has room for `len` elements.
            unsafe { elements.add(i).write(element(i)) };
        }
        // SAFETY: `Kmalloc` allocated the memory with the layout of the object. The object is
        // initialised now, because its head needs no initialisation, and nobody else has its
        // address.
        Ok(unsafe { Self::from_raw(NonNull::new_unchecked(object)) })
    }
}
