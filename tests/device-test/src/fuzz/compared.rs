// SPDX-License-Identifier: GPL-2.0

//! Writes lines in random pieces through several open files, and compares each result of `write()`,
//! `read()`, `poll()` and `close()` with a model.

use std::mem;

use nix::errno::Errno;

use super::{
    lines::{self, Meaning},
    random::{Choose, Random},
    raw,
};
use crate::{
    device::{self, Device},
    model::{Family, Model, Update},
    tap::{equal, fail, same_text, Outcome, Stop},
};

/// The number of open files.
const FILES: usize = 3;

/// The number of steps in the report of a failure.
const REPORTED_STEPS: usize = 12;

/// The maximum length of a line. A longer line fails at its first excess byte.
const MAX_LINE: usize = 1023;

/// An unread answer.
enum Answer {
    Line(String),
    /// The message for the line with this number.
    Message(u64),
    /// A dump of the table at the time of the read.
    Dump(Option<Family>),
}

enum Transaction {
    Collected(Vec<(u64, Update)>),
    Reload(Model),
}

/// The expected state of an open file.
struct State {
    /// The bytes of the unfinished line.
    unfinished: usize,
    /// The number of finished lines.
    lines: u64,
    /// The bad line that cut the last write short, and its errno.
    refused: Option<(Vec<u8>, Errno)>,
    has_write: bool,
    answers: Vec<Answer>,
    transaction: Option<Transaction>,
}

impl State {
    fn new() -> Self {
        Self {
            unfinished: 0,
            lines: 0,
            refused: None,
            has_write: false,
            answers: vec![Answer::Dump(None)],
            transaction: None,
        }
    }

    /// Returns the expected result of a write. `meanings` starts with that of the unfinished line;
    /// the meaning of each finished line is removed.
    fn write(
        &mut self,
        bytes: &[u8],
        meanings: &mut Vec<Meaning>,
        table: &mut Model,
    ) -> Result<usize, Errno> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if let Some((line, errno)) = self.refused.take() {
            let len = line.len().min(bytes.len());
            if line[..len] == bytes[..len] {
                self.has_write = true;
                return Err(errno);
            }
        }
        if !mem::replace(&mut self.has_write, true) {
            self.answers.clear();
        }
        let mut done = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            self.unfinished += 1;
            if byte != b'\n' && self.unfinished <= MAX_LINE {
                continue;
            }
            self.unfinished = 0;
            self.lines += 1;
            let Err(errno) = self.execute(meanings.remove(0), table) else {
                done = at + 1;
                continue;
            };
            if done == 0 {
                return Err(errno);
            }
            self.refused = Some((bytes[done..=at].to_vec(), errno));
            return Ok(done);
        }
        Ok(bytes.len())
    }

    fn execute(&mut self, meaning: Meaning, table: &mut Model) -> Result<(), Errno> {
        let mut at_fault = self.lines;
        let done = match meaning {
            Meaning::Nothing => Ok(()),
            Meaning::Refused(errno) => Err(errno),
            Meaning::Update(update) => match &mut self.transaction {
                None => table.apply(&update),
                Some(Transaction::Reload(new)) => new.apply(&update),
                Some(Transaction::Collected(updates)) => {
                    updates.push((self.lines, update));
                    Ok(())
                }
            },
            Meaning::Begin { .. } if self.transaction.is_some() => Err(Errno::EBUSY),
            Meaning::Begin { reload } => {
                self.transaction = Some(match reload {
                    true => Transaction::Reload(Model::default()),
                    false => Transaction::Collected(Vec::new()),
                });
                Ok(())
            }
            Meaning::Abort => self.transaction.take().map(drop).ok_or(Errno::EINVAL),
            Meaning::Commit => match self.transaction.take() {
                None => Err(Errno::EINVAL),
                Some(transaction) => commit(transaction, table).map_err(|(line, errno)| {
                    at_fault = line;
                    errno
                }),
            },
            Meaning::Get(address) => table
                .get(address)
                .map(|line| self.answers.push(Answer::Line(line))),
            Meaning::Show(family) => {
                self.answers.push(Answer::Dump(family));
                Ok(())
            }
        };
        if done.is_err() {
            self.answers.push(Answer::Message(at_fault));
        }
        done
    }

    /// Removes and returns the lines of all answers. Of a message, returns only the beginning.
    fn drain_answers(&mut self, table: &Model) -> Vec<String> {
        let lines = self.answers.drain(..).flat_map(|answer| match answer {
            Answer::Line(line) => vec![line],
            Answer::Message(number) => vec![format!("line {number}: ")],
            Answer::Dump(family) => table.show(family),
        });
        lines.collect()
    }

    /// Whether `close()` fails, because a line or a transaction is unfinished.
    fn is_unfinished(&self) -> bool {
        self.unfinished > 0 || self.transaction.is_some()
    }
}

