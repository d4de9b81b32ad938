// SPDX-License-Identifier: GPL-2.0

//! The file operations: open, read, write, ioctl and release. `flush()` and `poll()` are in
//! `raw_operations.rs`.

use super::{
    ioctl, monitor,
    open_file::OpenFile,
    raw_operations::{is_nonblocking, make_stream},
    registration::Registration,
    write,
};
use kernel::{
    fs::{file::flags::O_NONBLOCK, File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    miscdevice::{MiscDevice, MiscDeviceRegistration},
    prelude::*,
};

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    fn open(file: &File, device: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        make_stream(file);
        OpenFile::new(Registration::of(device).table())
    }

    fn release(this: Self::Ptr, _file: &File) {
        this.log_unfinished();
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let file = kiocb.file();
        let is_nonblocking = is_nonblocking(&kiocb);
        loop {
            let mut turn = file.turn(is_nonblocking)?;
            let state = turn.state()?;
            let copied = monitor::read(state, file.table(), to)?;
            file.stats().bytes_read.add(copied);
            if copied > 0 || to.is_empty() || state.monitoring.is_none() {
                return Ok(copied);
            }
            drop(turn);
            if is_nonblocking {
                return Err(EAGAIN);
            }
            monitor::wait(&file)?;
        }
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, from: &mut IovIterSource<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut turn = file.turn(is_nonblocking(&kiocb))?;
        let written = write::write(&file, turn.state()?, from);
        drop(turn);
        file.wake_pollers();
        file.stats()
            .bytes_written
            .add(written.as_ref().map_or(0, |count| *count));
        written
    }

    // The kernel crate uses `compat_ptr_ioctl()` for 32-bit callers, which is correct here: all
    // structures are the same for them.
    fn ioctl(this: Pin<&Self>, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let is_nonblocking = file.flags() & O_NONBLOCK != 0;
        ioctl::ioctl(&this, is_nonblocking, cmd, arg).map(|()| 0)
    }
}
