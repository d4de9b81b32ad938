// SPDX-License-Identifier: GPL-2.0

//! Damage to a log must not change the culprit: the decoder names the same one, or says that the log
//! does not show it.
//!
//! Each log of a sample is decoded as it is, and after one damage. A name that the whole log does
//! not give is a misleading answer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use stall_decode::{Culprit, Event};

/// Every how many logs of the corpus one is tried.
const EVERY: usize = 1;

/// Damage to a log.
struct Damage {
    name: &'static str,
    /// Whether all that the log says is still there.
    is_lossless: bool,
    apply: fn(&[String]) -> Vec<String>,
}

const PREFIX: &str = "an unknown prefix";

const DAMAGES: [Damage; 10] = [
    Damage {
        name: PREFIX,
        is_lossless: false,
        apply: |lines| each(lines, |line| format!("node7/console0| {line}")),
    },
    Damage {
        name: "CRLF",
        is_lossless: true,
        apply: |lines| each(lines, |line| format!("{line}\r")),
    },
    Damage {
        name: "HTML",
        is_lossless: true,
        apply: html,
    },
    Damage {
        name: "one JSON object a line",
        is_lossless: true,
        apply: |lines| {
            each(lines, |line| {
                serde_json::json!({ "stream": "stderr", "log": format!("{line}\n") }).to_string()
            })
        },
    },
    Damage {
        name: "lines of another program",
        is_lossless: true,
        apply: |lines| {
            let mut mixed = vec!["Nov 21 10:00:00 host cron[57]: job started".to_string()];
            mixed.extend(lines.iter().cloned());
            mixed.push("Nov 21 10:00:01 host cron[57]: job ended".to_string());
            mixed
        },
    },
    Damage {
        name: "wrapped at 76 columns",
        is_lossless: false,
        apply: wrapped,
    },
    Damage {
        name: "without the first quarter",
        is_lossless: false,
        apply: |lines| lines[lines.len() / 4..].to_vec(),
    },
    Damage {
        name: "without the first half",
        is_lossless: false,
        apply: |lines| lines[lines.len() / 2..].to_vec(),
    },
    Damage {
        name: "without the last quarter",
        is_lossless: false,
        apply: |lines| lines[..lines.len() - lines.len() / 4].to_vec(),
    },
    Damage {
        name: "without the last half",
        is_lossless: false,
        apply: |lines| lines[..lines.len() / 2].to_vec(),
    },
];

/// Returns whether a mail quoted the log, or broke its lines: nothing adds a prefix after that.
fn is_wrapped(lines: &[String]) -> bool {
    let is_stamped = |line: &&String| line.contains(']') || line.contains("kernel:");
    let stamped = lines.iter().filter(is_stamped).count();
    let is_quoted = lines.iter().any(|line| line.starts_with('>'));
    is_quoted || stamped > 0 && stamped < lines.len()
}

fn each(lines: &[String], change: impl Fn(&str) -> String) -> Vec<String> {
    lines.iter().map(|line| change(line)).collect()
}

fn html(lines: &[String]) -> Vec<String> {
    each(lines, |line| {
        let line = line.replace('&', "&amp;");
        line.replace('<', "&lt;").replace('>', "&gt;")
    })
}

/// Breaks lines with a stamp as a mail program does.
fn wrapped(lines: &[String]) -> Vec<String> {
    const WIDTH: usize = 76;
    let mut pieces = Vec::new();
    let is_stamped = |line: &String| {
        line.starts_with("[ ") || line.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    };
    let has_stamps = lines.iter().all(is_stamped);
    for line in lines {
        let mut rest = line.as_str();
        while rest.len() > WIDTH && rest.is_ascii() && has_stamps {
            let Some(at) = rest[..WIDTH].rfind(' ').filter(|&at| at > 30) else {
                break;
            };
            pieces.push(rest[..at].to_string());
            rest = &rest[at + 1..];
        }
        pieces.push(rest.to_string());
    }
    pieces
}

fn folder() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("tests/corpus")
}

/// Returns a sample of the corpus: names and lines.
fn sample() -> Vec<(String, Vec<String>)> {
    let entries = fs::read_dir(folder()).expect("there is a corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "log"));
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read(path).expect("a log");
        let text = String::from_utf8_lossy(&text);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        (
            name.into_owned(),
            text.lines().map(str::to_string).collect(),
        )
    };
    paths.iter().step_by(EVERY).map(read).collect()
}

fn decode(lines: &[String]) -> Vec<Event> {
    let text = lines.join("\n");
    let mut events = Vec::new();
    stall_decode::decode(text.as_bytes(), |event| {
        events.push(event);
        Ok(())
    })
    .expect("reading memory cannot fail");
    events
}

/// The culprits that an answer names without calling them a guess: kind and function.
fn named(events: &[Event]) -> BTreeSet<(String, String)> {
    let sure = events
        .iter()
        .filter(|event| event.blame.culprit == Culprit::Code && event.blame.sure != "guess");
    sure.filter_map(|event| Some((event.kind.name().to_string(), event.culprit_frame.clone()?)))
        .collect()
}

/// All functions and work items that an answer names, also as guesses.
fn any(events: &[Event]) -> BTreeSet<String> {
    let names = events
        .iter()
        .flat_map(|event| event.culprit_frame.iter().chain(&event.work));
    names.cloned().collect()
}

#[test]
fn damage_to_a_log_names_no_other_culprit() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, lines) in sample() {
        let whole = decode(&lines);
        let known = any(&whole);
        for damage in &DAMAGES {
            if damage.name == PREFIX && is_wrapped(&lines) {
                continue;
            }
            let events = decode(&(damage.apply)(&lines));
            count += 1;
            let other: Vec<_> = named(&events)
                .into_iter()
                .filter(|(_, function)| !known.contains(function))
                .collect();
            if !other.is_empty() {
                wrong.push(format!(
                    "{name}, {}: {other:?} instead of {known:?}",
                    damage.name
                ));
            }
            if damage.is_lossless && named(&events) != named(&whole) && other.is_empty() {
                let (found, expected) = (named(&events), named(&whole));
                wrong.push(format!(
                    "{name}, {}: {found:?} instead of {expected:?}",
                    damage.name
                ));
            }
        }
    }
    assert!(
        count > 1000,
        "expected more than 1000 answers, found {count}"
    );
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
