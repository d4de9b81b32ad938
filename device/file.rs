// SPDX-License-Identifier: GPL-2.0

//! An open file: writes become commands, commands become answers, answers are read.

use super::{
    answers::Answers,
    batch::Batch,
    capability,
    execute::{Executor, Stop},
    ioctl,
    lines::Lines,
    pending::Pending,
    wait_queue::WaitQueue,
    Registration,
};
use crate::{kernel_ext::sched, rcu_table::Table};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{
    bindings,
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    miscdevice::{MiscDevice, MiscDeviceRegistration},
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

/// Bytes taken from the writer at a time.
const CHUNK: usize = 8192;

/// What `poll()` returns for something to read, and for being able to write.
const READABLE: u32 = bindings::POLLIN | bindings::POLLRDNORM;
const WRITABLE: u32 = bindings::POLLOUT | bindings::POLLWRNORM;

/// Lets others run between two pieces of work; whether to stop because the task is to be killed or
/// has a signal to handle.
pub(super) fn interrupted() -> bool {
    sched::yield_now();
    current!().signal_pending()
}

/// What the file's mutex guards.
pub(super) struct State {
    lines: Lines,
    answers: Answers,
    /// Whether anything was written: until then the file reads as the whole table.
    written: bool,
    /// The errno of a bad line that a short write stopped at, for the next write.
    latched: Option<Error>,
    /// The transaction that is open.
    pub(super) pending: Option<Pending>,
    /// Changes of this write that have not been made yet.
    batch: Batch,
    chunk: KVec<u8>,
}

/// The private data of an open file.
#[pin_data]
pub(super) struct OpenFile {
    table: Arc<Table>,
    opener_may_change: bool,
    /// Whether there are answers to be read, for `poll()`, which must not wait for a long write.
    readable: AtomicBool,
    #[pin]
    readers: WaitQueue,
    #[pin]
    pub(super) state: Mutex<State>,
}

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, device: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let table = Registration::of(device).table();
        let chunk = KVec::from_elem(0, CHUNK, GFP_KERNEL)?;
        KBox::pin_init(
            pin_init!(OpenFile {
                table,
                opener_may_change: capability::could_change(),
                readable: AtomicBool::new(true),
                readers <- WaitQueue::new(),
                state <- new_mutex!(State {
                    lines: Lines::new(),
                    answers: Answers::whole_table(),
                    written: false,
                    latched: None,
                    pending: None,
                    batch: Batch::new(),
                    chunk,
                }),
            }),
            GFP_KERNEL,
        )
    }

    fn release(this: Self::Ptr, _file: &File) {
        this.state.lock().report_unfinished();
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut state = file.state.lock();
        let read = state.answers.read(&file.table, to);
        file.set_readable(state.answers.is_readable());
        read
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, from: &mut IovIterSource<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut state = file.state.lock();
        let written = state.write(&file, from);
        if file.set_readable(state.answers.is_readable()) {
            file.readers.wake_all(READABLE);
        }
        written
    }

    // The structures are the same for 32-bit callers, so that the kernel crate's own choice for them,
    // `compat_ptr_ioctl()`, is right.
    fn ioctl(this: Pin<&Self>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        ioctl::ioctl(&this, cmd, arg).map(|()| 0)
    }
}

