// SPDX-License-Identifier: GPL-2.0

//! The page.

mod report;

use maud::{html, Markup, PreEscaped, DOCTYPE};
use stall_decode::{Culprit, Event, Timeline};

use crate::incident::Incident;
use crate::timeline::timeline;
use crate::{Log, Page};

const STYLE: &str = include_str!("style.css");

/// Forbids scripts and outside resources, whatever a log contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub(crate) fn page(page: &Page) -> Markup {
    let several = page.logs.len() > 1;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(Timeline::AUTHOR);
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title(page)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title(page)) }
                    p { (totals(page)) }
                    (contents(page))
                }
                main {
                    @for (at, log) in page.logs.iter().enumerate() {
                        @if several { h2.log { (log.name) } }
                        @if log.incidents.is_empty() {
                            p { "This log has no reports of RCU stalls, misuse, hung tasks, lockups or lack of memory." }
                        }
                        @for incident in &log.incidents { (section(at, incident)) }
                    }
                }
                footer {
                    "The page has no scripts and loads nothing. Underlined text is explained on hover, or with the Tab key."
                }
            }
        }
    }
}

fn title(page: &Page) -> String {
    match &page.logs[..] {
        [log] if log.name == "-" => "Kernel log".to_string(),
        [log] => format!("Kernel log {}", log.name),
        logs => format!("{} kernel logs", logs.len()),
    }
}

fn counted(count: usize, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

fn totals(page: &Page) -> String {
    let incidents: usize = page.logs.iter().map(|log| log.incidents.len()).sum();
    let mut text = format!(
        "{} with {}",
        counted(incidents, "incident"),
        counted(page.events(), "report")
    );
    if page.left_out > 0 {
        text.push_str(&format!(
            "; {} are left out",
            counted(page.left_out, "report")
        ));
    }
    text
}

/// Links to the incidents, if there are several.
fn contents(page: &Page) -> Markup {
    let incidents = |log: &Log| log.incidents.len();
    html! {
        @if page.logs.iter().map(incidents).sum::<usize>() > 1 {
            nav aria-label="Incidents" {
                ol {
                    @for (at, log) in page.logs.iter().enumerate() {
                        @for incident in &log.incidents {
                            @if let Some(main) = incident.entries.get(incident.main()) {
                                li {
                                    a href={ "#" (anchor(at, incident)) } { (main.event.kind) }
                                    ": " (main.event.blame.text)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn anchor(log: usize, incident: &Incident) -> String {
    format!("log{log}-incident{}", incident.number)
}

/// An incident: its story, its timeline, its reports.
fn section(log: usize, incident: &Incident) -> Markup {
    let main = incident.main();
    let lines = format!("log{log}-line");
    html! {
        section.incident id=(anchor(log, incident)) {
            @if let Some(entry) = incident.entries.get(main) {
                h2 { "Incident " (incident.number) ": " (entry.event.kind) }
                (story(&entry.event))
            }
            (timeline(&incident.timeline, &lines))
            h3 { (counted(incident.entries.len(), "report")) }
            @for (at, entry) in incident.entries.iter().enumerate() {
                (report::report(entry, &lines, at == main))
            }
        }
    }
}

/// What happened, the culprit, the reason and the advice.
fn story(event: &Event) -> Markup {
    html! {
        dl.story {
            dt { "What" }
            dd { (event.summary) }
            dt { "Who" }
            dd {
                strong { (event.blame.text) }
                // A guess that nothing is known is no guess.
                @if event.blame.culprit != Culprit::Unknown { " " (sure(event.blame.sure)) }
            }
            @if let Some(cause) = event.causes.first() { dt { "Why" } dd { (sentence(cause)) } }
            @if let Some(advice) = event.advice.first() { dt { "Do" } dd.do { (sentence(advice)) } }
        }
    }
}

/// Returns a text with a capital, unless it begins with a name, and with a full stop.
pub(super) fn sentence(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let is_word = word
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b',');
    let mut shown: String = match text.chars().next() {
        Some(first) if is_word => first.to_uppercase().chain(text.chars().skip(1)).collect(),
        _ => text.to_string(),
    };
    if !shown.ends_with(['.', '?', '!']) {
        shown.push('.');
    }
    shown
}

/// The certainty of a blame.
fn sure(sure: &str) -> Markup {
    let meaning = match sure {
        "certain" => "The report itself names this culprit.",
        "likely" => "The report fits this culprit; another one is possible.",
        _ => "The log names no culprit; this is the usual one.",
    };
    html! {
        span.sure.hint tabindex="0" data-sure=(sure) {
            (sure)
            span.tip role="tooltip" { (meaning) }
        }
    }
}
