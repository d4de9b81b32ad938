// SPDX-License-Identifier: GPL-2.0

//! One route table under several schemes of deferred reclamation.
//!
//! The [table](Routes) never changes: an updater replaces it by a changed copy. The [schemes](schemes)
//! differ in how a reader protects the table that it found, and when the old table is freed.
//! `examples/reclamation.rs` measures them. `docs/rcu/reclamation.md` explains the results.

mod measure;
mod routes;
pub mod schemes;

pub use measure::{baseline, behind_a_stalled_reader, cost, Behind, Cost};
pub use routes::{Routes, Versions};
pub use schemes::{Bound, Name, Reader, Scheme, Visitor};
