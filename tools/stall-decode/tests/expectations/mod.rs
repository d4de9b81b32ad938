// SPDX-License-Identifier: GPL-2.0

//! Compares the events of a folder's logs with the expectations beside them. `cases/README.md`
//! describes the format.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// Words of an answer that calls itself uncertain.
const UNSURE: &str = "uncertain|not certain|not reliable|unreliable|unsure|not sure|guess|may be stale|leftover|cannot tell|not say";

/// A folder of `NAME.log` and `NAME.json`.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        Self(Path::new(&package).join("tests").join(name))
    }

    /// Returns the names of all logs, sorted.
    pub fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.0).expect("a folder of logs");
        let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()))
            .collect()
    }

    fn read(&self, file: &str) -> Vec<u8> {
        let path = self.0.join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Decodes a log.
    pub fn events(&self, name: &str) -> Vec<Value> {
        let mut events = Vec::new();
        stall_decode::decode(&self.read(&format!("{name}.log"))[..], |event| {
            events.push(serde_json::to_value(&event).expect("JSON"));
            Ok(())
        })
        .expect("reading memory cannot fail");
        events
    }

    /// Returns a log's differences from its expectations: where, and how.
    fn differences(&self, name: &str) -> Vec<(String, String)> {
        let expected: Value = serde_json::from_slice(&self.read(&format!("{name}.json")))
            .unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let expected = expected["events"].as_array().expect("events");
        let found = self.events(name);
        let heads = |events: &[Value]| events.iter().map(head).collect::<Vec<_>>();
        let mut differences = Vec::new();
        if heads(expected) != heads(&found) {
            let how = format!("expected {:?}, found {:?}", heads(expected), heads(&found));
            differences.push((format!("{name} events"), how));
        }
        for expected in expected {
            let Some(event) = found.iter().find(|event| head(event) == head(expected)) else {
                continue;
            };
            for (field, value) in expected.as_object().expect("an object") {
                if let Some(how) = difference(field, value, event) {
                    differences.push((format!("{name}:{} {field}", expected["line"]), how));
                }
            }
        }
        differences
    }

    /// Fails if a difference is not listed in `expected-failures`, or a listed one is gone.
    pub fn check(&self) {
        let list = fs::read_to_string(self.0.join("expected-failures")).unwrap_or_default();
        let mut listed: BTreeSet<&str> = list
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        let names = self.names();
        let mut differences: Vec<_> = names
            .iter()
            .flat_map(|name| self.differences(name))
            .collect();
        differences.retain(|(place, _)| !listed.remove(place.as_str()));
        let new: Vec<_> = differences
            .iter()
            .map(|(place, how)| format!("{place}: {how}"))
            .collect();
        assert!(
            new.is_empty(),
            "not in expected-failures:\n{}",
            new.join("\n")
        );
        assert!(
            listed.is_empty(),
            "no longer wrong, remove from expected-failures:\n{}",
            listed.into_iter().collect::<Vec<_>>().join("\n")
        );
    }
}

/// Returns line and kind of an event.
fn head(event: &Value) -> String {
    format!(
        "{}:{}",
        event["line"],
        event["kind"].as_str().unwrap_or("?")
    )
}

/// Returns how an event differs from an expectation.
fn difference(field: &str, expected: &Value, event: &Value) -> Option<String> {
    let (part, is_wanted) = match field {
        "unsure" => return lacks(&[UNSURE.into()], &answer(event)),
        "says" => ("", true),
        "never" => ("", false),
        "summary" | "cause" | "advice" => (field, true),
        "summary_not" | "cause_not" | "advice_not" => (field.trim_end_matches("_not"), false),
        "blame" if agrees(field, expected, &event[field]["culprit"]) => return None,
        "blame" => {
            let found = &event[field]["culprit"];
            return Some(format!("expected {expected}, found {found}"));
        }
        _ if agrees(field, expected, &event[field]) => return None,
        _ => return Some(format!("expected {expected}, found {}", event[field])),
    };
    let text = match part {
        "summary" => words(&event["summary"]) + &words(&event["story"]),
        "cause" => words(&event["causes"]),
        "advice" => words(&event["advice"]),
        _ if is_wanted => answer(event),
        _ => words(event),
    };
    let patterns = expected.as_array().expect("a list of words");
    match is_wanted {
        true => lacks(patterns, &text),
        false => has(patterns, &text),
    }
}

/// Returns the text that a reader sees first.
fn answer(event: &Value) -> String {
    let parts = ["summary", "story", "causes", "advice"];
    parts.map(|part| words(&event[part])).concat()
}

/// Returns all text within a value, in lower case.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_lowercase() + "\n",
        Value::Array(items) => items.iter().map(words).collect(),
        Value::Object(members) => members.values().map(words).collect(),
        _ => String::new(),
    }
}

fn matches(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().expect("words").to_lowercase();
    pattern.split('|').any(|word| text.contains(word))
}

fn lacks(patterns: &[Value], text: &str) -> Option<String> {
    let missing = patterns.iter().find(|pattern| !matches(pattern, text))?;
    Some(format!("expected {missing} in {text:?}"))
}

fn has(patterns: &[Value], text: &str) -> Option<String> {
    let unwanted = patterns.iter().find(|pattern| matches(pattern, text))?;
    Some(format!("expected no {unwanted} in {text:?}"))
}

/// Compares a field. CPUs and tasks may be in any order; tasks may have further members.
fn agrees(field: &str, expected: &Value, found: &Value) -> bool {
    if let Some(alternatives) = expected["any_of"].as_array() {
        return alternatives.iter().any(|value| agrees(field, value, found));
    }
    if let Some(part) = expected["contains"].as_str() {
        return found.as_str().is_some_and(|text| text.contains(part));
    }
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
            let has = |task: &Value| found.iter().any(|other| has_members(task, other));
            found.len() == expected.len() && expected.iter().all(has)
        }
        "seconds" => match (expected.as_f64(), found.as_f64()) {
            (Some(expected), Some(found)) => (expected - found).abs() <= expected * 0.01,
            _ => expected == found,
        },
        // The JSON omits a count of 0.
        _ => expected == found || (expected == 0 && found.is_null()),
    }
}

fn has_members(task: &Value, other: &Value) -> bool {
    let mut members = task.as_object().expect("a task").iter();
    members.all(|(key, value)| other[key] == *value)
}
