// SPDX-License-Identifier: GPL-2.0

//! Proofs that only the library copies.

/// A field that keeps its struct from being [`Copy`].
///
/// Code of the same crate may implement `Copy` for a type whose fields are all `Copy`, and a module
/// is one crate with the library. It cannot name this type, so it cannot implement `Copy` for it.
pub(super) struct NotCopy;
