// SPDX-License-Identifier: GPL-2.0

//! The readers that a grace period waits for: those of RCU, or of one SRCU domain.

#![expect(unsafe_code, reason = "calls C")]

use super::{grace_period, GracePeriod, Srcu, SrcuGracePeriod};
use kernel::bindings;

/// RCU's only domain: its grace periods wait for all readers in the kernel.
///
/// It is the default wherever a type names a domain.
///
/// # Examples
///
/// See [`Domain`].
#[derive(Clone, Copy)]
pub struct Global;

/// The domain whose readers could reach an object: [`Global`], or `&Srcu`.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu::{Domain, Reclaim, Retired, UniqueRcuBox};
///
/// fn wait<T: Reclaim, D: Domain>(old: Retired<T, D>) -> UniqueRcuBox<T> {
///     old.synchronize()
/// }
/// ```
///
/// # Safety
///
/// - The grace period of each function waits for all readers of the domain that began before.
/// - `call()` passes the head to the callback after such a grace period, with bottom halves off.
pub unsafe trait Domain: Copy + Send + Sync + private::Sealed {
    /// [`Global`] or [`Srcu`], as structures name it: [`List<T, S, Srcu>`](super::List).
    type Kind: DomainKind;

    /// The cookie of a grace period of this domain.
    #[doc(hidden)]
    type Cookie: Copy + Send + Sync;

    /// Whether callbacks are counted, because no function waits for those of all domains.
    #[doc(hidden)]
    const IS_COUNTED: bool;

    /// The name of the function that `call()` stands on, for the log.
    #[doc(hidden)]
    const CALL: &'static str;

    #[doc(hidden)]
    #[track_caller]
    fn synchronize(self);

    #[doc(hidden)]
    #[track_caller]
    fn synchronize_expedited(self);

    #[doc(hidden)]
    fn start(self) -> Self::Cookie;

    #[doc(hidden)]
    fn snapshot(self) -> Self::Cookie;

    #[doc(hidden)]
    fn is_complete(cookie: Self::Cookie) -> bool;

    /// # Safety
    ///
    /// The memory at `head` belongs to this call until it is passed to `callback`. The code of
    /// `callback` remains loaded until then.
    #[doc(hidden)]
    unsafe fn call(
        self,
        head: *mut bindings::callback_head,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
    );
}

mod private {
    /// Keeps other modules from implementing [`Domain`](super::Domain) and
    /// [`DomainKind`](super::DomainKind).
    pub trait Sealed {}
}
use private::Sealed;

impl Sealed for Global {}
impl Sealed for Srcu {}
impl Sealed for &Srcu {}

/// A domain as structures name it: [`Global`] or [`Srcu`].
///
/// # Examples
///
/// See [`SrcuLock`](super::SrcuLock).
pub trait DomainKind: Sealed {
    /// The borrowed domain.
    type Domain<'a>: Domain<Kind = Self>;
}

impl DomainKind for Global {
    type Domain<'a> = Self;
}

impl DomainKind for Srcu {
    type Domain<'a> = &'a Self;
}

/// The borrowed domain of a kind.
pub(super) type DomainOf<'a, K> = <K as DomainKind>::Domain<'a>;

// SAFETY: RCU's functions wait for all readers.
unsafe impl Domain for Global {
    type Kind = Self;
    type Cookie = GracePeriod;

    const IS_COUNTED: bool = false;
    const CALL: &'static str = "call_rcu()";

    #[track_caller]
    fn synchronize(self) {
        grace_period::synchronize();
    }

    #[track_caller]
    fn synchronize_expedited(self) {
        grace_period::synchronize_expedited();
    }

    fn start(self) -> GracePeriod {
        GracePeriod::start()
    }

    fn snapshot(self) -> GracePeriod {
        GracePeriod::snapshot()
    }

    fn is_complete(cookie: GracePeriod) -> bool {
        cookie.is_complete()
    }

    #[inline]
    unsafe fn call(
        self,
        head: *mut bindings::callback_head,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
    ) {
        // SAFETY: The caller guarantees that the head is in no other list of callbacks, and that
        // the callback remains loaded.
        unsafe { bindings::call_rcu(head, Some(callback)) };
    }
}

// SAFETY: SRCU's functions wait for all readers of their domain.
unsafe impl<'a> Domain for &'a Srcu {
    type Kind = Srcu;
    type Cookie = SrcuGracePeriod<'a>;

    const IS_COUNTED: bool = true;
    const CALL: &'static str = "call_srcu()";

    #[track_caller]
    fn synchronize(self) {
        Srcu::synchronize(self);
    }

    #[track_caller]
    fn synchronize_expedited(self) {
        Srcu::synchronize_expedited(self);
    }

    fn start(self) -> SrcuGracePeriod<'a> {
        SrcuGracePeriod::start(self)
    }

    fn snapshot(self) -> SrcuGracePeriod<'a> {
        SrcuGracePeriod::snapshot(self)
    }

    fn is_complete(cookie: SrcuGracePeriod<'a>) -> bool {
        cookie.is_complete()
    }

    unsafe fn call(
        self,
        head: *mut bindings::callback_head,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
    ) {
        // SAFETY: The caller guarantees that the head is in no other list of callbacks, and that
        // the callback remains loaded. The domain is live until the callback has run: its drop
        // waits, and a domain that is never dropped remains.
        unsafe { bindings::call_srcu(self.as_raw(), head, Some(callback)) };
    }
}
