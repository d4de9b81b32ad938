// SPDX-License-Identifier: GPL-2.0

//! Lines in any number of pieces through several open files: what each `write()`, `read()`, `poll()` and
//! `close()` returns is what a model says.

use std::mem;

use nix::errno::Errno;

use super::{
    lines::{self, Family, Meaning, Update},
    random::{Choose, Random},
    raw,
    table::Table,
};
use crate::{
    device::{self, Device},
    tap::{equal, fail, same_text, Outcome, Stop},
};

/// How many files are open at once.
const FILES: usize = 3;

/// Steps that are shown when one went wrong.
const SHOWN: usize = 12;

/// A line with more bytes is refused as soon as it has them.
const MAX_LINE: usize = 255;

/// An answer that waits to be read.
enum Answer {
    Line(String),
    /// What is wrong with that line.
    Complaint(u64),
    /// The table as it is when it is read.
    Show(Option<Family>),
}

enum Transaction {
    Collected(Vec<(u64, Update)>),
    Reload(Table),
}

/// What is known of an open file.
struct State {
    /// Bytes of the line that has begun.
    begun: usize,
    /// Lines that have ended.
    lines: u64,
    /// What the next write returns because of a line before.
    latched: Option<Errno>,
    was_written: bool,
    answers: Vec<Answer>,
    transaction: Option<Transaction>,
}

impl State {
    fn fresh() -> Self {
        Self {
            begun: 0,
            lines: 0,
            latched: None,
            was_written: false,
            answers: vec![Answer::Show(None)],
            transaction: None,
        }
    }

    /// A write of these bytes, the next of lines with these meanings; those that have ended are taken.
    fn write(
        &mut self,
        bytes: &[u8],
        meanings: &mut Vec<Meaning>,
        table: &mut Table,
    ) -> Result<usize, Errno> {
        if let Some(errno) = self.latched.take() {
            return Err(errno);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        if !mem::replace(&mut self.was_written, true) {
            self.answers.clear();
        }
        let mut done = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            self.begun += 1;
            if byte != b'\n' && self.begun <= MAX_LINE {
                continue;
            }
            self.begun = 0;
            self.lines += 1;
            let Err(errno) = self.run(meanings.remove(0), table) else {
                done = at + 1;
                continue;
            };
            if done == 0 {
                return Err(errno);
            }
            self.latched = Some(errno);
            return Ok(done);
        }
        Ok(bytes.len())
    }

