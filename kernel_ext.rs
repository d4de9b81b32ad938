// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate lacks, as small safe wrappers: one file for each C interface.
//!
//! | module | wraps |
//! |---|---|
//! | [`cpu`] | CPU numbers, hotplug, calls on another CPU |
//! | [`delay`] | sleeping and spinning for a time |
//! | [`kthread`] | threads that run a closure and are joined on drop |
//! | [`params`] | module parameters of any type |
//! | [`random`] | pseudo-random numbers |
//! | [`sched`] | giving up the CPU |

pub mod cpu;
pub(crate) mod delay;
pub mod kthread;
pub(crate) mod params;
pub(crate) mod random;
pub(crate) mod sched;
