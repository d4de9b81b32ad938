// SPDX-License-Identifier: GPL-2.0

//! The flavours of liburcu. A cargo feature of the same name includes each.
//!
//! | flavour | a reader | an updater |
//! |---|---|---|
//! | [`Memb`](Flavour::Memb) | writes its own counter | interrupts the CPUs of readers by `membarrier()` |
//! | [`Mb`](Flavour::Mb) | writes its own counter, with a memory barrier | only reads the counters |
//! | [`Bp`](Flavour::Bp) | as `Memb`; liburcu registers threads itself | as `Memb` |
//! | [`Qsbr`](Flavour::Qsbr) | does nothing, see [`Online`] | waits for a quiescent state of each thread that is online |
//!
//! A process uses one flavour: the one that it [selects](Flavour::select), or the first of the
//! table that is included.

use crate::{
    bindings::{callback_head, rcu_callback_t, urcu_gp_poll_state},
    context,
};
use core::{fmt, marker::PhantomData, str::FromStr};
use std::sync::OnceLock;

/// A flavour of liburcu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Readers execute no memory barrier: `membarrier()` does so on their behalf.
    Memb,
    /// Readers execute memory barriers.
    Mb,
    /// The bulletproof flavour, which registers threads itself.
    Bp,
    /// Quiescent-state-based reclamation.
    Qsbr,
}

/// The functions of a flavour.
pub(crate) struct Functions {
    flavour: Flavour,
    pub(crate) register_thread: unsafe extern "C" fn(),
    pub(crate) unregister_thread: unsafe extern "C" fn(),
    pub(crate) read_lock: unsafe extern "C" fn(),
    pub(crate) read_unlock: unsafe extern "C" fn(),
    pub(crate) synchronize_rcu: unsafe extern "C" fn(),
    pub(crate) call_rcu: unsafe extern "C" fn(*mut callback_head, rcu_callback_t),
    pub(crate) barrier: unsafe extern "C" fn(),
    pub(crate) start_poll_synchronize_rcu: unsafe extern "C" fn() -> urcu_gp_poll_state,
    pub(crate) poll_state_synchronize_rcu: unsafe extern "C" fn(urcu_gp_poll_state) -> bool,
}

/// Returns the functions of a flavour: liburcu's names have its name as prefix. The functions that
/// differ between flavours follow it.
macro_rules! functions {
    ($flavour:ident, $prefix:literal, $($field:ident: $function:expr),* $(,)?) => {{
        extern "C" {
            #[link_name = concat!($prefix, "_synchronize_rcu")]
            fn synchronize_rcu();
            #[link_name = concat!($prefix, "_call_rcu")]
            fn call_rcu(head: *mut callback_head, func: rcu_callback_t);
            #[link_name = concat!($prefix, "_barrier")]
            fn barrier();
            #[link_name = concat!($prefix, "_start_poll_synchronize_rcu")]
            fn start_poll_synchronize_rcu() -> urcu_gp_poll_state;
            #[link_name = concat!($prefix, "_poll_state_synchronize_rcu")]
            fn poll_state_synchronize_rcu(state: urcu_gp_poll_state) -> bool;
        }
        Functions {
            flavour: Flavour::$flavour,
            $($field: $function,)*
            synchronize_rcu,
            call_rcu,
            barrier,
            start_poll_synchronize_rcu,
            poll_state_synchronize_rcu,
        }
    }};
}

#[cfg(any(feature = "memb", feature = "mb", feature = "bp"))]
extern "C" {
    #[cfg(feature = "memb")]
    fn urcu_memb_register_thread();
    #[cfg(feature = "memb")]
    fn urcu_memb_unregister_thread();
    #[cfg(feature = "memb")]
    fn urcu_memb_read_lock();
    #[cfg(feature = "memb")]
    fn urcu_memb_read_unlock();
    #[cfg(feature = "mb")]
    fn urcu_mb_register_thread();
    #[cfg(feature = "mb")]
    fn urcu_mb_unregister_thread();
    #[cfg(feature = "mb")]
    fn urcu_mb_read_lock();
    #[cfg(feature = "mb")]
    fn urcu_mb_read_unlock();
    #[cfg(feature = "bp")]
    fn urcu_bp_register_thread();
    #[cfg(feature = "bp")]
    fn urcu_bp_read_lock();
    #[cfg(feature = "bp")]
    fn urcu_bp_read_unlock();
}

