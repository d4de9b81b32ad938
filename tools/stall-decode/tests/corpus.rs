// SPDX-License-Identifier: GPL-2.0

//! Compares the events of each `corpus/NAME.log` with the expectations in `corpus/NAME.json`.
//! `corpus/README.md` names the sources.
//!
//! `corpus/known-wrong` lists known errors of the decoder. An obsolete line there fails the test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("tests/corpus")
}

/// Returns the names of all logs, sorted.
fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).expect("the corpus");
    let paths = entries.map(|entry| entry.expect("an entry of the corpus").path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()))
        .collect()
}

fn read(name: &str, end: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.{end}"))).expect("a file of the corpus")
}

fn events(name: &str) -> Vec<Value> {
    let mut events = Vec::new();
    stall_decode::decode(&read(name, "log")[..], |event| {
        events.push(serde_json::to_value(&event).expect("JSON"));
        Ok(())
    })
    .expect("reading memory cannot fail");
    events
}

/// Returns line and kind of an event.
fn head(event: &Value) -> String {
    format!("{}:{}", event["line"], text(&event["kind"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// Returns the differences between a log's events and the expectations, one line each.
fn differences(name: &str) -> Vec<String> {
    let expected: Value = serde_json::from_slice(&read(name, "json")).expect("JSON");
    let expected = expected["events"].as_array().expect("events");
    let found = events(name);
    let mut differences = Vec::new();
    let heads = |events: &[Value]| events.iter().map(head).collect::<Vec<_>>();
    if heads(expected) != heads(&found) {
        differences.push(format!(
            "{name}: expected events {:?}, found {:?}",
            heads(expected),
            heads(&found)
        ));
    }
    for expected in expected {
        let Some(event) = found.iter().find(|event| head(event) == head(expected)) else {
            continue;
        };
        for (field, value) in expected.as_object().expect("an object") {
            if !agrees(field, value, &event[field]) {
                differences.push(format!(
                    "{name}:{} {}: expected {field} {value}, found {}",
                    expected["line"],
                    text(&expected["kind"]),
                    event[field]
                ));
            }
        }
    }
    differences
}

/// Compares a field. CPUs and tasks may be in any order; tasks may have further members.
fn agrees(field: &str, expected: &Value, found: &Value) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    match field {
        "cpus" => {
            let set = |value: &Value| -> BTreeSet<_> {
                list(value).iter().filter_map(Value::as_u64).collect()
            };
            set(expected) == set(found)
        }
        "tasks" => {
            let (expected, found) = (list(expected), list(found));
            let has = |task: &Value| {
                let mut others = found.iter();
                others.any(|other| {
                    let mut members = task.as_object().expect("a task").iter();
                    members.all(|(key, value)| other[key] == *value)
                })
            };
            found.len() == expected.len() && expected.iter().all(has)
        }
        _ => expected == found,
    }
}

#[test]
fn events_of_every_log_meet_the_expectations() {
    let known = fs::read_to_string(folder().join("known-wrong")).unwrap_or_default();
    let mut known: BTreeSet<&str> = known
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let names = names();
    let foreign = names.iter().filter(|name| !name.starts_with("lab-"));
    let foreign = foreign.count();
    assert!(foreign >= 40, "expected at least 40 logs, found {foreign}");
    let mut unknown: Vec<_> = names.iter().flat_map(|name| differences(name)).collect();
    unknown.retain(|line| !known.remove(line.as_str()));
    assert!(unknown.is_empty(), "wrong:\n{}", unknown.join("\n"));
    assert!(known.is_empty(), "no longer wrong: {known:#?}");
}

#[test]
fn every_event_has_a_summary_causes_and_advice() {
    for name in names() {
        for event in events(&name) {
            assert!(text(&event["summary"]).len() > 20, "{name}: {event}");
            for list in ["causes", "advice"] {
                let lines = event[list].as_array();
                assert!(
                    lines.is_some_and(|lines| !lines.is_empty()),
                    "{name}: no {list}"
                );
            }
        }
    }
}
