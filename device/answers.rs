// SPDX-License-Identifier: GPL-2.0

//! The read side of an open file: the answers in the order of their commands. A dump of the table
//! is made piece by piece as the reader consumes it.

use super::{
    objects::{ObjectText, RouteText, REPLACE},
    signal,
};
use crate::rcu_table::{Key, Route, Selector, Table};
use core::{
    fmt::{self, Write},
    mem::{self, size_of},
};
use kernel::{iov::IovIterDest, prelude::*};

/// The limit for unread answers, in bytes. Each answer counts with its entry in the queue. Buffers
/// double, so they take at most twice as much.
const MAX_UNREAD: usize = 256 << 10;
/// The room for error messages beyond [`MAX_UNREAD`], so that a file can still report that it is
/// full.
const MAX_MESSAGES: usize = 4096;
/// The number of routes that a dump copies from the table while it holds the table's mutex.
const PIECE: usize = 128;
/// A piece of a dump ends after the line that reaches this number of bytes.
const PIECE_BYTES: usize = 16 << 10;

/// A buffer for formatted text. Writing fails if the kernel is out of memory.
struct TextBuffer<'a>(&'a mut KVVec<u8>);

impl Write for TextBuffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0
            .extend_from_slice(text.as_bytes(), GFP_KERNEL_ACCOUNT)
            .map_err(|_| fmt::Error)
    }
}

/// The rest of a dump.
#[derive(Clone, Copy)]
enum Dump {
    /// The selected routes after a key.
    Routes(Selector, Option<Key>),
    /// The objects with at least the number `from`, which is `None` after the highest number. With
    /// `is_group` they are part of the whole table: each line is a command, members precede groups,
    /// and routes follow.
    Objects {
        from: Option<u32>,
        is_group: Option<bool>,
    },
}

impl Dump {
    /// Returns the part of the whole table after this part.
    fn next(self) -> Option<Self> {
        match self {
            Self::Objects {
                is_group: Some(false),
                ..
            } => Some(Self::Objects {
                from: Some(0),
                is_group: Some(true),
            }),
            Self::Objects {
                is_group: Some(true),
                ..
            } => Some(Self::Routes(Selector::All, None)),
            _ => None,
        }
    }
}

enum Answer {
    Text(KVVec<u8>),
    Dump(Dump),
}

/// The unread answers of a file.
pub(super) struct Answers {
    queue: KVVec<Answer>,
    /// The index of the next answer in `queue`. The answers before it were consumed.
    next: usize,
    /// The bytes that the answers in `queue`, consumed ones included, and `current` count.
    unread: usize,
    /// The text that is being read.
    current: KVVec<u8>,
    /// The number of bytes of `current` that were read.
    read: usize,
    /// The bytes that `current` counts; none if it is a piece of a dump.
    counted: usize,
    /// The dump to continue after `current`.
    dump: Option<Dump>,
}

impl Answers {
    /// Creates the answers of a freshly opened file: the whole table.
    pub(super) fn whole_table() -> Self {
        Self {
            dump: Some(Dump::Objects {
                from: Some(0),
                is_group: Some(false),
            }),
            ..Self::none()
        }
    }

    /// Creates an empty queue of answers.
    pub(super) fn none() -> Self {
        Self {
            queue: KVVec::new(),
            next: 0,
            unread: 0,
            current: KVVec::new(),
            read: 0,
            counted: 0,
            dump: None,
        }
    }

    /// Returns whether there is no room for another answer.
    pub(super) fn is_full(&self) -> bool {
        self.unread >= MAX_UNREAD
    }

    /// Returns whether there is no room for another error message either.
    pub(super) fn is_overfull(&self) -> bool {
        self.unread >= MAX_UNREAD + MAX_MESSAGES
    }

    /// Returns whether answers are unread. A queued dump may turn out empty.
    pub(super) fn is_readable(&self) -> bool {
        self.read < self.current.len() || self.dump.is_some() || self.next < self.queue.len()
    }

    /// Appends text.
    ///
    /// Errors: `ENOMEM`, and then nothing was appended.
    pub(super) fn append(&mut self, text: impl fmt::Display) -> Result {
        if !matches!(self.queue.last(), Some(Answer::Text(_))) {
            self.push(Answer::Text(KVVec::new()))?;
        }
        let Some(Answer::Text(last)) = self.queue.last_mut() else {
            return Err(ENOMEM);
        };
        let before = last.len();
        if write!(TextBuffer(last), "{text}").is_err() {
            last.truncate(before);
            return Err(ENOMEM);
        }
        self.unread += last.len() - before;
        Ok(())
    }