/// The included flavours; the first is the default.
static INCLUDED: &[Functions] = &[
    #[cfg(feature = "memb")]
    functions!(Memb, "urcu_memb",
        register_thread: urcu_memb_register_thread,
        unregister_thread: urcu_memb_unregister_thread,
        read_lock: urcu_memb_read_lock,
        read_unlock: urcu_memb_read_unlock,
    ),
    #[cfg(feature = "mb")]
    functions!(Mb, "urcu_mb",
        register_thread: urcu_mb_register_thread,
        unregister_thread: urcu_mb_unregister_thread,
        read_lock: urcu_mb_read_lock,
        read_unlock: urcu_mb_read_unlock,
    ),
    #[cfg(feature = "bp")]
    functions!(Bp, "urcu_bp",
        register_thread: urcu_bp_register_thread,
        unregister_thread: left_to_liburcu,
        read_lock: urcu_bp_read_lock,
        read_unlock: urcu_bp_read_unlock,
    ),
    #[cfg(feature = "qsbr")]
    functions!(Qsbr, "urcu_qsbr",
        register_thread: qsbr::register_thread,
        unregister_thread: qsbr::urcu_qsbr_unregister_thread,
        read_lock: qsbr::read_lock,
        read_unlock: qsbr::read_unlock,
    ),
];

#[cfg(not(any(feature = "memb", feature = "mb", feature = "bp", feature = "qsbr")))]
compile_error!("no flavour of liburcu: enable one of the features memb, mb, bp and qsbr");

/// Does nothing: `bp` unregisters threads itself.
#[cfg(feature = "bp")]
unsafe extern "C" fn left_to_liburcu() {}

/// Readers of the flavour `qsbr`. A thread is online inside critical sections, and as long as it has
/// an [`Online`]. So a thread that never calls [`Online::new`] delays no updater outside its
/// critical sections.
#[cfg(feature = "qsbr")]
mod qsbr {
    use crate::context;

    extern "C" {
        fn urcu_qsbr_register_thread();
        pub(super) fn urcu_qsbr_unregister_thread();
        pub(super) fn urcu_qsbr_thread_online();
        pub(super) fn urcu_qsbr_thread_offline();
        pub(super) fn urcu_qsbr_quiescent_state();
    }

    /// Registers the thread, which then is offline.
    pub(super) unsafe extern "C" fn register_thread() {
        // SAFETY: The caller guarantees that the thread is not registered.
        unsafe { urcu_qsbr_register_thread() };
        // SAFETY: The thread is registered, and in no critical section.
        unsafe { urcu_qsbr_thread_offline() };
    }

    /// Begins a critical section, which the context counts already.
    pub(super) unsafe extern "C" fn read_lock() {
        if context::is_in_outermost_reader() && !context::keeps_online() {
            // SAFETY: The thread is registered.
            unsafe { urcu_qsbr_thread_online() };
        }
    }

    /// Ends a critical section, which the context still counts.
    pub(super) unsafe extern "C" fn read_unlock() {
        if context::is_in_outermost_reader() && !context::keeps_online() {
            // SAFETY: The thread is registered, and its last critical section ends.
            unsafe { urcu_qsbr_thread_offline() };
        }
    }
}

/// The flavour of this process, if several are included.
static CHOSEN: OnceLock<&Functions> = OnceLock::new();

/// Returns the functions of the current flavour.
#[inline]
pub(crate) fn functions() -> &'static Functions {
    match INCLUDED {
        [only] => only,
        several => CHOSEN.get_or_init(|| &several[0]),
    }
}

