// SPDX-License-Identifier: GPL-2.0

//! The device's sources that do not depend on the kernel.

#[path = "../../../device"]
mod sources {
    #[expect(dead_code, reason = "the targets do not use the help text")]
    pub(crate) mod command;
    #[expect(dead_code, reason = "only the device formats the error of a line")]
    pub(crate) mod lines;
    #[expect(dead_code, reason = "only the kernel uses the ioctl numbers")]
    pub(crate) mod uapi;
    pub(crate) mod wire;
}

pub(crate) use sources::{command, lines, uapi};
