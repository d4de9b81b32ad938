// SPDX-License-Identifier: GPL-2.0

//! Tests the loaded module through `/dev/rust_rcu_demo`: checks the exact results of system calls,
//! and reports in the Test Anything Protocol.
//!
//! Empties the table before each test. Run it as root, and while no other program changes the
//! table.

#![deny(unsafe_code)]

mod attack;
#[expect(unsafe_code, reason = "owns a descriptor that a message contains")]
mod attack_processes;
mod bad_lines;
mod bulk;
mod capability;
mod child;
mod churn;
mod close;
mod continued;
mod device;
mod faults;
mod fuzz;
#[expect(unsafe_code, reason = "passes structures to ioctls")]
mod ioctl;
mod ip_route;
#[expect(unsafe_code, reason = "makes system calls that the library lacks")]
mod kernel_aio;
mod killed;
mod lifetime;
#[expect(unsafe_code, reason = "passes bad addresses to system calls")]
mod memory;
mod misuse;
mod model;
mod monitor;
mod multipath;
mod objects;
#[path = "../../../hosted/rcu-routes/src/testing"]
mod testing {
    #[expect(dead_code, reason = "the table's tests in user space need more of it")]
    pub mod random;
}
mod pollers;
mod reads;
mod retirement;
mod routes;
mod semantics;
#[expect(unsafe_code, reason = "installs a signal handler")]
mod signals;
mod tap;
mod transactions;
mod turns;
mod unread;
#[expect(unsafe_code, reason = "queues requests with pointers")]
mod uring;
mod writes;

use testing::random;

use std::{env, process::ExitCode};

use nix::fcntl::OFlag;

const USAGE: &str = "\
Usage: device-test [--list] [--seconds N] [WORD...]
       device-test --fuzz SECONDS [SEED]

Runs all tests, or those whose names contain a WORD. Empties the table of /dev/rust_rcu_demo.

  --list          prints the names of the tests
  --seconds N     sets the duration of the churn test at full speed (default 10)
  --fuzz SECONDS  fuzzes the device instead; SEED repeats a round that failed
";

fn all_tests() -> Vec<tap::Test> {
    [
        semantics::tests,
        ip_route::tests,
        continued::tests,
        misuse::tests,
        writes::tests,
        bad_lines::tests,
        close::tests,
        reads::tests,
        unread::tests,
        transactions::tests,
        capability::tests,
        lifetime::tests,
        retirement::tests,
        churn::tests,
        signals::tests,
        killed::tests,
        turns::tests,
        monitor::tests,
        objects::tests,
        pollers::tests,
        bulk::tests,
        multipath::tests,
        attack::tests,
        attack_processes::tests,
        uring::tests,
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
            eprint!("--seconds requires a number\n{USAGE}");
            return ExitCode::from(2);
        };
        churn::set_seconds(seconds);
        words.drain(at..at + 2);
    }
    if let Some(option) = words.iter().find(|word| word.starts_with('-')) {
        eprint!("unknown option '{option}'\n{USAGE}");
        return ExitCode::from(2);
    }

    let mut tests = all_tests();
    let is_chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    tests.retain(|test| is_chosen(&test.name));
    if list {
        tests.iter().for_each(|test| println!("{}", test.name));
        return ExitCode::SUCCESS;
    }
    run(&tests)
}

fn run(tests: &[tap::Test]) -> ExitCode {
    if tests.is_empty() {
        eprintln!("no test has a matching name; --list prints the names");
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
