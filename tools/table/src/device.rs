// SPDX-License-Identifier: GPL-2.0

//! The parts of the device that know nothing of the kernel, and their tests.

#[cfg_attr(not(test), expect(dead_code, reason = "only its parser is used here"))]
pub(crate) mod command;
#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
#[expect(
    dead_code,
    reason = "the numbers of the ioctls are for the kernel alone"
)]
mod uapi;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod wire_tests;
