// SPDX-License-Identifier: GPL-2.0

//! The device's own sources, those that know nothing of the kernel.

#[path = "../../../device"]
mod sources {
    #[expect(dead_code, reason = "the help is not parsed")]
    pub(crate) mod command;
    #[expect(
        dead_code,
        reason = "what is wrong with a byte is for the device to say"
    )]
    pub(crate) mod lines;
    #[expect(
        dead_code,
        reason = "the numbers of the ioctls are for the kernel alone"
    )]
    pub(crate) mod uapi;
    pub(crate) mod wire;
}

pub(crate) use sources::{command, lines, uapi};
