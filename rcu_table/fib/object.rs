// SPDX-License-Identifier: GPL-2.0

//! The memory of nodes, pages and roots, as the updater owns it.

use super::{
    hidden::Hidden,
    node::{shape, split, Link, NodeRef},
    roots::RootsBox,
    Slot, Slots, NO_PAGE,
};
use crate::{kernel_ext::sched, rcu_table::stats::Footprint};
use core::{
    marker::PhantomData,
    mem::{size_of, ManuallyDrop},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{bindings, prelude::*};

/// Returns the flags of allocations that user space causes. A failure needs no message in the log,
/// because the caller gets `ENOMEM`.
pub(in super::super) fn gfp() -> kernel::alloc::Flags {
    GFP_KERNEL_ACCOUNT | __GFP_NOWARN
}

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u8; 64]);

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Node,
    Page,
    Roots,
    /// Answers.
    Other,
}

/// An object of the FIB, or none. The slots that link to a published one own it together with the
/// table, so only the updater who has unlinked it may end it.
///
/// It has no destructor: an object ends in [`Fib::free`] or in a list of retired ones.
///
/// # Invariants
///
/// If `link` is not `None`, it is the tagged address of an object that this value owns; the
/// allocation begins `before` lines before it and has `lines` lines.
pub(in super::super) struct Fib {
    pub(super) link: Option<NonNull<u8>>,
    lines: u32,
    before: u8,
    kind: Kind,
}

// SAFETY: A `Fib` owns its object, and any task may free the memory.
unsafe impl Send for Fib {}
// SAFETY: A shared reference gives access to atomics, to words that do not change, and to hidden
// routes, which only the updater with the table's mutex uses.
unsafe impl Sync for Fib {}

/// An updater yields the CPU before it copies more than these bytes. Only a node or page with many
/// metrics has more, up to 196 KiB. Without this, a transaction would copy 128 such nodes between
/// two points at which it yields the CPU.
const YIELD_BYTES: usize = 4096;

/// Yields the CPU before the updater copies many bytes.
///
/// Context: may sleep.
pub(super) fn yield_before_copy(bytes: usize) {
    if bytes > YIELD_BYTES {
        sched::yield_now();
    }
}

/// Allocates lines, which are not initialised.
pub(super) fn allocate(lines: usize) -> Result<NonNull<u8>> {
    let memory = KVVec::<Line>::with_capacity(lines, gfp())?;
    let mut memory = ManuallyDrop::new(memory);
    NonNull::new(memory.as_mut_ptr().cast()).ok_or(ENOMEM)
}

impl Fib {
    pub(in super::super) const NONE: Self = Self {
        link: None,
        lines: 0,
        before: 0,
        kind: Kind::Other,
    };