    /// Appends a dump of the routes that match `selector` when the dump is read.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn append_dump(&mut self, selector: Selector) -> Result {
        self.push(Answer::Dump(Dump::Routes(selector, None)))
    }

    /// Appends a dump of the next-hop objects when the dump is read.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn append_objects(&mut self) -> Result {
        self.push(Answer::Dump(Dump::Objects {
            from: Some(0),
            is_group: None,
        }))
    }

    fn push(&mut self, answer: Answer) -> Result {
        // Compacts once over half of the queue is consumed: amortized O(1).
        if self.next > self.queue.len() / 2 {
            self.queue.rotate_left(self.next);
            self.queue.truncate(self.queue.len() - self.next);
            self.unread -= self.next * size_of::<Answer>();
            self.next = 0;
        }
        self.queue.push(answer, GFP_KERNEL_ACCOUNT)?;
        self.unread += size_of::<Answer>();
        Ok(())
    }

    fn pop(&mut self) -> Option<Answer> {
        let next = self.queue.get_mut(self.next)?;
        let answer = mem::replace(next, Answer::Text(KVVec::new()));
        self.next += 1;
        if self.next == self.queue.len() {
            self.unread -= self.next * size_of::<Answer>();
            self.queue.clear();
            self.next = 0;
        }
        Some(answer)
    }

    /// Frees the text that was read to its end.
    fn free_current(&mut self) {
        self.unread -= mem::take(&mut self.counted);
        (self.current, self.read) = (KVVec::new(), 0);
    }

    /// Stores the next text in `current`. Returns false at the end of the answers.
    ///
    /// Errors: `ENOMEM`, and then no answer is lost.
    fn advance(&mut self, table: &Table) -> Result<bool> {
        loop {
            if let Some(dump) = self.dump {
                let has_text = match dump {
                    Dump::Routes(selector, after) => self.dump_routes(table, selector, after)?,
                    Dump::Objects { from, is_group } => self.dump_objects(table, from, is_group)?,
                };
                if has_text {
                    return Ok(true);
                }
                self.dump = dump.next();
                continue;
            }
            match self.pop() {
                None => return Ok(false),
                Some(Answer::Text(text)) => {
                    self.counted = text.len();
                    (self.current, self.read) = (text, 0);
                    return Ok(true);
                }
                Some(Answer::Dump(dump)) => {
                    self.dump = Some(dump);
                }
            }
        }
    }

    /// Stores the next routes in `current`. Returns false at the end of the routes.
    fn dump_routes(
        &mut self,
        table: &Table,
        selector: Selector,
        mut after: Option<Key>,
    ) -> Result<bool> {
        let mut text = KVVec::new();
        let mut routes: KVec<Route> = KVec::with_capacity(PIECE, GFP_KERNEL_ACCOUNT)?;
        let mut is_last = false;
        // All routes of a piece may have been deleted since, and then the text is still empty.
        while text.is_empty() && !is_last {
            routes.clear();
            table.dump(selector, after, &mut routes)?;
            is_last = routes.len() < PIECE;
            for route in &routes {
                if text.len() >= PIECE_BYTES {
                    is_last = false;
                    break;
                }
                if let Some(route) = RouteText::latest(table, route)? {
                    writeln!(TextBuffer(&mut text), "{route}").map_err(|_| ENOMEM)?;
                }
                after = Some(Key::from(route));
            }
        }
        let has_text = !text.is_empty();
        if has_text {
            // The dump advances only now: a read that failed with `ENOMEM` can be repeated.
            self.dump = (!is_last).then_some(Dump::Routes(selector, after));
            (self.current, self.read) = (text, 0);
        }
        Ok(has_text)
    }

    /// Stores the next objects in `current`. Returns false at the end of these objects.
    fn dump_objects(
        &mut self,
        table: &Table,
        mut from: Option<u32>,
        is_group: Option<bool>,
    ) -> Result<bool> {
        let mut text = KVVec::new();
        let command = is_group.map_or("", |_| REPLACE);
        for _ in 0..PIECE {
            let Some(start) = from else { break };
            let Some((id, object)) = table.next_object(start, is_group)? else {
                from = None;
                break;
            };
            let object = ObjectText(id, &object);
            writeln!(TextBuffer(&mut text), "{command}{object}").map_err(|_| ENOMEM)?;
            from = id.checked_add(1);
            if text.len() >= PIECE_BYTES {
                break;
            }
        }
        let has_text = !text.is_empty();
        if has_text {
            self.dump = Some(Dump::Objects { from, is_group });
            (self.current, self.read) = (text, 0);
        }
        Ok(has_text)
    }

    /// Copies answers until the destination is full, the answers end, or a signal is pending.
    /// Returns the number of copied bytes; 0 is the end of the answers.
    ///
    /// Errors, if nothing was copied: `ENOMEM`, `EFAULT`.
    pub(super) fn read(&mut self, table: &Table, to: &mut IovIterDest<'_>) -> Result<usize> {
        let mut total = 0;
        while !to.is_empty() {
            if self.read == self.current.len() {
                match self.advance(table) {
                    Ok(true) => (),
                    Ok(false) => break,
                    Err(error) if total == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            let copied = to.copy_to_iter(&self.current[self.read..]);
            self.read += copied;
            total += copied;
            if self.read == self.current.len() {
                self.free_current();
            }
            if self.read < self.current.len() && copied == 0 {
                break;
            }
            if signal::yield_and_check() {
                break;
            }
        }
        if total == 0 && !to.is_empty() && self.read < self.current.len() {
            return Err(EFAULT);
        }
        Ok(total)
    }
}
