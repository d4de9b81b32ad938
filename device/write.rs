// SPDX-License-Identifier: GPL-2.0

//! Writing to a file: splits the bytes into lines and executes them.

use super::{
    answers::Answers,
    execute::{Executor, Stop},
    lines::{Mark, MAX_LINE},
    open_file::{OpenFile, State, CHUNK},
    signal,
};
use core::ops::Range;
use kernel::{iov::IovIterSource, prelude::*};

/// The bad line that cut a write short. If the next write repeats it, that write fails with its
/// errno. Executing the line again would differ: a failed commit has ended its transaction.
pub(super) struct RefusedLine {
    /// The start of the line, up to its newline.
    bytes: [u8; MAX_LINE + 1],
    len: usize,
    error: Error,
}

impl RefusedLine {
    /// Stores the line at the start of `rest`.
    fn new(rest: &[u8], error: Error) -> Self {
        let limit = rest.len().min(MAX_LINE + 1);
        let newline = rest[..limit].iter().position(|&byte| byte == b'\n');
        let len = newline.map_or(limit, |at| at + 1);
        let mut bytes = [0; MAX_LINE + 1];
        bytes[..len].copy_from_slice(&rest[..len]);
        Self { bytes, len, error }
    }

    /// Returns whether `written` repeats the line, as far as both are known.
    fn is_repeated_by(&self, written: &[u8]) -> bool {
        let len = self.len.min(written.len());
        self.bytes[..len] == written[..len]
    }
}

/// The progress of a write.
struct Progress {
    /// The bytes that lines have used.
    consumed: usize,
    /// The bytes up to the last line that was executed or batched.
    done: usize,
    /// The bytes at the start of the chunk that no line has used yet: the start of a line.
    kept: usize,
}

/// Consumes bytes until the source is empty, a line is bad, or a signal is pending. Returns the
/// number of consumed bytes; for a bad line, the number of bytes before it.
///
/// Errors: that of a bad line at the start; `EFAULT`.
pub(super) fn write(
    file: &OpenFile,
    state: &mut State,
    from: &mut IovIterSource<'_>,
) -> Result<usize> {
    if from.is_empty() {
        return Ok(0);
    }
    if !state.has_write {
        state.has_write = true;
        state.answers = Answers::none();
    }
    let mut refused = state.refused.take();
    let mark = state.lines.mark();
    if let Some(joined) = &mut state.joined {
        joined.begin_write();
    }
    let mut progress = Progress {
        consumed: 0,
        done: 0,
        kept: 0,
    };
    while !from.is_empty() {
        let kept = progress.kept;
        let len = from.len().min(CHUNK - kept);
        let copied = from.copy_from_iter(&mut state.chunk[kept..kept + len]);
        if copied == 0 && kept == 0 && progress.consumed == 0 {
            return Err(EFAULT);
        }
        let filled = kept + copied;
        if let Some(refused) = refused.take() {
            if refused.is_repeated_by(&state.chunk[..filled]) {
                return Err(refused.error);
            }
        }
        let start = progress.consumed;
        let ends_here = copied == 0 || from.is_empty() || signal::yield_and_check();
        let chunk = Chunk {
            filled,
            ends_here,
            before: mark,
        };
        if let Err(stop) = write_chunk(file, state, &mut progress, &chunk) {
            return stop_at(state, &stop, mark, start..start + filled);
        }
        if ends_here {
            break;
        }
    }
    // The write has succeeded: its last, unfinished line replaces the start that an earlier write
    // has left.
    let (kept, _) = state.lines.feed(&state.chunk[..progress.kept]);
    Ok(progress.consumed + kept)
}

/// The bytes in the buffer of the file.
struct Chunk {
    /// Their number.
    filled: usize,
    /// Whether the write ends after them: they are the last ones, or a signal is pending.
    ends_here: bool,
    /// The state before the write.
    before: Mark,
}

/// Executes the lines of the chunk. Keeps a line that does not end in the chunk, so that each line
/// is in one chunk.
fn write_chunk(
    file: &OpenFile,
    state: &mut State,
    progress: &mut Progress,
    chunk: &Chunk,
) -> Result<(), Stop> {
    let filled = chunk.filled;
    let mut executor = Executor {
        file,
        answers: &mut state.answers,
        pending: &mut state.pending,
        joined: &mut state.joined,
        monitoring: &mut state.monitoring,
        batch: &mut state.batch,
    };
    let mut at = 0;
    while at < filled {
        let rest = &state.chunk[at..filled];
        if !state.lines.is_ended_by(rest) {
            break;
        }
        let (used, line) = state.lines.feed(rest);
        at += used;
        progress.consumed += used;
        let Some(line) = line else {
            continue;
        };
        executor.execute(&line, progress.done)?;
        progress.done = progress.consumed;
    }
    match chunk.ends_here {
        true => {
            let only = state.lines.only_line_since(chunk.before);
            executor.end_write(only.filter(|_| at == filled))?;
        }
        false => executor.apply_batch()?,
    }
    progress.kept = filled - at;
    state.chunk.copy_within(at..filled, 0);
    Ok(())
}

/// Ends a write at a bad line. If the line is first, the write fails. Otherwise it returns a short
/// count. `chunk` is the range of the write that the chunk contains.
fn stop_at(state: &mut State, stop: &Stop, before: Mark, chunk: Range<usize>) -> Result<usize> {
    let joined = state.joined.take();
    match stop.line <= before.count() {
        // The line is from an earlier write: nothing of this one is consumed.
        true => state.lines.restore(before),
        false => state.lines.rewind_to(stop.line),
    }
    if stop.at == 0 {
        return Err(stop.error);
    }
    let head = joined.as_ref().filter(|joined| joined.line() == stop.line);
    let rest = match (head, stop.at.checked_sub(chunk.start)) {
        (Some(joined), _) => Some(joined.head()),
        (None, Some(at)) => state.chunk.get(at..chunk.len()),
        // The first line of a command was in an earlier chunk, and a batch had the command.
        (None, None) => None,
    };
    state.refused = rest.map(|rest| RefusedLine::new(rest, stop.error));
    Ok(stop.at)
}
