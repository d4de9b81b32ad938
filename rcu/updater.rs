// SPDX-License-Identifier: GPL-2.0

//! Updaters that exclude each other.

#![expect(unsafe_code, reason = "declares an unsafe trait")]

use core::{marker::PhantomData, mem::size_of, ops::Deref, ptr};
use kernel::{
    prelude::*,
    sync::{Mutex, MutexGuard},
};

/// State that readers share freely and that one updater at a time changes.
///
/// Readers reach `S` through `Deref`, without the lock. The RCU-protected structures in `S` that say
/// `S` in their type, such as [`Rcu<T, Locked<S>>`](super::Rcu) and [`List<T, S>`](super::List), change only through an
/// [`UpdateSide`], which nothing but the lock of *this* state gives: the lock of another one does not
/// compile, or does not find the structure in its own state.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{read_lock, Locked, Rcu, RcuBox, Reclaim, Softirq, UpdaterLock};
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
/// let first = RcuBox::new(Config { timeout_ms: 10, retries: 3 }, GFP_KERNEL)?;
/// let state = State { config: Rcu::locked(Some(first)) };
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "state")), GFP_KERNEL)?;
///
/// // An updater: nobody else's update gets lost.
/// let mut updater = state.lock();
/// let old = updater.select(|state| &state.config).copy_update(|old| {
///     let retries = old.map_or(0, |old| old.retries);
///     RcuBox::new(Config { timeout_ms: 20, retries }, GFP_KERNEL)
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
#[pin_data]
pub struct UpdaterLock<S> {
    #[pin]
    state: S,
    #[pin]
    lock: Mutex<()>,
}

impl<S> UpdaterLock<S> {
    /// An initialiser of `state` with `lock` for its updaters.
    pub fn new(state: impl PinInit<S>, lock: impl PinInit<Mutex<()>>) -> impl PinInit<Self> {
        pin_init!(Self {
            state <- state,
            lock <- lock,
        })
    }

    /// Waits until no other updater is at work.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn lock(&self) -> Updater<'_, S> {
        Updater {
            state: &self.state,
            _lock: self.lock.lock(),
        }
    }
}

impl<S> Deref for UpdaterLock<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.state
    }
}

/// The only updater of an [`UpdaterLock`], until it is dropped.
///
/// # Examples
///
/// See [`UpdaterLock`].
#[must_use = "the lock is released when this is dropped"]
pub struct Updater<'a, S> {
    state: &'a S,
    _lock: MutexGuard<'a, ()>,
}

impl<S> Updater<'_, S> {
    /// Selects one structure of the state for updating.
    ///
    /// Context: any.
    ///
    /// # Panics
    ///
    /// If `choose` returns anything but a part of the state it was given, such as a `static`. The check
    /// costs nothing where `choose` names a field.
    #[inline]
    pub fn select<P: UpdatedUnder<S>>(
        &mut self,
        choose: impl for<'s> FnOnce(&'s S) -> &'s P,
    ) -> UpdateSide<'_, P> {
        let chosen = choose(self.state);
        assert!(
            is_part(chosen, self.state),
            "the structure to update is not part of the locked state"
        );
        // INVARIANT: The structure is part of the state whose lock is held, and says so in its type.
        // `&mut self` keeps the lock held and anything else from being selected.
        UpdateSide { structure: chosen }
    }
}

impl<S> Deref for Updater<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        self.state
    }
}

/// Whether `part` lies in the memory of `whole`.
#[inline]
fn is_part<P, S>(part: &P, whole: &S) -> bool {
    let offset = (ptr::from_ref(part) as usize).wrapping_sub(ptr::from_ref(whole) as usize);
    size_of::<P>() <= size_of::<S>() && offset <= size_of::<S>() - size_of::<P>()
}

/// Exclusive access for updating to the RCU-protected structure `P`, such as an [`Rcu`](super::Rcu) or a
/// [`List`](super::List), while readers go on reading it.
///
/// # Examples
///
/// See [`UpdaterLock`] and [`List`](super::List).
///
/// # Invariants
///
/// While this exists, nobody else changes `structure`.
pub struct UpdateSide<'u, P> {
    structure: &'u P,
}

impl<'u, P> UpdateSide<'u, P> {
    #[inline]
    pub(super) fn structure(&self) -> &'u P {
        self.structure
    }
}

/// Updates of a pointer take the lock of the state `S` that the pointer is part of.
///
/// The state is named so that no other lock will do: a state cannot contain itself, hence each structure
/// that names `S` and lies in an `S` belongs to that one.
///
/// # Examples
///
/// See [`UpdaterLock`].
pub struct Locked<S>(PhantomData<fn() -> S>);

/// RCU-protected structures whose updates take the lock of the state `S` they are part of: [`Rcu<T,
/// Locked<S>>`](super::Rcu), [`List<T, S>`](super::List) and [`HashTable<T, S, _>`](super::HashTable).
///
/// # Safety
///
/// Without an [`UpdateSide`] of it, the structure cannot be changed through a shared reference. It
/// names one `S` only.
pub unsafe trait UpdatedUnder<S> {}
