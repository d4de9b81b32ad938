// SPDX-License-Identifier: GPL-2.0

//! Tests the loaded module through `/dev/rust_rcu_demo`, with exact results of system calls, and
//! reports in the Test Anything Protocol.
//!
//! The table is emptied before each test. Run it as root, and alone: several tests fail when someone
//! else changes the table.

mod capability;
mod child;
mod churn;
mod device;
mod faults;
mod fuzz;
mod lifetime;
mod memory;
mod misuse;
mod model;
#[path = "../../../hosted/rcu-routes/src/testing"]
mod testing {
    #[expect(dead_code, reason = "the table's tests in user space need more of it")]
    pub mod random;
}
mod reads;
mod retirement;
mod routes;
mod semantics;
mod signals;
mod tap;
mod transactions;
mod writes;

use testing::random;

use std::{env, process::ExitCode};

use nix::fcntl::OFlag;

const USAGE: &str = "\
Usage: device-test [--list] [--seconds N] [WORD...]
       device-test --fuzz SECONDS [SEED]

Runs the tests whose names contain one of the WORDs; all without any. Empties the table of
/dev/rust_rcu_demo. --list shows the names instead. --seconds says how long the writer of the churn
test writes (default 10). --fuzz uses the device at random instead; a round that went wrong is repeated
by its seed.
";

fn all_tests() -> Vec<tap::Test> {
    [
        semantics::tests,
        misuse::tests,
        writes::tests,
        reads::tests,
        transactions::tests,
        capability::tests,
        lifetime::tests,
        retirement::tests,
        churn::tests,
        signals::tests,
        faults::tests,
    ]
    .into_iter()
    .flat_map(|tests| tests())
    .collect()
}

fn main() -> ExitCode {
    let mut words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(fuzz::FLAG) => return fuzz::main(&words[1..]),
        Some(fuzz::CHILD_FLAG) => return fuzz::child_main(&words[1..]),
        Some(child::FLAG) => return child::main(words.get(1).map_or("", String::as_str)),
        Some("-h" | "--help") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => (),
    }
    let list = words.first().is_some_and(|word| word == "--list");
    if list {
        words.remove(0);
    }
    if let Some(at) = words.iter().position(|word| word == "--seconds") {
        let Some(Ok(seconds)) = words.get(at + 1).map(|word| word.parse()) else {
            eprint!("--seconds needs a number\n{USAGE}");
            return ExitCode::from(2);
        };
        churn::go_on_for(seconds);
        words.drain(at..at + 2);
    }
    if let Some(option) = words.iter().find(|word| word.starts_with('-')) {
        eprint!("unknown option '{option}'\n{USAGE}");
        return ExitCode::from(2);
    }

    let mut tests = all_tests();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    tests.retain(|test| chosen(&test.name));
    if list {
        tests.iter().for_each(|test| println!("{}", test.name));
        return ExitCode::SUCCESS;
    }
    run(&tests)
}

fn run(tests: &[tap::Test]) -> ExitCode {
    if tests.is_empty() {
        eprintln!("no test has such a name; --list shows them");
        return ExitCode::from(2);
    }
    if let Err(errno) = device::Device::open_as(OFlag::O_RDWR) {
        println!(
            "Bail out! {}: {}: is the module loaded?",
            device::NODE,
            errno.desc()
        );
        return ExitCode::FAILURE;
    }
    match tap::run(tests, device::flush) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