    /// Allocates a node: `before` bytes for the slots, and `size` bytes for the rest.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn node(before: usize, size: usize) -> Result<Self> {
        yield_before_copy(size);
        let (before, size) = (before.div_ceil(64), size.div_ceil(64));
        let memory = allocate(before + size)?;
        // SAFETY: The allocation begins with the lines before the node, so the sum lies in it.
        let link = unsafe { NonNull::new_unchecked(memory.as_ptr().add(64 * before)) };
        // INVARIANT: As computed here. A node has at most 256 slots, in 64 lines.
        Ok(Self {
            link: Some(link),
            lines: (before + size) as u32,
            before: before as u8,
            kind: Kind::Node,
        })
    }

    /// Takes over an allocation that is neither page nor node.
    ///
    /// # Safety
    ///
    /// `memory` came from [`allocate`] with that number of lines, and has no other owner.
    pub(super) unsafe fn other(memory: NonNull<u8>, lines: usize) -> Self {
        // INVARIANT: By this function's requirement.
        Self {
            link: Some(memory),
            lines: lines as u32,
            before: 0,
            kind: Kind::Other,
        }
    }

    /// Takes over roots.
    ///
    /// # Safety
    ///
    /// `memory` came from [`allocate`] for roots, and has no other owner.
    pub(super) unsafe fn roots(memory: NonNull<u8>) -> Self {
        // INVARIANT: By this function's requirement.
        Self {
            link: Some(memory),
            lines: RootsBox::LINES as u32,
            before: 0,
            kind: Kind::Roots,
        }
    }

    /// Returns the object with tags in its link.
    pub(super) fn tagged(mut self, tags: usize) -> Self {
        let tagged = |link: NonNull<u8>| NonNull::new(link.as_ptr().wrapping_byte_add(tags));
        self.link = self.link.and_then(tagged);
        self
    }

    /// Allocates a page: a copy of another one, or an empty one.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn page(of: Option<&Slots>) -> Result<Self> {
        let hidden = of.and_then(Slots::hidden).map(Hidden::copy).transpose()?;
        let hidden = hidden.map(|hidden| KBox::new(hidden, gfp())).transpose()?;
        let memory = allocate(Self::PAGE_LINES)?;
        let from = of.unwrap_or(&NO_PAGE);
        // SAFETY: Both are pages. Only the updater changes the old one, and it calls this.
        unsafe { ptr::copy_nonoverlapping(from, memory.as_ptr().cast::<Slots>(), 1) };
        // SAFETY: The new page is initialised.
        let page = unsafe { memory.cast::<Slots>().as_ref() };
        page.forget_hidden();
        page.set_hidden(hidden);
        Ok(Self::of_page(page))
    }

    const PAGE_LINES: usize = size_of::<Slots>() / size_of::<Line>();

    /// Returns the object of a page that the updater has unlinked, or unlinks.
    pub(super) fn of_page(page: &Slots) -> Self {
        // INVARIANT: A page is an allocation of its own.
        Self {
            link: Some(NonNull::from(page).cast()),
            lines: Self::PAGE_LINES as u32,
            before: 0,
            kind: Kind::Page,
        }
    }

    /// Returns the object of a node that the updater has unlinked, or unlinks.
    ///
    /// # Safety
    ///
    /// `link` leads to a live node; `has_key` is set for IPv6.
    pub(super) unsafe fn of_node(link: Link, has_key: bool) -> Self {
        let (node, tags) = split(link.0.as_ptr());
        // SAFETY: The caller guarantees a node.
        let shape = unsafe { shape(node, tags, has_key) };
        let before = (shape.children * size_of::<Slot>()).div_ceil(64);
        // INVARIANT: `node()` has allocated the same number of lines.
        Self {
            link: Some(link.public().skipping(0).0),
            lines: (before + shape.size().div_ceil(64)) as u32,
            before: before as u8,
            kind: Kind::Node,
        }
    }

    /// Returns a copy of a node, which links to the same children.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn copy(&self) -> Result<Self> {
        let memory = allocate(self.lines as usize)?;
        let Some(from) = self.duplicate().into_memory() else {
            return Ok(Self::NONE);
        };
        let tags = self.link.map_or(0, |link| split(link.as_ptr()).1);
        let lines = self.lines as usize;
        // SAFETY: Both allocations have that many lines, and the node lies in them. Only the
        // updater changes the old one, and it calls this.
        let link = unsafe {
            ptr::copy_nonoverlapping(
                from.cast::<Line>().as_ptr(),
                memory.cast::<Line>().as_ptr(),
                lines,
            );
            NonNull::new_unchecked(memory.as_ptr().add(64 * usize::from(self.before)))
        };
        // INVARIANT: The allocation is like the old one.
        let copy = Self {
            link: Some(link),
            ..*self
        };
        Ok(copy.tagged(tags))
    }

    /// Returns the slots of a page.
    pub(super) fn slots(&self) -> Option<&Slots> {
        let link = self.link?;
        match self.kind {
            // SAFETY: By the type invariant this is a live page.
            Kind::Page => Some(unsafe { link.cast::<Slots>().as_ref() }),
            _ => None,
        }
    }

    /// Returns whether there is no object.
    pub(in super::super) fn is_none(&self) -> bool {
        self.link.is_none()
    }

    /// Returns the link to the object; without one, to nothing.
    pub(in super::super) fn link(&self) -> Link {
        self.link.map_or(Link::no_node(), Link)
    }

    /// Returns a second value for the same object. The caller must end only one of both.
    pub(super) fn duplicate(&self) -> Self {
        Self { ..*self }
    }

    /// Returns a view of the page or node.
    pub(super) fn view(&self) -> Option<NodeRef<'_>> {
        let is_page = match self.kind {
            Kind::Page => true,
            Kind::Node => false,
            Kind::Roots | Kind::Other => return None,
        };
        // INVARIANT: By the type invariant the object is live.
        Some(NodeRef {
            link: self.link?.as_ptr(),
            is_page,
            _live: PhantomData,
        })
    }

    /// Returns the memory that the object takes, with its hidden routes.
    pub(in super::super) fn footprint(&self) -> Footprint {
        match self.link {
            Some(_) => {
                let mut footprint = Footprint::of_object(self.lines as usize * 64);
                let hidden = self.slots().and_then(Slots::hidden);
                footprint.bytes += hidden.map_or(0, Hidden::bytes);
                footprint
            }
            None => Footprint::default(),
        }
    }

    /// Frees the hidden routes of a page or of roots. There must be an object.
    fn free_hidden(&self) {
        let families = match self.kind {
            Kind::Page => 1,
            Kind::Roots => 2,
            Kind::Node | Kind::Other => 0,
        };
        let slots = self
            .link
            .map_or(ptr::null_mut(), NonNull::as_ptr)
            .cast::<Slots>();
        for family in 0..families {
            // SAFETY: The caller has an object. By the type invariant it is live: a page has one
            // array of slots, and roots have two.
            unsafe { &*slots.add(family) }.set_hidden(None);
        }
    }

    /// Returns the start of the allocation, for `kvfree()`. The caller owns it from now on.
    pub(super) fn into_kvfree_memory(self) -> Option<NonNull<u8>> {
        if self.link.is_some() {
            self.free_hidden();
        }
        self.into_memory()
    }

    /// Returns the start of the allocation, which the caller owns from now on.
    fn into_memory(self) -> Option<NonNull<u8>> {
        let (at, _) = split(self.link?.as_ptr());
        NonNull::new(at.wrapping_byte_sub(64 * usize::from(self.before)))
    }

    /// Frees the object at once. The caller guarantees that it was never published, or that a grace
    /// period has ended since it was unlinked.
    pub(in super::super) fn free(self) {
        if self.link.is_some() {
            self.free_hidden();
        }
        if let Some(memory) = self.into_memory() {
            // SAFETY: By the type invariant this value owned the allocation. The caller guarantees
            // that no reader can reach it.
            unsafe { bindings::kvfree(memory.as_ptr().cast()) };
        }
    }
}

