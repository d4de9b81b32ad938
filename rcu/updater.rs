// SPDX-License-Identifier: GPL-2.0

//! Mutual exclusion of updaters.

#![expect(unsafe_code, reason = "declares an unsafe trait")]

use super::{domain::DomainOf, lock::ExclusiveLock, not_copy::NotCopy, Domain, Global};
use core::{marker::PhantomData, mem::size_of, ops::Deref, ptr};
use kernel::{prelude::*, sync::Mutex};

/// A state that readers share and that one updater at a time changes, and the updaters' lock.
///
/// `L` is the lock: a `Mutex`, a `SpinLock`, or from 7.3 on a `SpinLockIrq`. It may protect data of
/// its own, which [`Updater::data`] borrows.
///
/// With a [`SrcuLock`](super::SrcuLock) the readers are those of an SRCU domain, which several
/// structures and states share.
///
/// Readers reach `S` through `Deref`, without the lock. RCU-protected structures in `S` name `S` in
/// their type, such as [`Rcu<T, Locked<S>>`](super::Rcu) and [`List<T, S>`](super::List). They
/// change only through an [`UpdateSide`], which requires the lock of *this* state. With the lock of
/// another state the code does not build, or [`Updater::try_select`] returns an error.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{read_lock, Locked, Rcu, UniqueRcuBox, Reclaim, Softirq, UpdaterLock};
///
/// struct Config {
///     timeout_ms: u32,
///     retries: u32,
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
///
/// struct State {
///     config: Rcu<Config, Locked<State>>,
/// }
///
/// let first = UniqueRcuBox::new(Config { timeout_ms: 10, retries: 3 }, GFP_KERNEL)?;
/// let state = State { config: Rcu::locked(Some(first)) };
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "state")), GFP_KERNEL)?;
///
/// // An updater. The lock prevents lost updates.
/// let mut updater = state.lock();
/// let old = updater.select(|state| &state.config).copy_update(|old| {
///     let retries = old.map_or(0, |old| old.retries);
///     UniqueRcuBox::new(Config { timeout_ms: 20, retries }, GFP_KERNEL)
/// })?;
/// drop(updater);
/// if let Some(old) = old {
///     old.kvfree_rcu();
/// }
///
/// // A reader.
/// let guard = read_lock();
/// let config = state.config.dereference(&guard).unwrap();
/// assert_eq!((config.timeout_ms, config.retries), (20, 3));
/// # Ok::<(), Error>(())
/// ```
///
/// A spin lock that protects a counter too:
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::{Arc, SpinLock}};
/// use rcu_routes::rcu::{Locked, Rcu, UniqueRcuBox, UpdaterLock};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// struct State {
///     config: Rcu<Config, Locked<State>>,
/// }
///
/// let state = State { config: Rcu::locked(None) };
/// let state = UpdaterLock::new(state, new_spinlock!(0, "updates"));
/// let state: Arc<UpdaterLock<State, SpinLock<u64>>> = Arc::pin_init(state, GFP_KERNEL)?;
///
/// let new = UniqueRcuBox::new(Config(1), GFP_KERNEL)?;
/// let mut updater = state.lock();
/// *updater.data() += 1;
/// let old = updater.select(|state| &state.config).replace(Some(new));
/// assert!(old.is_none());
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct UpdaterLock<S, L = Mutex<()>> {
    #[pin]
    state: S,
    #[pin]
    lock: L,
}

impl<S, L: ExclusiveLock> UpdaterLock<S, L> {
    /// Returns an initialiser of `state` with `lock` for its updaters.
    pub fn new(state: impl PinInit<S>, lock: impl PinInit<L>) -> impl PinInit<Self> {
        pin_init!(Self {
            state <- state,
            lock <- lock,
        })
    }

    /// Returns an initialiser of a state whose own initialiser may fail, such as one that
    /// allocates.
    ///
    /// Errors: those of `state`.
    pub fn try_new(
        state: impl PinInit<S, Error>,
        lock: impl PinInit<L>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- state,
            lock <- lock,
        })
    }

    /// Returns an initialiser of a state with a lock, both of which may fail.
    pub(super) fn with_lock<E>(
        state: impl PinInit<S, E>,
        lock: impl PinInit<L, Error>,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            state <- state,
            lock <- lock,
        }? Error)
    }

    #[inline]
    pub(super) fn updaters(&self) -> &L {
        &self.lock
    }

    /// Acquires the lock, waiting for other updaters.
    ///
    /// Context: that of the lock; may sleep with a `Mutex`, and must then not be called inside a
    /// read-side critical section.
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> Updater<'_, S, L> {
        Updater {
            state: &self.state,
            held: self.lock.acquire(),
            domain: self.lock.domain(),
        }
    }
}

impl<S, L> Deref for UpdaterLock<S, L> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.state
    }
}

/// The holder of the lock of an [`UpdaterLock`]: its only updater.
///
/// # Examples
///
/// See [`UpdaterLock`].
#[must_use = "the lock is released when this is dropped"]
pub struct Updater<'a, S, L: ExclusiveLock + 'a = Mutex<()>> {
    state: &'a S,
    held: L::Held<'a>,
    domain: DomainOf<'a, L::Kind>,
}

impl<'a, S, L: ExclusiveLock> Updater<'a, S, L> {
    /// Borrows the data that the lock itself protects.
    ///
    /// Context: any.
    #[inline]
    pub fn data(&mut self) -> &mut L::Data
    where
        L::Data: Unpin,
    {
        L::data(&mut self.held)
    }

