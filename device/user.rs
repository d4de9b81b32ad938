// SPDX-License-Identifier: GPL-2.0

//! The ioctls' structures and arrays in user memory.
//!
//! A structure that grows at its end is copied as far as both sides know it, as
//! `copy_struct_from_user()` does in C; an array a piece at a time, so that its length asks for no
//! memory and no lock or reader is held for long.
//!
//! C header: [`include/linux/uaccess.h`](srctree/include/linux/uaccess.h)

use super::uapi;
use core::mem::size_of;
use kernel::{
    prelude::*,
    transmute::{AsBytes, FromBytes},
    uaccess::{UserPtr, UserSlice, UserSliceReader, UserSliceWriter},
};

/// Elements of an array that are copied at a time.
pub(super) const PIECE: usize = 256;

/// A structure that an ioctl takes or returns.
pub(super) trait Argument: FromBytes + AsBytes + Default {
    /// Its size when it first was part of the interface: no caller has a smaller one.
    const FIRST_SIZE: usize;
}

macro_rules! arguments {
    ($($type:ty: $first_size:literal,)*) => {
        $(
            // SAFETY: Integers and arrays of them: any bits are valid.
            unsafe impl FromBytes for $type {}
            // SAFETY: Its size was checked to be that of its fields: there is no padding.
            unsafe impl AsBytes for $type {}
            impl Argument for $type {
                const FIRST_SIZE: usize = $first_size;
            }
        )*
    };
}

arguments! {
    uapi::Info: 32,
    uapi::Lookup: 32,
    uapi::Update: 32,
    uapi::Stats: 88,
    uapi::Begin: 8,
    uapi::Commit: 16,
}

// SAFETY: Integers and arrays of them: any bits are valid.
unsafe impl FromBytes for uapi::Address {}
// SAFETY: Its size was checked to be that of its fields: there is no padding.
unsafe impl AsBytes for uapi::Address {}
// SAFETY: Integers and arrays of them: any bits are valid.
unsafe impl FromBytes for uapi::Route {}
// SAFETY: Its size was checked to be that of its fields: there is no padding.
unsafe impl AsBytes for uapi::Route {}
// SAFETY: Integers and arrays of them: any bits are valid.
unsafe impl FromBytes for uapi::Operation {}
// SAFETY: Its size was checked to be that of its fields: there is no padding.
unsafe impl AsBytes for uapi::Operation {}

/// The structure that an ioctl's argument points to, of the size that the caller knows.
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

    /// Copies it in; what the caller does not know is zero.
    ///
    /// Errors: `EINVAL` if it is too small, `E2BIG` if the caller wants something unknown, `EFAULT`.
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

    /// Copies it out; what the caller knows and the kernel does not becomes zero.
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

/// What user space has at `address`, `count` elements of it.
fn array<T>(address: u64, count: usize) -> Result<UserSlice> {
    let address = usize::try_from(address).map_err(|_| EFAULT)?;
    let size = count.checked_mul(size_of::<T>()).ok_or(EFAULT)?;
    Ok(UserSlice::new(UserPtr::from_addr(address), size))
}

/// An array in user memory that is read a piece at a time.
pub(super) struct ArrayReader<T> {
    reader: UserSliceReader,
    piece: KVec<T>,
}

impl<T: AsBytes + FromBytes + Clone + Default> ArrayReader<T> {
    pub(super) fn new(address: u64, count: usize) -> Result<Self> {
        Ok(Self {
            reader: array::<T>(address, count)?.reader(),
            piece: KVec::from_elem(T::default(), count.min(PIECE), GFP_KERNEL)?,
        })
    }

    /// The next [`PIECE`] elements, or what is left; empty at the end. Errors: `EFAULT`.
    pub(super) fn next(&mut self) -> Result<&[T]> {
        let len = PIECE.min(self.reader.len() / size_of::<T>());
        let piece = &mut self.piece[..len];
        self.reader.read_slice(piece.as_bytes_mut())?;
        Ok(piece)
    }
}

/// An array in user memory that is written a piece at a time.
pub(super) struct ArrayWriter<T> {
    writer: UserSliceWriter,
    piece: KVec<T>,
}

impl<T: AsBytes + Clone + Default> ArrayWriter<T> {
    pub(super) fn new(address: u64, count: usize) -> Result<Self> {
        Ok(Self {
            writer: array::<T>(address, count)?.writer(),
            piece: KVec::with_capacity(count.min(PIECE), GFP_KERNEL)?,
        })
    }

    /// Where the next piece is put together, to be written by [`Self::flush`].
    pub(super) fn piece(&mut self) -> &mut KVec<T> {
        &mut self.piece
    }

    /// Writes the piece. Errors: `EFAULT`.
    pub(super) fn flush(&mut self) -> Result {
        let written = self.writer.write_slice(self.piece.as_bytes());
        self.piece.clear();
        written
    }
}
