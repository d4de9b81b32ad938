// SPDX-License-Identifier: GPL-2.0

//! Tests, their assertions, and their report in the Test Anything Protocol.

use std::{
    fmt::{Debug, Display},
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use nix::errno::Errno;

/// Why a test did not pass.
#[derive(Debug)]
pub enum Stop {
    Failed(String),
    /// The kernel lacks a feature that the test needs.
    Skipped(String),
}

pub type Outcome<T = ()> = Result<T, Stop>;

/// The names and functions of the tests of a group.
pub type Group = [(&'static str, fn() -> Outcome)];

/// The report shows the time of a test that takes longer.
const SLOW: Duration = Duration::from_secs(2);

/// A test and its name.
pub struct Test {
    pub name: String,
    body: Box<dyn Fn() -> Outcome>,
}

impl Test {
    pub fn new(name: impl Into<String>, body: impl Fn() -> Outcome + 'static) -> Self {
        Self {
            name: name.into(),
            body: Box::new(body),
        }
    }

    /// The tests of a group. The group's name starts the name of each test.
    pub fn group(group: &str, tests: &Group) -> Vec<Self> {
        tests
            .iter()
            .map(|(name, body)| Self::new(format!("{group}: {name}"), *body))
            .collect()
    }

    fn run(&self, prepare: fn() -> Outcome) -> Outcome {
        let whole = AssertUnwindSafe(|| prepare().and_then(|()| (self.body)()));
        panic::catch_unwind(whole).unwrap_or_else(|_| fail("panicked; see standard error"))
    }
}

/// Runs the tests, each after `prepare`, and prints the report. Returns whether none failed.
pub fn run(tests: &[Test], prepare: fn() -> Outcome) -> bool {
    let start = Instant::now();
    let (mut failed, mut skipped) = (0, 0);
    println!("1..{}", tests.len());
    for (test, number) in tests.iter().zip(1..) {
        let begin = Instant::now();
        let name = &test.name;
        match test.run(prepare) {
            Ok(()) => println!("ok {number} - {name}"),
            Err(Stop::Skipped(why)) => {
                skipped += 1;
                println!("ok {number} - {name} # SKIP {why}");
            }
            Err(Stop::Failed(why)) => {
                failed += 1;
                println!("not ok {number} - {name}");
                why.lines().for_each(|line| println!("#   {line}"));
            }
        }
        if begin.elapsed() > SLOW {
            println!("#   took {:.1} s", begin.elapsed().as_secs_f32());
        }
    }
    let (passed, seconds) = (
        tests.len() - failed - skipped,
        start.elapsed().as_secs_f32(),
    );
    println!("# {passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s");
    failed == 0
}

/// Fails the test.
pub fn fail<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Stop::Failed(why.into()))
}

/// Skips the test.
pub fn skip<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Stop::Skipped(why.into()))
}

/// Fails unless `holds`.
pub fn ensure(what: impl Display, holds: bool) -> Outcome {
    if holds {
        return Ok(());
    }
    fail(format!("does not hold: {what}"))
}

/// Fails unless both values are equal.
pub fn equal<T: Debug + PartialEq>(what: impl Display, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    fail(format!(
        "{what}:\nfound    {found:?}\nexpected {expected:?}"
    ))
}

/// Fails unless both texts are equal, and shows the first line that differs.
pub fn same_text(what: impl Display, found: &str, expected: &str) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let (mut left, mut right) = (found.split_inclusive('\n'), expected.split_inclusive('\n'));
    let mut number = 1;
    let (left, right) = loop {
        match (left.next(), right.next()) {
            (left, right) if left != right => break (left, right),
            _ => number += 1,
        }
    };
    let lengths = format!("{} and {} bytes", found.len(), expected.len());
    fail(format!(
        "{what}: line {number} differs ({lengths}):\nfound    {left:?}\nexpected {right:?}"
    ))
}

/// Adds the failed step to an error.
pub trait During<T> {
    fn during(self, what: impl Display) -> Outcome<T>;
}

impl<T, E: Display> During<T> for Result<T, E> {
    fn during(self, what: impl Display) -> Outcome<T> {
        self.map_err(|error| Stop::Failed(format!("{what}: {error}")))
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Stop::Failed(format!("unexpected {errno}"))
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::Failed(format!("unexpected {error}"))
    }
}
