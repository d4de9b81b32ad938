// SPDX-License-Identifier: GPL-2.0

//! The job control and the knobs that torture, stall and scale share.

pub(crate) mod control;
pub(crate) mod failure;
pub(crate) mod job;
pub(crate) mod knobs;
pub(crate) mod progress;
