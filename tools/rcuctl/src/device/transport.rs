// SPDX-License-Identifier: GPL-2.0

//! The system calls on a device: a stream of text, and ioctls, which an older device lacks.

use std::fs::File;
use std::io::{Read, Write};

use crate::device::ioctl::{self, BatchResult, CommitFailure};
use crate::device::uapi::{Address, Dump, Info, Operation, Route};

/// Tests implement it to run the ioctl path without a kernel.
pub trait Transport: Read + Write {
    fn info(&mut self) -> nix::Result<Info>;
    fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> BatchResult;
    fn update(&mut self, operations: &[Operation]) -> BatchResult;
    fn commit(&mut self) -> Result<(), CommitFailure>;
    fn dump(&mut self, cursor: &mut Dump, routes: &mut [Route]) -> nix::Result<usize>;
}

impl Transport for File {
    fn info(&mut self) -> nix::Result<Info> {
        ioctl::info(self)
    }

    fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> BatchResult {
        ioctl::lookup(self, addresses, routes)
    }

    fn update(&mut self, operations: &[Operation]) -> BatchResult {
        ioctl::update(self, operations)
    }

    fn commit(&mut self) -> Result<(), CommitFailure> {
        ioctl::commit(self)
    }

    fn dump(&mut self, cursor: &mut Dump, routes: &mut [Route]) -> nix::Result<usize> {
        ioctl::dump(self, cursor, routes)
    }
}

impl<C: Transport> Transport for &mut C {
    fn info(&mut self) -> nix::Result<Info> {
        (**self).info()
    }

    fn lookup(&mut self, addresses: &[Address], routes: &mut [Route]) -> BatchResult {
        (**self).lookup(addresses, routes)
    }

    fn update(&mut self, operations: &[Operation]) -> BatchResult {
        (**self).update(operations)
    }

    fn commit(&mut self) -> Result<(), CommitFailure> {
        (**self).commit()
    }

    fn dump(&mut self, cursor: &mut Dump, routes: &mut [Route]) -> nix::Result<usize> {
        (**self).dump(cursor, routes)
    }
}
