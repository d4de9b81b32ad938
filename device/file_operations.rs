// SPDX-License-Identifier: GPL-2.0

//! The file operations: open, read, write, ioctl and release. `flush()` and `poll()` are in
//! `raw_operations.rs`.

use super::{ioctl, open_file::OpenFile, registration::Registration, write};
use kernel::{
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    miscdevice::{MiscDevice, MiscDeviceRegistration},
    prelude::*,
};

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, device: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        OpenFile::new(Registration::of(device).table())
    }

    fn release(this: Self::Ptr, _file: &File) {
        this.state.lock().log_unfinished();
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut state = file.state.lock();
        let read = state.answers.read(file.table(), to);
        file.update_readable(&state);
        read
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, from: &mut IovIterSource<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut state = file.state.lock();
        let written = write::write(&file, &mut state, from);
        file.update_readable(&state);
        file.wake_pollers(&state);
        written
    }

    // The kernel crate uses `compat_ptr_ioctl()` for 32-bit callers, which is correct here: all
    // structures are the same for them.
    fn ioctl(this: Pin<&Self>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        ioctl::ioctl(&this, cmd, arg).map(|()| 0)
    }
}