    fn run(&mut self, meaning: Meaning, table: &mut Table) -> Result<(), Errno> {
        let mut at_fault = self.lines;
        let done = match meaning {
            Meaning::Nothing => Ok(()),
            Meaning::Refused(errno) => Err(errno),
            Meaning::Change(change) => match &mut self.transaction {
                None => table.apply(&change),
                Some(Transaction::Reload(aside)) => aside.apply(&change),
                Some(Transaction::Collected(changes)) => {
                    changes.push((self.lines, change));
                    Ok(())
                }
            },
            Meaning::Begin { .. } if self.transaction.is_some() => Err(Errno::EBUSY),
            Meaning::Begin { reload } => {
                self.transaction = Some(match reload {
                    true => Transaction::Reload(Table::default()),
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
                self.answers.push(Answer::Show(family));
                Ok(())
            }
        };
        if done.is_err() {
            self.answers.push(Answer::Complaint(at_fault));
        }
        done
    }

    /// All that is to be read, a line each; of a complaint only how it begins.
    fn take_answers(&mut self, table: &Table) -> Vec<String> {
        let lines = self.answers.drain(..).flat_map(|answer| match answer {
            Answer::Line(line) => vec![line],
            Answer::Complaint(number) => vec![format!("line {number}: ")],
            Answer::Show(family) => table.show(family),
        });
        lines.collect()
    }

    /// Whether `close()` fails, as half a line or a transaction is lost.
    fn is_unfinished(&self) -> bool {
        self.begun > 0 || self.transaction.is_some()
    }
}

/// All changes or none; which line failed and why.
fn commit(transaction: Transaction, table: &mut Table) -> Result<(), (u64, Errno)> {
    let mut after = table.clone();
    match transaction {
        Transaction::Reload(aside) => after = aside,
        Transaction::Collected(changes) => {
            for (line, change) in &changes {
                after.apply(change).map_err(|errno| (*line, errno))?;
            }
        }
    }
    *table = after;
    Ok(())
}

/// An open file, and the text that goes there piece by piece.
struct File {
    device: Device,
    state: State,
    text: Vec<u8>,
    meanings: Vec<Meaning>,
}

impl File {
    fn open() -> Outcome<Self> {
        Ok(Self {
            device: Device::open()?,
            state: State::fresh(),
            text: Vec::new(),
            meanings: Vec::new(),
        })
    }

    fn write(
        &mut self,
        random: &mut Random,
        table: &mut Table,
        mut note: impl FnMut(String),
    ) -> Outcome {
        while self.text.is_empty() || random.once_in(2) {
            let (line, meaning) = lines::line(random);
            self.text.extend(line);
            self.text.push(b'\n');
            self.meanings.push(meaning);
        }
        let len = match random.once_in(2) {
            true => self.text.len(),
            false => random.below(self.text.len() + 1),
        };
        let piece: Vec<u8> = self.text.drain(..len).collect();
        let wanted = self.state.write(&piece, &mut self.meanings, table);
        let what = format!("write() of {:?}", String::from_utf8_lossy(&piece));
        note(what.clone());
        equal(what, self.device.write(&piece), wanted)?;
        if wanted != Ok(len) {
            // Who is refused does not go on in the midst of a line.
            self.text.clear();
            self.meanings.clear();
        }
        Ok(())
    }

    fn read(&mut self, random: &mut Random, table: &Table) -> Outcome {
        let found = self.device.answers_by(random.choose(&[16, 100, 4096]))?;
        let wanted = self.state.take_answers(table);
        let found: Vec<&str> = found.split_inclusive('\n').collect();
        if found.len() != wanted.len() {
            return same_text("the answers", &found.concat(), &wanted.concat());
        }
        for (found, wanted) in found.into_iter().zip(wanted) {
            let is_complaint = wanted.ends_with(": ") && found.starts_with(&wanted);
            if found != wanted && !is_complaint {
                return fail(format!("an answer:\nfound  {found:?}\nwanted {wanted:?}"));
            }
        }
        Ok(())
    }

    fn poll(&self) -> Outcome {
        let wanted = (!self.state.answers.is_empty(), true);
        equal(
            "readable and writable by poll()",
            raw::poll(&self.device)?,
            wanted,
        )
    }

    fn close(self) -> Outcome {
        let wanted = match self.state.is_unfinished() {
            true => Err(Errno::EINVAL),
            false => Ok(()),
        };
        equal("close()", self.device.close(), wanted)
    }
}

/// Takes so many steps on an empty table; says how many there were. A failure tells the last of them.
pub fn run(random: &mut Random, steps: usize) -> Outcome<u64> {
    let mut taken = Vec::new();
    match take_steps(random, steps, &mut taken) {
        Ok(()) => Ok(steps as u64),
        Err(Stop::Failed(why)) => {
            let last = &taken[taken.len().saturating_sub(SHOWN)..];
            fail(format!("{why}\nafter {}", last.join("\n      ")))
        }
        Err(other) => Err(other),
    }
}

fn take_steps(random: &mut Random, steps: usize, taken: &mut Vec<String>) -> Outcome {
    let mut table = Table::default();
    let mut files = Vec::new();
    for _ in 0..FILES {
        files.push(File::open()?);
    }
    for _ in 0..steps {
        let at = random.below(files.len());
        let mut note = |what: String| taken.push(format!("file {at}: {what}"));
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
