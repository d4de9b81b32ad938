// SPDX-License-Identifier: GPL-2.0

//! The culprit of an event.

use serde::Serialize;

/// The culprit, and the certainty of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// The kind of culprit.
    pub culprit: Culprit,
    /// The culprit in words.
    pub text: String,
    /// How sure the blame is: `certain`, `likely`, or `guess`.
    pub sure: &'static str,
}

/// The kind of a culprit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Culprit {
    /// The log does not say.
    #[default]
    Unknown,
    /// Code of the kernel or of a module: the culprit frame.
    Code,
    /// A task that blocks or waits.
    Task,
    /// A task that left a reader open.
    LeakedReader,
    /// A CPU that does not respond.
    Cpu,
    /// Another event of the log, of which this one is a consequence.
    OtherEvent,
    /// The grace-period kthread, which does not run.
    GpKthread,
    /// The host of the virtual machine, or a person or program that stopped the machine.
    Host,
    /// Nobody: the condition is over, or was none.
    Nobody,
}
