// SPDX-License-Identifier: GPL-2.0

//! Writing to a file: splits the bytes into lines and executes them.

use super::{
    answers::Answers,
    execute::{Executor, Stop},
    open_file::{OpenFile, State, CHUNK},
    signal,
};
use kernel::{iov::IovIterSource, prelude::*};

/// Consumes bytes until the source is empty, a line is bad, or a signal is pending. Returns the
/// number of consumed bytes; for a bad line, those before it.
///
/// Errors: that of a bad line at the start, or that of the bad line that ended the last write;
/// `EFAULT`.
pub(super) fn write(
    file: &OpenFile,
    state: &mut State,
    from: &mut IovIterSource<'_>,
) -> Result<usize> {
    if let Some(error) = state.latched.take() {
        return Err(error);
    }
    if from.is_empty() {
        return Ok(0);
    }
    if !state.has_write {
        state.has_write = true;
        state.answers = Answers::none();
    }
    let mut executor = Executor {
        file,
        answers: &mut state.answers,
        pending: &mut state.pending,
        batch: &mut state.batch,
    };
    // `done` is the part of the `consumed` bytes up to the last line that was executed or batched.
    let (mut consumed, mut done) = (0, 0);
    while !from.is_empty() {
        let len = from.len().min(CHUNK);
        let copied = from.copy_from_iter(&mut state.chunk[..len]);
        if copied == 0 {
            return if consumed == 0 {
                Err(EFAULT)
            } else {
                Ok(consumed)
            };
        }
        let end = consumed + copied;
        while consumed < end {
            let rest = &state.chunk[copied - (end - consumed)..copied];
            let (used, line) = state.lines.feed(rest);
            consumed += used;
            let Some(line) = line else {
                continue;
            };
            if let Err(stop) = executor.execute(&line, done) {
                return stop_at(state, &stop);
            }
            done = consumed;
        }
        if let Err(stop) = executor.apply_batch() {
            return stop_at(state, &stop);
        }
        if !from.is_empty() && signal::yield_and_check() {
            break;
        }
    }
    Ok(consumed)
}

/// Ends a write at a bad line. If the line is first, the write fails. Otherwise it returns a short
/// count, and the next write fails with the errno.
fn stop_at(state: &mut State, stop: &Stop) -> Result<usize> {
    state.lines.rewind_to(stop.line);
    if stop.at == 0 {
        return Err(stop.error);
    }
    state.latched = Some(stop.error);
    Ok(stop.at)
}
