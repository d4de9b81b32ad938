// SPDX-License-Identifier: GPL-2.0

//! An open file: writes become commands, commands become answers, answers are read.

use super::{
    answers::Answers,
    capability,
    command::{self, Command},
    complaint::Complaint,
    lines::{Line, Lines},
    Registration,
};
use crate::{
    rcu_table::{read_lock, Table},
    sched,
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    miscdevice::{MiscDevice, MiscDeviceRegistration},
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

/// Bytes taken from the writer at a time.
const CHUNK: usize = 4096;

/// Lets others run between two pieces of work; whether to stop because the task is to be killed or
/// has a signal to handle.
pub(super) fn interrupted() -> bool {
    sched::yield_now();
    current!().signal_pending()
}

/// What the file's mutex guards.
struct State {
    lines: Lines,
    answers: Answers,
    /// Whether anything was written: until then the file reads as the whole table.
    written: bool,
    /// The errno of a bad line that a short write stopped at, for the next write.
    latched: Option<Error>,
    chunk: KVec<u8>,
}

/// The private data of an open file.
#[pin_data]
pub(super) struct OpenFile {
    table: Arc<Table>,
    opener_may_change: bool,
    #[pin]
    state: Mutex<State>,
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
                state <- new_mutex!(State {
                    lines: Lines::new(),
                    answers: Answers::whole_table(),
                    written: false,
                    latched: None,
                    chunk,
                }),
            }),
            GFP_KERNEL,
        )
    }

    fn release(this: Self::Ptr, _file: &File) {
        let Some(line) = this.state.lock().lines.unfinished() else {
            return;
        };
        if !REPORTED.swap(true, Ordering::Relaxed) {
            pr_info!(
                "line {line} had no newline when its file was closed: discarded (said once)\n"
            );
        }
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut state = file.state.lock();
        state.answers.read(&file.table, to)
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, from: &mut IovIterSource<'_>) -> Result<usize> {
        let file = kiocb.file();
        let mut state = file.state.lock();
        state.write(&file, from)
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
        // Bytes of this write, and those of them up to the last line that has happened.
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
                if let Err(error) = execute(&line, file, &mut self.answers) {
                    return self.stop_at(done, error);
                }
                done = taken;
            }
            if !from.is_empty() && interrupted() {
                break;
            }
        }
        Ok(taken)
    }

    /// Ends a write at a bad line: with its errno, or, if something came before it, with a short
    /// write, and the errno for the next.
    fn stop_at(&mut self, done: usize, error: Error) -> Result<usize> {
        if done == 0 {
            return Err(error);
        }
        self.latched = Some(error);
        Ok(done)
    }
}

/// Runs one line; a complaint goes to the read side as well.
fn execute(line: &Line<'_>, file: &OpenFile, answers: &mut Answers) -> Result {
    let Err(complaint) = run(line, file, answers) else {
        return Ok(());
    };
    let number = line.number;
    // Without memory or room for the message the errno has to do.
    if !answers.is_overfull() {
        let _ = answers.say(format_args!("line {number}: {complaint}\n"));
    }
    Err(complaint.errno())
}

fn run<'a>(line: &Line<'a>, file: &OpenFile, answers: &mut Answers) -> Result<(), Complaint<'a>> {
    let text = line.text.map_err(Complaint::Line)?;
    let Some(command) = command::parse(text).map_err(Complaint::Command)? else {
        return Ok(());
    };
    if answers.is_full() {
        return Err(Complaint::Unread);
    }
    let table = &file.table;
    match command {
        Command::Insert(mode, route) => {
            file.check_may_change()?;
            table
                .insert(&route, mode)
                .map_err(|error| Complaint::Prefix(route.prefix, error))
        }
        Command::Delete(prefix, metric, next_hop) => {
            file.check_may_change()?;
            let removed = table.remove(&prefix, metric, next_hop.as_ref());
            removed.map_err(|error| Complaint::Prefix(prefix, error))
        }
        Command::Flush(family) => {
            file.check_may_change()?;
            table.flush(family);
            Ok(())
        }
        Command::Get(address) => {
            let found = table.lookup(address, &read_lock());
            let route = found.ok_or(Complaint::NoRoute(address))?;
            answers
                .say(format_args!("{route}\n"))
                .map_err(Complaint::Kernel)
        }
        Command::Show(selector) => answers.show(selector).map_err(Complaint::Kernel),
        Command::Stats => {
            let rows = table.stats().rows();
            let mut rows = rows.iter();
            rows.try_for_each(|(name, value)| answers.say(format_args!("{name} {value}\n")))
                .map_err(Complaint::Kernel)
        }
        Command::Help => answers.say(command::HELP).map_err(Complaint::Kernel),
    }
}

/// Whether a discarded line was reported already: user space must not be able to flood the log.
static REPORTED: AtomicBool = AtomicBool::new(false);

impl OpenFile {
    /// What `close()` returns: a line without a newline has not happened and will not.
    pub(super) fn closing(&self) -> Result {
        match self.state.lock().lines.unfinished() {
            None => Ok(()),
            Some(_) => Err(EINVAL),
        }
    }

    /// Both must be allowed to: who opened the file, lest a privileged program be made to write to a
    /// file that it was handed; and who writes.
    fn check_may_change(&self) -> Result<(), Complaint<'static>> {
        if self.opener_may_change && capability::may_change() {
            return Ok(());
        }
        Err(Complaint::Denied)
    }
}
