// SPDX-License-Identifier: GPL-2.0

//! Fakes of the device and of the module's parameters, for tests.

mod device;
pub mod module;

pub use device::Fake;