/// The data of a page or root that only the updater uses, in the marks of its slots.
impl Slots {
    /// The marks that hold the address of the hidden routes.
    const HIDDEN: [usize; 2] = [1, 2];
    /// The mark that holds the number of slots with children.
    const CHILDREN: usize = 3;
    /// The mark that holds the number of routes.
    const ROUTES: usize = 4;

    fn hidden_pointer(&self) -> *mut Hidden {
        // ORDERING: Relaxed: only the updater uses these marks.
        let half = |at: usize| u64::from(self.0[at].mark.load(Ordering::Relaxed));
        let [low, high] = Self::HIDDEN;
        (half(low) | (half(high) << 32)) as usize as *mut Hidden
    }

    /// Returns the hidden routes, for the updater.
    pub(super) fn hidden(&self) -> Option<&Hidden> {
        // SAFETY: `set_hidden()` has stored the address of a live box, or null. Only the updater
        // replaces it, and it calls this.
        unsafe { self.hidden_pointer().as_ref() }
    }

    /// Forgets the hidden routes, which another page owns.
    fn forget_hidden(&self) {
        for at in Self::HIDDEN {
            self.0[at].mark.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn take_hidden(&self) -> Option<KBox<Hidden>> {
        let old = self.hidden_pointer();
        self.forget_hidden();
        // SAFETY: A pointer that is not null came from `KBox::into_raw()`, and was just forgotten.
        (!old.is_null()).then(|| unsafe { KBox::from_raw(old) })
    }

    /// Replaces the hidden routes.
    pub(super) fn set_hidden(&self, hidden: Option<KBox<Hidden>>) {
        drop(self.take_hidden());
        let new = hidden.map_or(ptr::null_mut(), KBox::into_raw) as usize as u64;
        let [low, high] = Self::HIDDEN;
        self.0[low].mark.store(new as u32, Ordering::Relaxed);
        self.0[high]
            .mark
            .store((new >> 32) as u32, Ordering::Relaxed);
    }

    fn count(mark: &AtomicU32, change: i32) {
        let old = mark.load(Ordering::Relaxed);
        mark.store(old.wrapping_add_signed(change), Ordering::Relaxed);
    }

    /// Adds to the number of slots with children.
    pub(super) fn count_children(&self, change: i32) {
        Self::count(&self.0[Self::CHILDREN].mark, change);
    }

    /// Adds to the number of routes.
    pub(super) fn count_routes(&self, change: i32) {
        Self::count(&self.0[Self::ROUTES].mark, change);
    }

    /// Returns whether a page has neither children nor routes.
    pub(super) fn is_empty(&self) -> bool {
        let count = |at: usize| self.0[at].mark.load(Ordering::Relaxed);
        count(Self::CHILDREN) == 0 && count(Self::ROUTES) == 0
    }
}
