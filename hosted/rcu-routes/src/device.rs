// SPDX-License-Identifier: GPL-2.0

//! The parts of the device that do not call the kernel, and their tests.

#[path = "../../../device"]
mod sources {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the helpers use only its parser")
    )]
    pub(crate) mod command;
    #[cfg(test)]
    pub(crate) mod lines;
    #[cfg(test)]
    #[expect(dead_code, reason = "only the kernel uses the ioctl numbers")]
    pub(crate) mod uapi;
    #[cfg(test)]
    pub(crate) mod wire;
}

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod ip_route_tests;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod wire_tests;

pub(crate) use sources::command;
#[cfg(test)]
pub(crate) use sources::{lines, uapi};
