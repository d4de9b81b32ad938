// SPDX-License-Identifier: GPL-2.0

//! The job that a module parameter starts and stops.

use super::progress::Progress;
use crate::kernel_ext::{kthread::Attributes, params::Choice};
use core::{ffi::CStr, fmt};
use kernel::{prelude::*, sync::Arc};

/// A job that runs in a thread of its own, one at a time.
pub(crate) trait Job: Sized + Send + Sync + 'static {
    /// The kinds of job that the parameter can request; `()` if there is only one.
    type Kind: Choice;

    /// The name of the job's thread.
    const THREAD_NAME: &'static CStr;

    /// Logged when a job is requested while another one is running.
    const BUSY: &'static str;

    /// Creates a job of this kind from a snapshot of the knobs.
    ///
    /// Errors: those of the implementation; the write to the parameter returns them. Context: may
    /// sleep.
    fn new(kind: Self::Kind) -> Result<Self>;

    /// Returns the CPU and the priority of the job's thread.
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    fn progress(&self) -> &Progress;

    /// Runs the job and reports its end with [`Progress::end`].
    ///
    /// Context: the job's thread.
    fn run(this: &Arc<Self>);

    /// Writes what a read of the parameter returns: the state of the job that was started last, of
    /// `count` jobs.
    ///
    /// Context: may sleep.
    fn write_status(f: &mut fmt::Formatter<'_>, last: Option<&Self>, count: u32) -> fmt::Result;
}

impl Choice for () {
    const ALL: &'static [Self] = &[()];
    const NAMES: &'static [&'static str] = &[""];

    fn name(self) -> &'static str {
        ""
    }
}
