// SPDX-License-Identifier: GPL-2.0

//! Compares the events of each log with the expectations beside it.
//!
//! `corpus/` has logs of real machines, `cases/` small logs with one difficulty each. The README of
//! each folder names the sources and describes the format.

mod expectations;

use expectations::Folder;

#[test]
fn events_of_every_log_of_the_corpus_meet_the_expectations() {
    let corpus = Folder::new("corpus");
    let names = corpus.names();
    let foreign = names.iter().filter(|name| !name.starts_with("lab-"));
    let foreign = foreign.count();
    assert!(foreign >= 40, "expected at least 40 logs, found {foreign}");
    corpus.check();
}

#[test]
fn answers_to_every_case_name_culprit_cause_and_advice() {
    let cases = Folder::new("cases");
    let count = cases.names().len();
    assert!(count >= 46, "expected at least 46 cases, found {count}");
    cases.check();
}

#[test]
fn every_event_has_a_summary_causes_and_advice() {
    for folder in [Folder::new("corpus"), Folder::new("cases")] {
        for name in folder.names() {
            for event in folder.events(&name) {
                let summary = event["summary"].as_str().unwrap_or_default();
                assert!(summary.len() > 20, "{name}: {event}");
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
}
