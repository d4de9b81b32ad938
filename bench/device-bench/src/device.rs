// SPDX-License-Identifier: GPL-2.0

//! The ioctls, as `rcuctl` calls them.

#[allow(dead_code, reason = "this program only looks up")]
#[expect(unsafe_code, reason = "ioctls")]
#[path = "../../../tools/rcuctl/src/device/ioctl.rs"]
pub mod ioctl;
#[allow(dead_code, reason = "this program only looks up")]
#[path = "../../../tools/rcuctl/src/device/uapi.rs"]
pub mod uapi;
