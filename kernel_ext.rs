// SPDX-License-Identifier: GPL-2.0

//! Small safe wrappers for C interfaces that the `kernel` crate lacks, a file for each interface.
//!
//! | module | wraps |
//! |---|---|
//! | [`cpu`] | online CPUs, hotplug, calls on another CPU |
//! | [`delay`] | timed sleeps and busy loops |
//! | [`kthread`] | threads that run a closure and are joined on drop |
//! | [`mutex`] | waits for a mutex that a fatal signal ends |
//! | [`params`] | module parameters |
//! | [`permission`] | capabilities and lockdown |
//! | [`poll_queue`] | the wait queue of a file |
//! | [`random`] | pseudo-random numbers |
//! | [`sched`] | yielding the CPU |
//! | [`signal`] | fatal signals |
//! | [`sort`] | sorting numbers |
//! | [`version`] | the module's version |
//! | [`wakeup`] | wakeups by a worker |

pub mod cpu;
pub(crate) mod delay;
pub mod kthread;
pub(crate) mod mutex;
pub(crate) mod params;
pub(crate) mod permission;
pub mod poll_queue;
pub(crate) mod random;
pub(crate) mod sched;
pub(crate) mod signal;
pub(crate) mod sort;
pub(crate) mod version;
pub mod wakeup;
