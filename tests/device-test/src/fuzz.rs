// SPDX-License-Identifier: GPL-2.0

//! Random use of the device: by one program, whose every answer is compared with a model's; and by several
//! processes and threads at once, with anything at all, which the kernel's own checkers watch.
//!
//! Rounds of both take turns until the time is over. Each round has a seed of its own, which is printed
//! when something is wrong.

mod chaos;
mod compared;
mod lines;
mod random;
mod raw;
mod table;

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

pub use chaos::{main as child_main, CHILD_FLAG};

use crate::{
    device::{self, wait_until, Stats},
    tap::{equal, Outcome, Stop},
};
use random::Random;

/// The argument that makes this program a fuzzer; the next ones are the seconds and perhaps the seed.
pub const FLAG: &str = "--fuzz";

/// How long processes go on at once before the table is looked at.
const CHAOS: Duration = Duration::from_millis(1500);

/// How much a round compares.
const COMPARED_STEPS: usize = 600;

/// What was done, for the last line.
#[derive(Default)]
struct Count {
    compared: u64,
    unchecked: u64,
}

/// Fuzzes for so many seconds.
pub fn main(arguments: &[String]) -> ExitCode {
    let number = |at: usize| arguments.get(at).map(|word| word.parse::<u64>());
    let (seconds, seed) = match (number(0), number(1)) {
        (Some(Ok(seconds)), None) => (seconds, any_seed()),
        (Some(Ok(seconds)), Some(Ok(seed))) => (seconds, seed),
        _ => {
            eprintln!("want the seconds, and perhaps a seed");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let mut count = Count::default();
    let mut round = seed;
    loop {
        if let Err(stop) = one_round(round, &mut count) {
            let (Stop::Failed(why) | Stop::Skipped(why)) = stop;
            println!("FINDING with the seed {round}: {why}");
            println!("To see it again: scripts/fuzz --seed {round} guest");
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
        "fuzz: {executions} executions, {rate:.0}/s ({} compared with the model), seeds {seed} to {round}",
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
    nothing_is_left()
}

/// Whatever was done, a flush leaves an empty table, and RCU soon nothing of what was in it.
fn nothing_is_left() -> Outcome {
    device::flush()?;
    equal("the table after a flush", device::dump()?, String::new())?;
    let stats = Stats::now()?;
    for name in [
        "routes_inet",
        "routes_inet6",
        "next_hops",
        "objects",
        "bytes",
    ] {
        equal(format!("{name} after a flush"), stats.get(name)?, 0)?;
    }
    wait_until("what was retired is reclaimed", || {
        Ok(Stats::now()?.get("retired_objects")? == 0)
    })
}
