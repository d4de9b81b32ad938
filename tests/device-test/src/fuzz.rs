// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the device. Each round has two parts:
//!
//! - One thread writes, reads and polls, and compares each result with a model.
//! - Several processes and threads call the device with arbitrary arguments, and the kernel's own
//!   checkers report errors.
//!
//! Each round has its own seed, which is printed if the round fails.

mod chaos;
mod compared;
mod lines;
mod random;
#[expect(unsafe_code, reason = "passes arbitrary arguments to system calls")]
mod raw;

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

pub use chaos::{main as child_main, CHILD_FLAG};

use crate::{
    device::{self, Stats},
    tap::{equal, Outcome, Stop},
};
use random::Random;

/// The option that starts the fuzzer. The next arguments are the seconds and optionally the seed.
pub const FLAG: &str = "--fuzz";

/// The duration of the second part of a round.
const CHAOS: Duration = Duration::from_millis(1500);

/// The steps of the first part of a round.
const COMPARED_STEPS: usize = 600;

/// The number of steps, for the report.
#[derive(Default)]
struct Count {
    compared: u64,
    unchecked: u64,
}

/// Fuzzes for the given number of seconds.
pub fn main(arguments: &[String]) -> ExitCode {
    let number = |at: usize| arguments.get(at).map(|word| word.parse::<u64>());
    let (seconds, seed) = match (number(0), number(1)) {
        (Some(Ok(seconds)), None) => (seconds, any_seed()),
        (Some(Ok(seconds)), Some(Ok(seed))) => (seconds, seed),
        _ => {
            eprintln!("expected: --fuzz SECONDS [SEED]");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let mut count = Count::default();
    let mut round = seed;
    loop {
        if let Err(stop) = one_round(round, &mut count) {
            let (Stop::Failed(why) | Stop::Skipped(why)) = stop;
            println!("FAILED with seed {round}: {why}");
            println!("To reproduce it: scripts/fuzz --seed {round} guest");
            return ExitCode::FAILURE;
        }
        if start.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        round += 1;
    }
    let executions = count.compared + count.unchecked;
    let rate = executions as f64 / start.elapsed().as_secs_f64();
    println!(
        "fuzz: {executions} executions, {rate:.0}/s ({} compared with the model), \
         seeds {seed} to {round}",
        count.compared
    );
    ExitCode::SUCCESS
}

fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(1, |since| since.as_nanos() as u64 % 1_000_000_000)
}

fn one_round(seed: u64, count: &mut Count) -> Outcome {
    let mut random = Random::new(seed);
    device::flush()?;
    count.compared += compared::run(&mut random, COMPARED_STEPS)?;
    count.unchecked += chaos::run(&mut random, CHAOS)?;
    expect_no_leak()
}

/// Deletes all next-hop objects, groups before their members.
fn delete_objects() -> Outcome {
    let table = device::dump()?;
    for line in table.lines().rev() {
        let words = line.strip_prefix("nexthop replace id ").unwrap_or("");
        let Some(id) = words.split(' ').next().filter(|id| !id.is_empty()) else {
            continue;
        };
        device::run(format!("nexthop del id {id}\n"))?;
    }
    equal(
        "next-hop objects without routes",
        Stats::now()?.get("nexthop_objects")?,
        0,
    )
}

/// Checks that a flush leaves an empty table, and that all retired memory is reclaimed.
fn expect_no_leak() -> Outcome {
    device::flush()?;
    delete_objects()?;
    equal("the table after a flush", device::dump()?, String::new())?;
    Stats::now()?.expect_empty_table()?;
    device::wait_for_reclaim()
}