impl Flavour {
    /// All flavours of liburcu that this crate supports.
    pub const ALL: [Self; 4] = [Self::Memb, Self::Mb, Self::Bp, Self::Qsbr];

    /// Returns the name of the flavour in liburcu.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memb => "memb",
            Self::Mb => "mb",
            Self::Bp => "bp",
            Self::Qsbr => "qsbr",
        }
    }

    /// Returns the included flavours.
    pub fn included() -> impl Iterator<Item = Self> {
        INCLUDED.iter().map(|functions| functions.flavour)
    }

    /// Returns the flavour of this process.
    pub fn current() -> Self {
        functions().flavour
    }

    /// Makes this flavour that of the process.
    ///
    /// Errors: the flavour is not included, or the process already uses another flavour.
    pub fn select(self) -> Result<(), SelectError> {
        let wanted = INCLUDED
            .iter()
            .find(|functions| functions.flavour == self)
            .ok_or(SelectError::NotIncluded(self))?;
        if INCLUDED.len() > 1 {
            CHOSEN.get_or_init(|| wanted);
        }
        match Self::current() {
            current if current == self => Ok(()),
            current => Err(SelectError::InUse(current)),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Flavour {
    type Err = SelectError;

    fn from_str(name: &str) -> Result<Self, SelectError> {
        let mut all = Self::ALL.into_iter();
        all.find(|flavour| flavour.name() == name)
            .ok_or(SelectError::Unknown)
    }
}

/// The reason why a flavour cannot be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// No flavour has that name.
    Unknown,
    /// The cargo feature of the flavour is off.
    NotIncluded(Flavour),
    /// The process already uses this other flavour.
    InUse(Flavour),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown flavour; expected memb, mb, bp or qsbr"),
            Self::NotIncluded(flavour) => write!(
                f,
                "flavour {flavour} is not included; build with the cargo feature {flavour}"
            ),
            Self::InUse(flavour) => write!(
                f,
                "the process already uses flavour {flavour}; select a flavour before the first use of RCU"
            ),
        }
    }
}

impl std::error::Error for SelectError {}

/// Keeps the current thread online between its critical sections.
///
/// With the flavour [`Qsbr`](Flavour::Qsbr) critical sections then cost nothing. In return, each
/// grace period waits until the thread reports a quiescent state: the thread must call
/// [`quiescent_state`](Self::quiescent_state) again and again. It must not block, except in this
/// crate's own functions that sleep: they put the thread offline meanwhile.
///
/// With other flavours this type does nothing.
pub struct Online(PhantomData<*mut ()>);

impl Online {
    /// Puts the thread online.
    pub fn new() -> Self {
        context::register();
        context::begin_online(go_online);
        Self(PhantomData)
    }

    /// Reports a quiescent state of the thread.
    ///
    /// # Panics
    ///
    /// Inside a read-side critical section, whose objects grace periods would no longer protect.
    #[inline]
    #[track_caller]
    pub fn quiescent_state(&self) {
        context::assert_no_reader("Online::quiescent_state()");
        #[cfg(feature = "qsbr")]
        if Flavour::current() == Flavour::Qsbr {
            // SAFETY: The thread is registered, and in no critical section, as checked above.
            unsafe { qsbr::urcu_qsbr_quiescent_state() };
        }
    }
}

impl Default for Online {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        context::end_online(go_offline);
    }
}

/// Puts the thread online. It must be registered, and offline.
pub(crate) fn go_online() {
    #[cfg(feature = "qsbr")]
    if Flavour::current() == Flavour::Qsbr {
        // SAFETY: `context` calls this only for a registered thread.
        unsafe { qsbr::urcu_qsbr_thread_online() };
    }
}

/// Puts the thread offline. It must be registered, and in no critical section.
pub(crate) fn go_offline() {
    #[cfg(feature = "qsbr")]
    if Flavour::current() == Flavour::Qsbr {
        // SAFETY: `context` calls this only for a registered thread without a reader.
        unsafe { qsbr::urcu_qsbr_thread_offline() };
    }
}
