// SPDX-License-Identifier: GPL-2.0

//! The schemes: each publishes a table, protects readers, and frees old tables.

#[expect(
    unsafe_code,
    reason = "crossbeam-epoch cannot know which tables are unpublished"
)]
mod epoch;
#[expect(
    unsafe_code,
    reason = "haphazard cannot know which tables are unpublished"
)]
mod hazard;
mod liburcu;
mod locked;
mod shared;
mod unprotected;

pub use epoch::Epoch;
pub use hazard::Hazard;
pub use liburcu::{Callback, Synchronize};
pub use locked::Locked;
pub use shared::Shared;
pub use unprotected::Unprotected;

use crate::Routes;
use rcu_routes::flavour::Flavour::{self, Bp, Mb, Memb, Qsbr};

/// A published table.
pub trait Scheme: Send + Sync + 'static {
    /// What a thread needs to read.
    type Reader<'a>: Reader;

    /// Publishes the first table.
    fn new(first: Routes) -> Self;

    /// Prepares the current thread for reads.
    fn reader(&self) -> Self::Reader<'_>;

    /// Replaces the table by the one that `change` makes of it. Only one thread may do so at a time.
    fn update(&self, change: impl FnOnce(&Routes) -> Routes);

    /// Frees the old tables that can be freed, as far as the scheme lets the caller ask for it.
    fn reclaim(&self) {}
}

/// A thread that reads.
pub trait Reader {
    /// Runs `body` with the current table, which is not freed meanwhile.
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T;
}

/// What theory says about the memory behind a reader that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The updater blocks, so there is one table at most beside the reader's.
    UpdaterBlocks,
    /// At most this many old tables.
    Tables(usize),
    /// Each update adds a table.
    None,
}

/// A function that is generic over the schemes.
pub trait Visitor {
    /// The result.
    type Output;

    /// Runs with the scheme `S`, whose name is `name`.
    fn visit<S: Scheme>(self, name: Name) -> Self::Output;
}

/// A scheme by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// [`Locked`].
    RwLock,
    /// [`Shared`].
    ArcSwap,
    /// [`Epoch`].
    Epoch,
    /// [`Hazard`].
    Hazard,
    /// [`Callback`], with this flavour of liburcu.
    Urcu(Flavour),
    /// [`Synchronize`], with the flavour `memb`.
    UrcuSynchronize,
}

impl Name {
    /// All schemes.
    pub const ALL: [Self; 9] = [
        Self::RwLock,
        Self::ArcSwap,
        Self::Epoch,
        Self::Hazard,
        Self::Urcu(Memb),
        Self::Urcu(Mb),
        Self::Urcu(Bp),
        Self::Urcu(Qsbr),
        Self::UrcuSynchronize,
    ];

    /// Returns the name that the table of results shows.
    pub const fn text(self) -> &'static str {
        match self {
            Self::RwLock => "RwLock",
            Self::ArcSwap => "arc-swap",
            Self::Epoch => "crossbeam-epoch",
            Self::Hazard => "haphazard",
            Self::Urcu(Memb) => "urcu-memb",
            Self::Urcu(Mb) => "urcu-mb",
            Self::Urcu(Bp) => "urcu-bp",
            Self::Urcu(Qsbr) => "urcu-qsbr",
            Self::UrcuSynchronize => "urcu-memb, synchronize",
        }
    }

    /// Returns the scheme of that name.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }

    /// Returns how much memory a reader that does not end can hold.
    pub const fn bound(self) -> Bound {
        match self {
            Self::RwLock | Self::UrcuSynchronize => Bound::UpdaterBlocks,
            Self::ArcSwap => Bound::Tables(1),
            Self::Hazard => Bound::Tables(hazard::MAX_RETIRED),
            Self::Epoch | Self::Urcu(_) => Bound::None,
        }
    }

    /// Runs `visitor` with the scheme. One process cannot use two flavours of liburcu.
    pub fn visit<V: Visitor>(self, visitor: V) -> V::Output {
        match self {
            Self::RwLock => visitor.visit::<Locked>(self),
            Self::ArcSwap => visitor.visit::<Shared>(self),
            Self::Epoch => visitor.visit::<Epoch>(self),
            Self::Hazard => visitor.visit::<Hazard>(self),
            Self::Urcu(flavour) => {
                flavour.select().expect("the only flavour of this process");
                visitor.visit::<Callback>(self)
            }
            Self::UrcuSynchronize => {
                Memb.select().expect("the only flavour of this process");
                visitor.visit::<Synchronize>(self)
            }
        }
    }
}
