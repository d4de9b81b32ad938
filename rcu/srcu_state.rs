// SPDX-License-Identifier: GPL-2.0

//! Structures that share an SRCU domain, for readers.

#![expect(unsafe_code, reason = "states when a domain's reader lasts")]

use super::{
    lock::ExclusiveLock,
    updater::{is_part, UpdatedUnder},
    Srcu, SrcuGuard, UpdaterLock,
};
use core::ptr;
use kernel::{prelude::*, sync::Arc};

/// The lock of an [`UpdaterLock`] whose structures are read in an SRCU domain. `O` is the domain: the
/// state's own [`Srcu`], or an `Arc<Srcu>` that several states share. `L` is the lock itself.
///
/// The structures name the domain: `Rcu<T, Locked<S>, Srcu>`, `List<T, S, Srcu>`,
/// `HashTable<T, S, N, Srcu>`. Their readers hold a guard of that domain, and no other guard reads
/// them: with a guard of RCU the code does not compile, and with a guard of another SRCU domain
/// [`UpdaterLock::read`] returns an error.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::{Arc, Mutex}, task::might_sleep};
/// use rcu_routes::rcu::{
///     new_srcu, Entry, List, Locked, Rcu, Srcu, SrcuLock, UniqueRcuBox, UpdaterLock,
/// };
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// struct State {
///     current: Rcu<Config, Locked<State>, Srcu>,
///     all: List<Config, State, Srcu>,
/// }
///
/// let first = UniqueRcuBox::new(Config(1), GFP_KERNEL)?;
/// let state = State { current: Rcu::locked(Some(first)), all: List::new() };
/// let state = UpdaterLock::with_srcu(state, new_mutex!((), "state"), new_srcu!("state"));
/// let state: Arc<UpdaterLock<State, SrcuLock<Mutex<()>, Srcu>>> = Arc::pin_init(state, GFP_KERNEL)?;
///
/// let entry = Entry::new(Config(2), GFP_KERNEL)?;
/// state.lock().select(|state| &state.all).push_back(entry);
///
/// // A reader of both structures, which may sleep.
/// let guard = state.srcu().read_lock();
/// let reader = state.read(&guard)?;
/// let current = reader.select(|state| &state.current).dereference();
/// might_sleep();
/// let sum: u32 = reader.select(|state| &state.all).iter().map(|config| config.0).sum();
/// assert_eq!((current.map(|config| config.0), sum), (Some(1), 2));
/// drop(guard);
///
/// // An updater.
/// let old = state.lock().select(|state| &state.current).replace(None);
/// assert_eq!(old.map(|old| old.synchronize().0), Some(1));
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct SrcuLock<L, O> {
    #[pin]
    lock: L,
    #[pin]
    srcu: O,
}

mod private {
    /// An owner of an SRCU domain, always of the same.
    pub trait SrcuOwner {
        fn srcu(&self) -> &super::Srcu;
    }
}
use private::SrcuOwner;

impl SrcuOwner for Srcu {
    #[inline]
    fn srcu(&self) -> &Srcu {
        self
    }
}

impl SrcuOwner for Arc<Srcu> {
    #[inline]
    fn srcu(&self) -> &Srcu {
        self
    }
}

// SAFETY: `L` has one holder at a time.
unsafe impl<L: ExclusiveLock, O: SrcuOwner> ExclusiveLock for SrcuLock<L, O> {
    type Data = L::Data;
    type Kind = Srcu;
    const MAY_SLEEP: bool = L::MAY_SLEEP;
    type Held<'a>
        = L::Held<'a>
    where
        Self: 'a;

    #[inline]
    fn domain(&self) -> &Srcu {
        self.srcu.srcu()
    }

    #[inline]
    #[track_caller]
    fn acquire(&self) -> L::Held<'_> {
        self.lock.acquire()
    }

    #[inline]
    fn data<'h>(held: &'h mut L::Held<'_>) -> &'h mut L::Data
    where
        L::Data: Unpin,
    {
        L::data(held)
    }
}

impl<S, L: ExclusiveLock, O: SrcuOwner> UpdaterLock<S, SrcuLock<L, O>> {
    /// Returns an initialiser of a state whose structures are read in the domain `srcu`:
    /// [`new_srcu!`](super::new_srcu), or an `Arc<Srcu>`.
    ///
    /// The drop of the state's own domain may sleep; see [`Srcu`].
    ///
    /// Errors: those of `state` and `srcu`.
    pub fn with_srcu<E, F>(
        state: impl PinInit<S, E>,
        lock: impl PinInit<L>,
        srcu: impl PinInit<O, F>,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E> + From<F>,
    {
        let lock = try_pin_init!(SrcuLock { lock <- lock, srcu <- srcu }? Error);
        Self::with_lock(state, lock)
    }
}

impl<S, L: ExclusiveLock<Kind = Srcu>> UpdaterLock<S, L> {
    /// Borrows the domain of the state's readers.
    ///
    /// Context: any.
    #[inline]
    pub fn srcu(&self) -> &Srcu {
        self.updaters().domain()
    }

    /// Borrows the state during a read-side critical section of its domain.
    ///
    /// States may share a domain, and then one guard reads all of them.
    ///
    /// Errors: `EINVAL` if `guard` belongs to another domain. Context: any; never waits.
    #[inline]
    pub fn read<'g>(&'g self, guard: &'g SrcuGuard<'_>) -> Result<SrcuState<'g, S>> {
        if !ptr::eq(self.srcu(), guard.domain()) {
            return Err(EINVAL);
        }
        // INVARIANT: `guard` is borrowed during `'g`, and belongs to this state's domain.
        Ok(SrcuState { state: self })
    }
}

/// A state whose structures are read in a critical section of their SRCU domain: the result of
/// [`UpdaterLock::read`].
///
/// # Examples
///
/// See [`SrcuLock`].
///
/// # Invariants
///
/// A read-side critical section of the domain of the state's [`UpdaterLock`] lasts during `'g`.
pub struct SrcuState<'g, S> {
    state: &'g S,
}

impl<'g, S> SrcuState<'g, S> {
    /// Selects a structure of the state to read: `state.select(|state| &state.list)`.
    ///
    /// As for [`Updater::select`](super::Updater::select), a module in which `choose` returns
    /// anything but a part of the state does not link. In user space it panics.
    ///
    /// Context: any.
    #[inline(always)]
    pub fn select<P: UpdatedUnder<S, Srcu>>(
        &self,
        choose: impl for<'s> FnOnce(&'s S) -> &'s P,
    ) -> SrcuView<'g, P> {
        let structure = choose(self.state);
        build_assert!(
            is_part(structure, self.state),
            "the selected structure is outside the state; select a field of it"
        );
        // INVARIANT: The structure names the state in its type and is part of it, so its domain is
        // the state's.
        SrcuView { structure }
    }
}

/// A structure of an [`SrcuState`], during a read-side critical section of its domain.
///
/// # Examples
///
/// See [`SrcuLock`].
///
/// # Invariants
///
/// A read-side critical section of the domain of `structure` lasts during `'g`.
pub struct SrcuView<'g, P> {
    structure: &'g P,
}

impl<'g, P> SrcuView<'g, P> {
    #[inline]
    pub(super) fn structure(&self) -> &'g P {
        self.structure
    }
}
