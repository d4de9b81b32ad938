// SPDX-License-Identifier: GPL-2.0

//! References that readers keep beyond their critical section.

use super::{reclaim::drops, Keyed, Reclaim, UniqueRcuBox};
use core::pin::Pin;
use kernel::sync::{
    aref::{ARef, AlwaysRefCounted},
    Arc,
};

/// The value of [`Reclaim::TEARDOWN`] for a reference to a `$value`. Does not compile if the value
/// has a teardown: others may use the value when this reference leaves its container.
macro_rules! shares {
    ($value:ty) => {{
        core::assert!(
            <$value as Reclaim>::TEARDOWN.is_none(),
            "others may share the value, so the end of a reference would skip its TEARDOWN"
        );
        None
    }};
}

/// A published reference: `Rcu<Arc<T>>`, or a list or table of `Arc<T>`.
///
/// A reader clones the reference and keeps the clone after its critical section. Unlike C's
/// `refcount_inc_not_zero()` the clone cannot fail, because the published reference is dropped only
/// after a grace period.
///
/// The reference is dropped in the context of `T`, because it may be the last one.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::{read_lock, Rcu, Reclaim, Softirq, UniqueRcuBox};
///
/// struct Session {
///     id: u64,
/// }
///
/// impl Reclaim for Session {
///     type Context = Softirq;
/// }
///
/// let session = Arc::new(Session { id: 7 }, GFP_KERNEL)?;
/// let current = Rcu::new(UniqueRcuBox::new(session, GFP_KERNEL)?);
///
/// // Look up, then keep.
/// let kept: Option<Arc<Session>> = current.dereference(&read_lock()).cloned();
///
/// drop(current.replace(None));
/// assert_eq!(kept.map(|session| session.id), Some(7));
/// # Ok::<(), Error>(())
/// ```
impl<T: Reclaim> Reclaim for Arc<T> {
    type Context = T::Context;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = drops!(T);
    const TEARDOWN: Option<fn(Pin<&Self>)> = shares!(T);
}

impl<T: Keyed> Keyed for Arc<T> {
    type Key = T::Key;

    fn key(&self) -> &T::Key {
        (**self).key()
    }
}

/// A published reference to an object of C; see the implementation for [`Arc`].
impl<T: Reclaim + AlwaysRefCounted> Reclaim for ARef<T> {
    type Context = T::Context;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = drops!(T);
    const TEARDOWN: Option<fn(Pin<&Self>)> = shares!(T);
}
