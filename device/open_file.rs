// SPDX-License-Identifier: GPL-2.0

//! The private data of an open file.

use super::{
    answers::Answers,
    batch::Batch,
    capability::OpenerPermission,
    file_stats::FileStats,
    joined::Joined,
    lines::Lines,
    monitor::{self, Monitoring},
    pending::PendingTransaction,
    turn::Turn,
    write::RefusedLine,
};
use crate::{
    kernel_ext::poll_queue::{PollQueue, READABLE},
    rcu_table::{Follower, Log, Table, MAX_FOLLOWERS},
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{
    bindings, new_condvar, new_mutex,
    prelude::*,
    sync::{Arc, CondVar, Mutex},
};

/// The size of the buffer for written bytes.
pub(super) const CHUNK: usize = 8192;

/// The `poll()` mask of a writable file.
const WRITABLE: u32 = bindings::POLLOUT | bindings::POLLWRNORM;

/// The number of monitors that are left for files whose opener may change the table. Otherwise a
/// user without this permission could take all monitors.
const RESERVED_MONITORS: usize = 32;

/// The state that one call at a time uses.
pub(super) struct State {
    pub(super) lines: Lines,
    pub(super) answers: Answers,
    /// Until the first write, the file reads as the whole table.
    pub(super) has_write: bool,
    /// The bad line that cut the last write short.
    pub(super) refused: Option<RefusedLine>,
    pub(super) pending: Option<PendingTransaction>,
    /// The command that the next line may continue.
    pub(super) joined: Option<Joined>,
    /// The changes that reads return after the answers; none before `monitor`.
    pub(super) monitoring: Option<Monitoring>,
    pub(super) batch: Batch,
    pub(super) chunk: KVec<u8>,
}

/// The private data of an open file.
#[pin_data]
pub(super) struct OpenFile {
    table: Arc<Table>,
    opener: OpenerPermission,
    stats: FileStats,
    /// Whether answers are unread. `poll()` reads this flag, because it must not wait for a turn.
    is_readable: AtomicBool,
    /// The position of the next change that a read returns. `poll()` reads it without a turn.
    position: AtomicU64,
    /// Whether the last line has no newline or no next hop, or a transaction is open. `close()`
    /// reads this flag, because it must not wait for a turn.
    is_unfinished: AtomicBool,
    /// The only queue of `poll()`: Linux AIO polls no file with several.
    pollers: Arc<PollQueue>,
    /// The state; none while a call uses it. No call sleeps while it holds the mutex.
    #[pin]
    pub(super) state: Mutex<Option<KBox<State>>>,
    /// Wakes a call that waits for its turn.
    #[pin]
    pub(super) turn_ended: CondVar,
}

/// Whether a discarded line or transaction was already logged: user space must not be able to flood
/// the log.
// ORDERING: No other access depends on it.
static IS_LOGGED: AtomicBool = AtomicBool::new(false);

impl State {
    /// Returns whether closing the file now discards a line or a transaction.
    fn is_unfinished(&self) -> bool {
        let has_line = self.lines.unfinished().is_some() || self.incomplete().is_some();
        has_line || self.pending.is_some()
    }

    /// Returns the number of the line that waits for a line that continues it.
    fn incomplete(&self) -> Option<u64> {
        let joined = self.joined.as_ref().filter(|joined| joined.is_pending());
        joined.map(Joined::line)
    }

    /// Logs the discarded line and transaction, because few programs check the result of `close()`.
    fn log_unfinished(&self) {
        if !self.is_unfinished() || IS_LOGGED.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(line) = self.incomplete() {
            pr_info!("no next hop followed line {line} before close(): discarded (logged once)\n");
        }
        if let Some(line) = self.lines.unfinished() {
            pr_info!("line {line} had no newline at close(): discarded (logged once)\n");
        }
        match self.pending.as_ref().map(PendingTransaction::line) {
            Some(Some(line)) => pr_info!(
                "the transaction of line {line} was open at close(): aborted (logged once)\n"
            ),
            Some(None) => pr_info!("a transaction was open at close(): aborted (logged once)\n"),
            None => (),
        }
    }
}

impl OpenFile {
    /// Prepares the private data for a file that the current task opens.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn new(table: Arc<Table>) -> Result<Pin<KBox<Self>>> {
        let state = State {
            lines: Lines::new(),
            answers: Answers::whole_table(),
            has_write: false,
            refused: None,
            pending: None,
            joined: None,
            monitoring: None,
            batch: Batch::new(),
            chunk: KVec::from_elem(0, CHUNK, GFP_KERNEL_ACCOUNT)?,
        };
        let state = KBox::new(state, GFP_KERNEL_ACCOUNT)?;
        let pollers = Arc::pin_init(PollQueue::new(), GFP_KERNEL_ACCOUNT)?;
        KBox::pin_init(
            pin_init!(OpenFile {
                table,
                opener: OpenerPermission::of_current(),
                stats: FileStats::default(),
                is_readable: AtomicBool::new(true),
                position: AtomicU64::new(monitor::NO_POSITION),
                is_unfinished: AtomicBool::new(false),
                pollers,
                state <- new_mutex!(Some(state)),
                turn_ended <- new_condvar!(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the table behind the device.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Returns the figures of the file.
    pub(super) fn stats(&self) -> &FileStats {
        &self.stats
    }

    /// Returns a reference to the table that can outlive the file.
    pub(super) fn shared_table(&self) -> Arc<Table> {
        self.table.clone()
    }

    /// Starts to follow the changes of the table.
    ///
    /// Errors: those of [`Follower::new`].
    pub(super) fn follow(&self) -> Result<Follower> {
        let limit = self.max_monitors();
        Follower::new(self.table.clone(), limit, self.pollers.clone())
    }

    /// Returns the limit of the table's monitors that applies to this file.
    pub(super) fn max_monitors(&self) -> usize {
        match self.opener.may_change() {
            true => MAX_FOLLOWERS,
            false => MAX_FOLLOWERS - RESERVED_MONITORS,
        }
    }

    /// Checks that the current task may change the table through this file.
    ///
    /// Errors: `EPERM`.
    pub(super) fn check_may_change(&self) -> Result {
        self.opener.check_may_change()
    }

    /// Starts a transaction for this file's table. `line` is the line of `begin`, if there is one.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn begin(&self, reload: bool, line: Option<u64>) -> Result<PendingTransaction> {
        if reload {
            PendingTransaction::reload(self.table.clone(), line)
        } else {
            Ok(PendingTransaction::collect(line))
        }
    }

    /// Waits until no other call uses the state.
    ///
    /// Errors: `ERESTARTSYS` if a signal ends the wait; `EAGAIN` if `is_nonblocking` and another
    /// call uses the state. Context: may sleep.
    pub(super) fn turn(&self, is_nonblocking: bool) -> Result<Turn<'_>> {
        Turn::wait(self, is_nonblocking)
    }

    /// Returns the result of the last `close()`, without waiting.
    ///
    /// Errors: `EINVAL` if a line has no newline or no next hop, or if a transaction is open.
    pub(super) fn closing(&self) -> Result {
        // ORDERING: A call that has ended has dropped its reference to the file since its store.
        // The caller has seen that no other reference is left, so it sees that store.
        if self.is_unfinished.load(Ordering::Acquire) {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Logs the line and the transaction that closing the file discards. The caller holds the only
    /// reference to the file.
    pub(super) fn log_unfinished(&self) {
        if let Some(state) = self.state.lock().as_ref() {
            state.log_unfinished();
        }
    }

    /// Returns the queue of the tasks that poll this file.
    pub(super) fn pollers(&self) -> &PollQueue {
        &self.pollers
    }

    /// Returns the current `poll()` mask.
    pub(super) fn poll_mask(&self) -> u32 {
        if self.is_readable() {
            READABLE | WRITABLE
        } else {
            WRITABLE
        }
    }

    /// Returns whether answers or changes are unread.
    fn is_readable(&self) -> bool {
        match self.position() {
            monitor::NO_POSITION => self.has_answers(),
            _ => self.has_unread(&self.table.monitor().log().lock()),
        }
    }

    /// Returns whether answers or changes are unread. `log` is the log of the table.
    pub(super) fn has_unread(&self, log: &Log) -> bool {
        // A read that turns changes into answers publishes the answers first, then the position. In
        // the other order this call could miss both, and nothing would wake the caller.
        let position = self.position();
        self.has_answers() || log.next() > position
    }

    /// Returns whether answers are unread.
    fn has_answers(&self) -> bool {
        // ORDERING: A poller joined the queue before this load, and the writer wakes the queue
        // after its store. The queue's lock orders the two: this load sees the store, or the writer
        // wakes the poller.
        self.is_readable.load(Ordering::Relaxed)
    }

    /// Returns the position of the next change that a read returns.
    fn position(&self) -> u64 {
        // ORDERING: Acquire pairs with the release of `publish_flags()`. The caller then also sees
        // that changes before the position have become answers.
        self.position.load(Ordering::Acquire)
    }

    /// Publishes the flags that `poll()` and `close()` read, at the end of a turn.
    pub(super) fn publish_flags(&self, state: &State) {
        // ORDERING: See `has_answers()`, `position()` and `closing()`.
        self.is_readable
            .store(state.answers.is_readable(), Ordering::Relaxed);
        let position = state.monitoring.as_ref().map(Monitoring::position);
        // ORDERING: Release: see `position()`.
        self.position
            .store(position.unwrap_or(monitor::NO_POSITION), Ordering::Release);
        self.is_unfinished
            .store(state.is_unfinished(), Ordering::Release);
    }

    /// Wakes the pollers if answers or changes are unread. Call [`Self::publish_flags`] first.
    pub(super) fn wake_pollers(&self) {
        if !self.is_readable() {
            return;
        }
        self.pollers.wake_all();
        if self.position() != monitor::NO_POSITION {
            // A waiting reader checks for answers under this lock, so it cannot miss the wakeup.
            let monitor = self.table.monitor();
            drop(monitor.log().lock());
            monitor.changed().tasks().notify_all();
        }
    }
}
