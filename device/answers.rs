// SPDX-License-Identifier: GPL-2.0

//! The read side of an open file: answers in the order of their commands, whole tables piece by
//! piece.

use crate::rcu_table::{Key, Route, Selector, Table};
use core::{
    fmt::{self, Write},
    mem,
};
use kernel::{iov::IovIterDest, prelude::*};

/// Unread answers that a file keeps, in bytes.
const MAX_UNREAD: usize = 1 << 20;
/// What it keeps of complaints beyond that, so that a refusal for want of room can be said as well.
const MAX_COMPLAINTS: usize = 4096;
/// Routes taken from the table in one read-side critical section.
const PIECE: usize = 128;

/// Text that grows by allocating, and fails when it cannot.
struct Text<'a>(&'a mut KVVec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0
            .extend_from_slice(text.as_bytes(), GFP_KERNEL)
            .map_err(|_| fmt::Error)
    }
}

enum Answer {
    Text(KVVec<u8>),
    Dump(Selector, Option<Key>),
}

/// Answers that wait to be read.
pub(super) struct Answers {
    waiting: KVec<Answer>,
    /// Where in `waiting` the next one is; those before it have been taken.
    next: usize,
    /// Bytes of text in `waiting`.
    unread: usize,
    /// What is being read now, and how far.
    current: KVVec<u8>,
    read: usize,
    /// The dump that `current` is a piece of, to be gone on with.
    dump: Option<(Selector, Option<Key>)>,
}

impl Answers {
    /// The whole table, which is what a freshly opened file reads as.
    pub(super) fn whole_table() -> Self {
        Self {
            dump: Some((Selector::All, None)),
            ..Self::none()
        }
    }

    /// Nothing.
    pub(super) fn none() -> Self {
        Self {
            waiting: KVec::new(),
            next: 0,
            unread: 0,
            current: KVVec::new(),
            read: 0,
            dump: None,
        }
    }

    /// Whether there is room for another answer.
    pub(super) fn is_full(&self) -> bool {
        self.unread >= MAX_UNREAD
    }

    /// Whether there is not even room for another complaint.
    pub(super) fn is_overfull(&self) -> bool {
        self.unread >= MAX_UNREAD + MAX_COMPLAINTS
    }

    /// Whether there is something to be read. A dump that is still to come may turn out empty.
    pub(super) fn is_readable(&self) -> bool {
        self.read < self.current.len() || self.dump.is_some() || self.next < self.waiting.len()
    }

    /// Appends text.
    pub(super) fn say(&mut self, text: impl fmt::Display) -> Result {
        if !matches!(self.waiting.last(), Some(Answer::Text(_))) {
            self.push(Answer::Text(KVVec::new()))?;
        }
        let Some(Answer::Text(last)) = self.waiting.last_mut() else {
            return Err(ENOMEM);
        };
        let before = last.len();
        if write!(Text(last), "{text}").is_err() {
            last.truncate(before);
            return Err(ENOMEM);
        }
        self.unread += last.len() - before;
        Ok(())
    }

    /// Appends the routes that `selector` names, as they will be when they are read.
    pub(super) fn show(&mut self, selector: Selector) -> Result {
        self.push(Answer::Dump(selector, None))?;
        // A place in the queue counts as much as a short line, so that the queue is bounded as well.
        self.unread += 64;
        Ok(())
    }

    fn push(&mut self, answer: Answer) -> Result {
        // Those taken go when they are the most, so that each is moved once on average.
        if self.next > self.waiting.len() / 2 {
            self.waiting.rotate_left(self.next);
            self.waiting.truncate(self.waiting.len() - self.next);
            self.next = 0;
        }
        Ok(self.waiting.push(answer, GFP_KERNEL)?)
    }

    /// Takes the answer that comes next.
    fn pop(&mut self) -> Option<Answer> {
        let next = self.waiting.get_mut(self.next)?;
        let answer = mem::replace(next, Answer::Text(KVVec::new()));
        self.next += 1;
        if self.next == self.waiting.len() {
            self.waiting.clear();
            self.next = 0;
        }
        Some(answer)
    }

    /// Makes `current` the next piece; false if there is none.
    fn advance(&mut self, table: &Table) -> Result<bool> {
        loop {
            if let Some((selector, after)) = self.dump {
                if self.dump_piece(table, selector, after)? {
                    return Ok(true);
                }
                self.dump = None;
            }
            match self.pop() {
                None => return Ok(false),
                Some(Answer::Text(text)) => {
                    self.unread -= text.len();
                    (self.current, self.read) = (text, 0);
                    return Ok(true);
                }
                Some(Answer::Dump(selector, after)) => {
                    self.unread -= 64;
                    self.dump = Some((selector, after));
                }
            }
        }
    }

    /// Makes `current` the next routes of a dump; false at its end.
    fn dump_piece(
        &mut self,
        table: &Table,
        selector: Selector,
        after: Option<Key>,
    ) -> Result<bool> {
        let mut routes: KVec<Route> = KVec::with_capacity(PIECE, GFP_KERNEL)?;
        table.dump(selector, after, &mut routes);
        let Some(last) = routes.last() else {
            return Ok(false);
        };
        let mut text = KVVec::new();
        for route in &routes {
            writeln!(Text(&mut text), "{route}").map_err(|_| ENOMEM)?;
        }
        // Only now has the piece been made: out of memory, it can be asked for again. One that is not full
        // was the last.
        let more = routes.len() == PIECE;
        self.dump = more.then_some((selector, Some(Key::from(last))));
        (self.current, self.read) = (text, 0);
        Ok(true)
    }

    /// Copies as much as the reader takes; 0 is the end of the answers.
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
            if self.read < self.current.len() && copied == 0 {
                break;
            }
            if super::file::interrupted() {
                break;
            }
        }
        if total == 0 && !to.is_empty() && self.read < self.current.len() {
            return Err(EFAULT);
        }
        Ok(total)
    }
}
