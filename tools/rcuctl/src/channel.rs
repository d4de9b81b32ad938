// SPDX-License-Identifier: GPL-2.0

//! What a device is reached through: a stream of text, and ioctls, which it may lack.

use std::fs::File;
use std::io::{Read, Write};

use crate::ioctl::{self, NoCommit, Progress};
use crate::uapi::{Address, Info, Operation, Route};

/// A trait, so that the ways of the fast path can be tested without a kernel.
pub trait Channel: Read + Write {
    fn info(&mut self) -> nix::Result<Info>;
    fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> Progress;
    fn update(&mut self, operations: &[Operation]) -> Progress;
    fn commit(&mut self) -> Result<(), NoCommit>;
}

impl Channel for File {
    fn info(&mut self) -> nix::Result<Info> {
        ioctl::info(self)
    }

    fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> Progress {
        ioctl::lookup(self, addresses, routes)
    }

    fn update(&mut self, operations: &[Operation]) -> Progress {
        ioctl::update(self, operations)
    }

    fn commit(&mut self) -> Result<(), NoCommit> {
        ioctl::commit(self)
    }
}

impl<C: Channel> Channel for &mut C {
    fn info(&mut self) -> nix::Result<Info> {
        (**self).info()
    }

    fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> Progress {
        (**self).lookup(addresses, routes)
    }

    fn update(&mut self, operations: &[Operation]) -> Progress {
        (**self).update(operations)
    }

    fn commit(&mut self) -> Result<(), NoCommit> {
        (**self).commit()
    }
}
