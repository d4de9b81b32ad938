// SPDX-License-Identifier: GPL-2.0

//! The parts of the device that know nothing of the kernel, and their tests.

#[path = "../../../device"]
mod sources {
    #[cfg_attr(not(test), expect(dead_code, reason = "only its parser is used here"))]
    pub(crate) mod command;
    #[cfg(test)]
    pub(crate) mod lines;
    #[cfg(test)]
    #[expect(
        dead_code,
        reason = "the numbers of the ioctls are for the kernel alone"
    )]
    pub(crate) mod uapi;
    #[cfg(test)]
    pub(crate) mod wire;
}

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod wire_tests;

pub(crate) use sources::command;
#[cfg(test)]
pub(crate) use sources::{lines, uapi};
