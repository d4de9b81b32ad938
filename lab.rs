// SPDX-License-Identifier: GPL-2.0

//! Shared by torture, stall and scale: jobs that a module parameter starts and stops, with knobs
//! and progress.
//!
//! | module | provides |
//! |---|---|
//! | [`job`] | the trait that torture, stall and scale implement |
//! | [`control`] | starts one job at a time in a thread, stops it, joins it at unload |
//! | [`knobs`] | module parameters that a job reads when it begins |
//! | [`progress`] | elapsed time, stop request and outcome of a job |

pub(crate) mod control;
pub(crate) mod job;
pub(crate) mod knobs;
pub(crate) mod progress;