/// Makes all changes or none. Returns the line that failed and its errno.
fn commit(transaction: Transaction, table: &mut Model) -> Result<(), (u64, Errno)> {
    let mut after = table.clone();
    match transaction {
        Transaction::Reload(new) => after = new,
        Transaction::Collected(updates) => {
            for (line, update) in &updates {
                after.apply(update).map_err(|errno| (*line, errno))?;
            }
        }
    }
    *table = after;
    Ok(())
}

/// An open file, its model, and lines that are not written completely.
struct File {
    device: Device,
    state: State,
    /// The rest of the lines.
    text: Vec<u8>,
    meanings: Vec<Meaning>,
}

impl File {
    fn open() -> Outcome<Self> {
        Ok(Self {
            device: Device::open()?,
            state: State::new(),
            text: Vec::new(),
            meanings: Vec::new(),
        })
    }

    fn write(
        &mut self,
        random: &mut Random,
        table: &mut Model,
        mut note: impl FnMut(String),
    ) -> Outcome {
        while self.text.is_empty() || random.one_in(2) {
            let (line, meaning) = lines::line(random);
            self.text.extend(line);
            self.text.push(b'\n');
            self.meanings.push(meaning);
        }
        let len = match random.one_in(2) {
            true => self.text.len(),
            false => random.below(self.text.len() + 1),
        };
        let piece: Vec<u8> = self.text.drain(..len).collect();
        let expected = self.state.write(&piece, &mut self.meanings, table);
        let what = format!("write() of {:?}", String::from_utf8_lossy(&piece));
        note(what.clone());
        equal(what, self.device.write(&piece), expected)?;
        if expected != Ok(len) {
            // After an error the writer does not continue within a line.
            self.text.clear();
            self.meanings.clear();
        }
        Ok(())
    }

    fn read(&mut self, random: &mut Random, table: &Model) -> Outcome {
        let found = self.device.answers_by(random.choose(&[16, 100, 4096]))?;
        let expected = self.state.drain_answers(table);
        let found: Vec<&str> = found.split_inclusive('\n').collect();
        if found.len() != expected.len() {
            return same_text("the answers", &found.concat(), &expected.concat());
        }
        for (found, expected) in found.into_iter().zip(expected) {
            let is_message = expected.ends_with(": ") && found.starts_with(&expected);
            if !is_message {
                equal("an answer", found, &expected)?;
            }
        }
        Ok(())
    }

    fn poll(&self) -> Outcome {
        let expected = (!self.state.answers.is_empty(), true);
        equal(
            "readable and writable by poll()",
            raw::poll(&self.device)?,
            expected,
        )
    }

    fn close(self) -> Outcome {
        let expected = match self.state.is_unfinished() {
            true => Err(Errno::EINVAL),
            false => Ok(()),
        };
        equal("close()", self.device.close(), expected)
    }
}

/// Makes random steps on an empty table. Returns their number; a failure reports the last ones.
pub fn run(random: &mut Random, steps: usize) -> Outcome<u64> {
    let mut notes = Vec::new();
    match run_steps(random, steps, &mut notes) {
        Ok(()) => Ok(steps as u64),
        Err(Stop::Failed(why)) => {
            let last = &notes[notes.len().saturating_sub(REPORTED_STEPS)..];
            fail(format!("{why}\nafter {}", last.join("\n      ")))
        }
        Err(other) => Err(other),
    }
}

fn run_steps(random: &mut Random, steps: usize, notes: &mut Vec<String>) -> Outcome {
    let mut table = Model::default();
    let mut files = Vec::new();
    for _ in 0..FILES {
        files.push(File::open()?);
    }
    for _ in 0..steps {
        let at = random.below(files.len());
        let mut note = |what: String| notes.push(format!("file {at}: {what}"));
        match random.below(32) {
            0..=23 => files[at].write(random, &mut table, note)?,
            24..=27 => {
                note("read()".into());
                files[at].read(random, &table)?;
            }
            28..=29 => files[at].poll()?,
            30 => {
                note("close() and open()".into());
                mem::replace(&mut files[at], File::open()?).close()?;
            }
            _ => same_text("the table", &device::dump()?, &table.show(None).concat())?,
        }
    }
    files.into_iter().try_for_each(File::close)
}