    /// Selects a field of the state to update: `updater.select(|state| &state.config)`.
    ///
    /// A module in which `choose` returns anything but a part of the state, such as a `static`,
    /// does not link: `rust_build_error` is undefined. The compiler must be able to see that the
    /// choice is right. If it depends on the time of the call, use [`Self::try_select`]. In user
    /// space a wrong choice panics.
    ///
    /// Context: any.
    #[inline(always)]
    pub fn select<P: UpdatedUnder<S, L::Kind>>(
        &mut self,
        choose: impl for<'s> FnOnce(&'s S) -> &'s P,
    ) -> UpdateSide<'_, P, DomainOf<'a, L::Kind>> {
        let structure = choose(self.state);
        build_assert!(
            is_part(structure, self.state),
            "the selected structure is outside the locked state; select a field of it"
        );
        self.update_side(structure)
    }

    /// Selects a structure of the state to update, such as an element of an array:
    /// `updater.try_select(|state| &state.lists[index])?`.
    ///
    /// Errors: `EINVAL` if `choose` returns a structure outside the state. Context: any.
    #[inline]
    pub fn try_select<P: UpdatedUnder<S, L::Kind>>(
        &mut self,
        choose: impl for<'s> FnOnce(&'s S) -> &'s P,
    ) -> Result<UpdateSide<'_, P, DomainOf<'a, L::Kind>>> {
        let structure = choose(self.state);
        if !is_part(structure, self.state) {
            return Err(EINVAL);
        }
        Ok(self.update_side(structure))
    }

    /// Does not compile if objects must be retired where the lock forbids sleeping.
    #[inline(always)]
    fn update_side<'u, P: UpdatedUnder<S, L::Kind>>(
        &'u mut self,
        structure: &'u P,
    ) -> UpdateSide<'u, P, DomainOf<'a, L::Kind>> {
        const {
            core::assert!(
                P::HAS_HEADS || L::MAY_SLEEP,
                "headless objects need a lock that may sleep, such as a Mutex"
            )
        };
        // INVARIANT: The callers have checked that the structure is part of the state. It names the
        // state in its type, so only the holder of the lock changes it. `&mut self` keeps the lock
        // held and excludes a second selection. The structure also names the kind of the domain.
        UpdateSide {
            structure,
            domain: self.domain,
            _proof: NotCopy,
        }
    }
}

impl<S, L: ExclusiveLock> Deref for Updater<'_, S, L> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        self.state
    }
}

/// Returns whether `part` lies inside the memory of `whole`.
#[inline(always)]
pub(super) fn is_part<P, S>(part: &P, whole: &S) -> bool {
    let offset = (ptr::from_ref(part) as usize).wrapping_sub(ptr::from_ref(whole) as usize);
    size_of::<P>() <= size_of::<S>() && offset <= size_of::<S>() - size_of::<P>()
}

/// The exclusive right to update the RCU-protected structure `P`, such as an [`Rcu`](super::Rcu) or
/// a [`List`](super::List). Readers continue meanwhile.
///
/// # Examples
///
/// See [`UpdaterLock`] and [`List`](super::List).
///
/// # Invariants
///
/// - While this exists, nothing else changes `structure`.
/// - `domain` is the domain of its readers.
pub struct UpdateSide<'u, P, D: Domain = Global> {
    structure: &'u P,
    domain: D,
    _proof: NotCopy,
}

impl<'u, P, D: Domain> UpdateSide<'u, P, D> {
    #[inline]
    pub(super) fn structure(&self) -> &'u P {
        self.structure
    }

    #[inline]
    pub(super) fn domain(&self) -> D {
        self.domain
    }
}

/// Marks a pointer that is updated under the lock of the state `S` that contains it.
///
/// The type of the state excludes other locks: a state cannot contain itself, so a structure that
/// names `S` lies inside at most one `S`.
///
/// # Examples
///
/// See [`UpdaterLock`].
pub struct Locked<S>(PhantomData<fn() -> S>);

/// An RCU-protected structure that is updated under the lock of the state `S` that contains it:
/// [`Rcu<T, Locked<S>>`](super::Rcu), [`List<T, S>`](super::List) or
/// [`HashTable<T, S, _>`](super::HashTable). `K` is the kind of its readers' domain, [`Global`] or
/// [`Srcu`](super::Srcu).
///
/// # Safety
///
/// - Safe code cannot change the structure through a shared reference without its [`UpdateSide`].
/// - Safe code reaches its objects as a reader of RCU if `K` is [`Global`], and else only through
///   [`SrcuState::select`](super::SrcuState::select).
/// - The type names only one `S`, and only one `K`.
#[diagnostic::on_unimplemented(
    message = "the lock of `{S}` does not protect a `{Self}`",
    label = "its type does not name `{S}`, or names another domain than `{K}`",
    note = "declare the structure as `Rcu<T, Locked<{S}>>`, `List<T, {S}>` or `HashTable<T, {S}, N>`",
    note = "with an SRCU domain: `Rcu<T, Locked<{S}>, Srcu>`, `List<T, {S}, Srcu>` …"
)]
pub unsafe trait UpdatedUnder<S, K = Global> {
    /// Whether its objects can be retired where sleeping is forbidden.
    #[doc(hidden)]
    const HAS_HEADS: bool;
}
