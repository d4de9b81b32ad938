// SPDX-License-Identifier: GPL-2.0

//! Copies the ioctls' structures and arrays from and to user memory.
//!
//! A structure may grow at its end. The kernel copies the part that both sides know,
//! as `copy_struct_from_user()` does in C. It copies an array piece by piece, so that the length of
//! the array does not determine the size of the buffer.
//!
//! C header: [`include/linux/uaccess.h`](srctree/include/linux/uaccess.h)

use super::uapi;
use core::mem::size_of;
use kernel::{
    prelude::*,
    transmute::{AsBytes, FromBytes},
    uaccess::{UserPtr, UserSlice, UserSliceReader, UserSliceWriter},
};

/// The maximum number of array elements in a piece.
pub(super) const PIECE: usize = 256;

/// A structure that an ioctl reads or writes.
pub(super) trait Argument: FromBytes + AsBytes + Default {
    /// The size of version 1, in bytes. A smaller structure is invalid.
    const FIRST_SIZE: usize;
}

macro_rules! plain_data {
    ($($type:ty,)*) => {
        $(
            // SAFETY: All fields are integers or arrays of integers, so any bits are valid.
            unsafe impl FromBytes for $type {}
            // SAFETY: There is no padding: `uapi` asserts that the size is the sum of the fields'.
            unsafe impl AsBytes for $type {}
        )*
    };
}

macro_rules! arguments {
    ($($type:ty: $first_size:literal,)*) => {
        plain_data! { $($type,)* }
        $(
            impl Argument for $type {
                const FIRST_SIZE: usize = $first_size;
            }
        )*
    };
}

plain_data! {
    uapi::Address,
    uapi::Flow,
    uapi::Route,
    uapi::Operation,
    uapi::Key,
}

arguments! {
    uapi::Info: 32,
    uapi::Lookup: 32,
    uapi::Update: 32,
    uapi::Stats: 88,
    uapi::Begin: 8,
    uapi::Commit: 16,
    uapi::Wait: 24,
    uapi::Dump: 96,
    uapi::Get: 32,
    uapi::Answers: 40,
    uapi::FileStats: 40,
    uapi::Flows: 32,
}

/// An ioctl's structure in user memory, of the size that the caller knows.
pub(super) struct UserStruct {
    address: usize,
    size: usize,
}

impl UserStruct {
    pub(super) fn new(address: usize, size: usize) -> Self {
        Self { address, size }
    }

    fn slice(&self) -> UserSlice {
        UserSlice::new(UserPtr::from_addr(self.address), self.size)
    }

    /// Copies the structure in. Fields that the caller does not know become zero.
    ///
    /// Errors: `EINVAL` if it is too small, `E2BIG` if a field that the kernel does not know is not
    /// zero, `EFAULT`.
    pub(super) fn read<T: Argument>(&self) -> Result<T> {
        if self.size < T::FIRST_SIZE {
            return Err(EINVAL);
        }
        let mut known = T::default();
        let len = self.size.min(size_of::<T>());
        let mut reader = self.slice().reader();
        reader.read_slice(&mut known.as_bytes_mut()[..len])?;
        while !reader.is_empty() {
            let mut unknown = [0; 64];
            let unknown = &mut unknown[..reader.len().min(64)];
            reader.read_slice(unknown)?;
            if unknown.iter().any(|&byte| byte != 0) {
                return Err(E2BIG);
            }
        }
        Ok(known)
    }

    /// Copies the structure out. Fields that the kernel does not know become zero.
    ///
    /// Errors: `EINVAL` if it is too small, `EFAULT`.
    pub(super) fn write<T: Argument>(&self, known: &T) -> Result {
        if self.size < T::FIRST_SIZE {
            return Err(EINVAL);
        }
        let len = self.size.min(size_of::<T>());
        let mut writer = self.slice().writer();
        writer.write_slice(&known.as_bytes()[..len])?;
        while !writer.is_empty() {
            writer.write_slice(&[0; 64][..writer.len().min(64)])?;
        }
        Ok(())
    }
}

/// Returns the user memory of `count` elements at `address`.
fn array<T>(address: u64, count: usize) -> Result<UserSlice> {
    let address = usize::try_from(address).map_err(|_| EFAULT)?;
    let size = count.checked_mul(size_of::<T>()).ok_or(EFAULT)?;
    Ok(UserSlice::new(UserPtr::from_addr(address), size))
}

/// Reads an array in user memory piece by piece.
pub(super) struct ArrayReader<T> {
    reader: UserSliceReader,
    piece: KVec<T>,
}

impl<T: AsBytes + FromBytes + Clone + Default> ArrayReader<T> {
    pub(super) fn new(address: u64, count: usize) -> Result<Self> {
        Ok(Self {
            reader: array::<T>(address, count)?.reader(),
            piece: KVec::from_elem(T::default(), count.min(PIECE), GFP_KERNEL_ACCOUNT)?,
        })
    }

    /// Returns the next piece, which is empty at the end of the array.
    ///
    /// Errors: `EFAULT`.
    pub(super) fn next(&mut self) -> Result<&[T]> {
        let len = PIECE.min(self.reader.len() / size_of::<T>());
        let piece = &mut self.piece[..len];
        self.reader.read_slice(piece.as_bytes_mut())?;
        Ok(piece)
    }
}

/// Writes an array in user memory piece by piece.
pub(super) struct ArrayWriter<T> {
    writer: UserSliceWriter,
    piece: KVec<T>,
}

impl<T: AsBytes + Clone + Default> ArrayWriter<T> {
    pub(super) fn new(address: u64, count: usize) -> Result<Self> {
        Ok(Self {
            writer: array::<T>(address, count)?.writer(),
            piece: KVec::with_capacity(count.min(PIECE), GFP_KERNEL_ACCOUNT)?,
        })
    }

    /// Returns the buffer of the next piece, which [`Self::flush`] writes.
    pub(super) fn piece(&mut self) -> &mut KVec<T> {
        &mut self.piece
    }

    /// Writes the piece, and empties its buffer.
    ///
    /// Errors: `EFAULT`.
    pub(super) fn flush(&mut self) -> Result {
        let written = self.writer.write_slice(self.piece.as_bytes());
        self.piece.clear();
        written
    }
}
