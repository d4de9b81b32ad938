// SPDX-License-Identifier: GPL-2.0

//! Compares culprits with the functions that syzkaller's titles name. `titles/README.md` names the
//! source.
//!
//! A title names the code that a report is filed under: a system call, a driver's entry, or a
//! softirq. The function must be in the culprit's stack, and the culprit must not be further out.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;
use stall_decode::EventKind;

/// Share of titles that must agree, in percent.
const MIN_PERCENT: usize = 90;

fn folder() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("tests/titles")
}

/// Returns the name of a system call without the prefixes of its architecture, or any other name.
fn plain(function: &str) -> &str {
    let mut name = function.split('.').next().unwrap_or(function);
    for prefix in ["__x64_", "__ia32_", "__arm64_", "__se_", "__do_", "compat_"] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    // The titles name all functions of this family alike.
    if name.starts_with("smp_call_function") {
        return "smp_call_function";
    }
    ["sys_", "SyS_", "SYSC_", "ksys_", "C_SYSC_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

/// Decodes a log into its events on RCU.
fn events(log: &str) -> Vec<Value> {
    let text = fs::read(folder().join(format!("{log}.log"))).expect("a log of the folder");
    let mut events = Vec::new();
    stall_decode::decode(&text[..], |event| {
        if event.kind.is_stall() || event.kind == EventKind::SuspiciousRcuUsage {
            events.push(serde_json::to_value(&event).expect("JSON"));
        }
        Ok(())
    })
    .expect("reading memory cannot fail");
    events
}

/// Returns whether a stack has the function, and the culprit is not further out in it.
///
/// If a report blames nobody (`All QSes seen`), the stack is that of the CPU that reports.
fn agrees(event: &Value, function: &str) -> bool {
    let stacks = event["stacks"].as_array().into_iter().flatten();
    let stacks = stacks.map(|stack| &stack["frames"]);
    stacks.chain([&event["frames"]]).any(|frames| {
        let frames: Vec<_> = frames.as_array().into_iter().flatten().collect();
        let name = |frame: &&Value| plain(frame.as_str().unwrap_or_default()) == plain(function);
        let Some(title) = frames.iter().rposition(name) else {
            return false;
        };
        match frames
            .iter()
            .position(|frame| **frame == event["culprit_frame"])
        {
            Some(culprit) => culprit <= title,
            None => event["cpus"].is_null() && event["culprit_frame"].is_null(),
        }
    })
}

#[test]
fn the_function_of_a_title_is_in_the_stack_and_not_deeper_than_the_culprit() {
    let table = fs::read_to_string(folder().join("functions.tsv")).expect("functions.tsv");
    let rows = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'));
    let (mut count, mut others) = (0, Vec::new());
    for (log, function) in rows {
        count += 1;
        let events = events(log);
        if !events.iter().any(|event| agrees(event, function)) {
            let found: Vec<_> = events
                .iter()
                .map(|event| (&event["culprit_frame"], &event["frames"], &event["stacks"]))
                .collect();
            others.push(format!("{log}: title {function}, found {found:?}"));
        }
    }
    assert!(count >= 70, "expected at least 70 titles, found {count}");
    let agreed = count - others.len();
    println!(
        "{agreed} of {count} titles agree; others:\n{}",
        others.join("\n")
    );
    assert!(
        agreed * 100 >= count * MIN_PERCENT,
        "only {agreed} of {count} titles agree; others:\n{}",
        others.join("\n")
    );
}