impl State {
    /// Takes bytes until there are no more, a line is bad, or a signal comes. Returns how many were
    /// taken; before a bad line, those up to its start.
    fn write(&mut self, file: &OpenFile, from: &mut IovIterSource<'_>) -> Result<usize> {
        if let Some(error) = self.latched.take() {
            return Err(error);
        }
        if from.is_empty() {
            return Ok(0);
        }
        if !self.written {
            self.written = true;
            self.answers = Answers::none();
        }
        let mut executor = Executor {
            file,
            answers: &mut self.answers,
            pending: &mut self.pending,
            batch: &mut self.batch,
        };
        // Bytes of this write, and those of them up to the last line that has happened or waits to.
        let (mut taken, mut done) = (0, 0);
        while !from.is_empty() {
            let wanted = from.len().min(CHUNK);
            let copied = from.copy_from_iter(&mut self.chunk[..wanted]);
            if copied == 0 {
                return if taken == 0 { Err(EFAULT) } else { Ok(taken) };
            }
            let end = taken + copied;
            while taken < end {
                let chunk = &self.chunk[copied - (end - taken)..copied];
                let (used, line) = self.lines.feed(chunk);
                taken += used;
                let Some(line) = line else {
                    continue;
                };
                if let Err(stop) = executor.execute(&line, done) {
                    return self.stop_at(&stop);
                }
                done = taken;
            }
            if let Err(stop) = executor.make_changes() {
                return self.stop_at(&stop);
            }
            if !from.is_empty() && interrupted() {
                break;
            }
        }
        Ok(taken)
    }

    /// Ends a write at a bad line: with its errno, or, if something came before it, with a short
    /// write, and the errno for the next.
    fn stop_at(&mut self, stop: &Stop) -> Result<usize> {
        self.lines.go_on_behind(stop.line);
        if stop.at == 0 {
            return Err(stop.error);
        }
        self.latched = Some(stop.error);
        Ok(stop.at)
    }

    /// What is lost when the file is closed now: half a line, or a transaction.
    fn is_unfinished(&self) -> bool {
        self.lines.unfinished().is_some() || self.pending.is_some()
    }

    /// Says what was lost, for whoever did not look at what `close()` returned.
    fn report_unfinished(&self) {
        if !self.is_unfinished() || REPORTED.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(line) = self.lines.unfinished() {
            pr_info!(
                "line {line} had no newline when its file was closed: discarded (said once)\n"
            );
        }
        match self.pending.as_ref().map(Pending::line) {
            Some(Some(line)) => pr_info!(
                "the transaction of line {line} was open when its file was closed: aborted (said once)\n"
            ),
            Some(None) => pr_info!(
                "a transaction was open when its file was closed: aborted (said once)\n"
            ),
            None => (),
        }
    }
}

/// Whether something lost was reported already: user space must not be able to flood the log.
// ORDERING: Nothing is published through it.
static REPORTED: AtomicBool = AtomicBool::new(false);

impl OpenFile {
    /// The table behind the device.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// A transaction for this file's table. Errors: `ENOMEM`.
    pub(super) fn begin(&self, reload: bool, line: Option<u64>) -> Result<Pending> {
        if reload {
            Pending::reload(self.table.clone(), line)
        } else {
            Ok(Pending::transaction(line))
        }
    }

    /// What `close()` returns: half a line or a transaction has not happened and will not.
    pub(super) fn closing(&self) -> Result {
        if self.state.lock().is_unfinished() {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Who waits for this file, and what for.
    pub(super) fn readers(&self) -> &WaitQueue {
        &self.readers
    }

    /// What can be done with the file without an error, as a mask of `poll()`.
    pub(super) fn events(&self) -> u32 {
        // ORDERING: The poller is in the queue already, and the writer wakes the queue after its store: the
        // queue's lock orders the two, so that either this sees the store or the poller is woken.
        if self.readable.load(Ordering::Relaxed) {
            READABLE | WRITABLE
        } else {
            WRITABLE
        }
    }

    fn set_readable(&self, readable: bool) -> bool {
        // ORDERING: As in `events()`.
        self.readable.store(readable, Ordering::Relaxed);
        readable
    }

    /// Both must be allowed to: who opened the file, lest a privileged program be made to write to a
    /// file that it was handed; and who writes. Errors: `EPERM`.
    pub(super) fn check_may_change(&self) -> Result {
        if self.opener_may_change && capability::may_change() {
            return Ok(());
        }
        Err(EPERM)
    }
}
