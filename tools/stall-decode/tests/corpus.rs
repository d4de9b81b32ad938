// SPDX-License-Identifier: GPL-2.0

//! Logs that others wrote, against what their authors' readers say of them, and those of our own stall lab, of which
//! it is known what provoked them: `corpus/NAME.log` and
//! `corpus/NAME.json`. `corpus/README.md` says where they are from.
//!
//! What the decoder gets wrong stands in `known-wrong`, which must stay true: a line there that is right by
//! now is an error as well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo says")).join("tests/corpus")
}

fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder())
        .expect("there is a corpus")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn events(log: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    stall_decode::decode(log, |event| {
        events.push(serde_json::to_value(&event).expect("JSON"));
        Ok(())
    })
    .expect("memory can be read");
    events
}

/// What is wrong with one log, a line each.
fn wrong(name: &str) -> Vec<String> {
    let read =
        |end: &str| fs::read(folder().join(format!("{name}.{end}"))).expect("it can be read");
    let expected: Value = serde_json::from_slice(&read("json")).expect("JSON");
    let expected = expected["events"].as_array().expect("events").clone();
    let found = events(&read("log"));
    let mut wrong = Vec::new();
    let heads = |events: &[Value]| -> Vec<String> {
        let heads = events.iter().map(|event| {
            format!(
                "{}:{}",
                event["line"],
                event["kind"].as_str().unwrap_or("?")
            )
        });
        heads.collect()
    };
    if heads(&expected) != heads(&found) {
        wrong.push(format!(
            "{name}: events {:?} instead of {:?}",
            heads(&found),
            heads(&expected)
        ));
    }
    for expected in &expected {
        let same =
            |event: &&Value| event["kind"] == expected["kind"] && event["line"] == expected["line"];
        if let Some(event) = found.iter().find(same) {
            let head = format!(
                "{name}:{} {}",
                expected["line"],
                expected["kind"].as_str().unwrap_or("?")
            );
            for (field, value) in expected.as_object().expect("an object") {
                if !agrees(field, value, &event[field]) {
                    wrong.push(format!(
                        "{head}: {field} is {} instead of {value}",
                        event[field]
                    ));
                }
            }
        }
    }
    wrong
}

/// Sets may come in any order; of tasks, what is expected must be there.
fn agrees(field: &str, expected: &Value, found: &Value) -> bool {
    match (field, expected, found) {
        ("cpus", Value::Array(expected), found) => {
            let set = |values: &[Value]| {
                values
                    .iter()
                    .filter_map(Value::as_u64)
                    .collect::<BTreeSet<_>>()
            };
            set(expected) == set(found.as_array().map_or(&[], Vec::as_slice))
        }
        ("tasks", Value::Array(expected), found) => {
            let empty = Vec::new();
            let found = found.as_array().unwrap_or(&empty);
            found.len() == expected.len()
                && expected.iter().all(|task| {
                    found.iter().any(|other| {
                        task.as_object()
                            .expect("a task")
                            .iter()
                            .all(|(key, value)| other[key] == *value)
                    })
                })
        }
        _ => expected == found,
    }
}

#[test]
fn logs_of_others_are_decoded() {
    let known = fs::read_to_string(folder().join("known-wrong")).unwrap_or_default();
    let mut known: BTreeSet<&str> = known
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let mut unknown = Vec::new();
    let names = names();
    let of_others = names
        .iter()
        .filter(|name| !name.starts_with("lab-"))
        .count();
    assert!(of_others >= 40, "{of_others} logs");
    for name in &names {
        for line in wrong(name) {
            if !known.remove(line.as_str()) {
                unknown.push(line);
            }
        }
    }
    assert!(unknown.is_empty(), "wrong:\n{}", unknown.join("\n"));
    assert!(known.is_empty(), "not wrong any more: {known:#?}");
}

#[test]
fn every_event_says_something() {
    for name in names() {
        let log = fs::read(folder().join(format!("{name}.log"))).expect("it can be read");
        for event in events(&log) {
            assert!(
                event["summary"]
                    .as_str()
                    .is_some_and(|summary| summary.len() > 20),
                "{name}: {event}"
            );
            for list in ["causes", "advice"] {
                assert!(
                    event[list].as_array().is_some_and(|list| !list.is_empty()),
                    "{name}: no {list}"
                );
            }
        }
    }
}
