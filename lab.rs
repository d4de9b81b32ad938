// SPDX-License-Identifier: GPL-2.0

//! What torture, stall and scale share: jobs that module parameters start and stop.

pub(crate) mod job;
mod progress;
