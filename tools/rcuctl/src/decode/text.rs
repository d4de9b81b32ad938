// SPDX-License-Identifier: GPL-2.0

//! Events for people: the summary first, then what it rests on.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;
use stall_decode::{Event, EventKind};

const WIDTH: usize = 100;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    heading: anstyle::Style,
    kind: anstyle::Style,
    telling: anstyle::Style,
    faint: anstyle::Style,
}

impl Style {
    /// Colours if standard output is a terminal that has them.
    pub fn for_stdout() -> Self {
        match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => Self::plain(),
            _ => Self {
                heading: anstyle::Style::new().bold(),
                kind: AnsiColor::Red.on_default().bold(),
                telling: AnsiColor::Yellow.on_default().bold(),
                faint: anstyle::Style::new().dimmed(),
            },
        }
    }

    pub fn plain() -> Self {
        let none = anstyle::Style::new();
        Self {
            heading: none,
            kind: none,
            telling: none,
            faint: none,
        }
    }
}

fn painted(style: anstyle::Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// An event on one line.
pub fn short(event: &Event, style: Style) -> String {
    let kind = painted(style.kind, event.kind.name());
    format!("{}: {kind}: {}", place(event), event.summary)
}

fn place(event: &Event) -> String {
    match &event.time {
        Some(time) => format!("line {}, {time}", event.line),
        None => format!("line {}", event.line),
    }
}

/// An event with all that is known.
pub fn whole(event: &Event, style: Style) -> String {
    let mut text = String::new();
    head(&mut text, event, style);
    wrapped(&mut text, "  ", "  ", &event.summary);
    if !event.fields.is_empty() {
        section(&mut text, style, "Fields");
        fields(&mut text, event, style);
    }
    stack(&mut text, event, style);
    if !event.locks.is_empty() {
        section(&mut text, style, "Locks held");
        for lock in &event.locks {
            wrapped(&mut text, "    ", "      ", lock);
        }
    }
    list(&mut text, style, "Likely causes", &event.causes);
    list(&mut text, style, "What to do", &event.advice);
    text
}

fn head(text: &mut String, event: &Event, style: Style) {
    let mut about = vec![place(event)];
    if let Some(kernel) = &event.kernel {
        about.push(format!("kernel {kernel}"));
    }
    if let Some(taint) = event.taint.as_ref().filter(|taint| *taint != "Not tainted") {
        about.push(format!("tainted {taint}"));
    }
    about.push(format!("incident {}", event.incident));
    if event.repeats > 0 {
        about.push(format!("repeat {}", event.repeats));
    }
    heading(text, style, event.kind.name(), &about.join(", "));
}

/// The first line: what it is, and more about it.
pub fn heading(text: &mut String, style: Style, kind: &str, about: &str) {
    let kind = painted(style.kind, kind);
    let about = painted(style.faint, about);
    // Writing to a string does not fail.
    let _ = writeln!(text, "{kind}  {about}");
}

pub fn section(text: &mut String, style: Style, name: &str) {
    let _ = writeln!(text, "  {}", painted(style.heading, name));
}

/// Name, value and meaning; meanings stand below one another where names are short.
fn fields(text: &mut String, event: &Event, style: Style) {
    let lengths = event
        .fields
        .iter()
        .map(|field| field.name.len() + field.value.len() + 1);
    let width = lengths.filter(|&length| length <= 36).max().unwrap_or(0);
    for field in &event.fields {
        let given = format!("{} {}", field.name, field.value);
        let indent = " ".repeat(width + 6);
        if given.len() > width {
            let _ = writeln!(text, "    {}", painted(style.heading, &given));
            wrapped(text, &indent, &indent, &field.meaning);
        } else {
            let painted = painted(style.heading, &given);
            let _ = write!(text, "    {painted}{}  ", " ".repeat(width - given.len()));
            let mut meaning = String::new();
            wrapped(&mut meaning, &indent, &indent, &field.meaning);
            text.push_str(meaning.trim_start());
        }
    }
}

fn stack(text: &mut String, event: &Event, style: Style) {
    if event.frames.is_empty() {
        return;
    }
    let title = match event.kind {
        EventKind::UseAfterFree => "Stack of the use",
        EventKind::HungTask => "Stack of the task",
        _ => "Stack",
    };
    section(text, style, title);
    for frame in &event.frames {
        if event.culprit_frame.as_ref() == Some(frame) {
            let _ = writeln!(text, "  > {}", painted(style.telling, frame));
        } else {
            let _ = writeln!(text, "    {frame}");
        }
    }
}

pub fn list(text: &mut String, style: Style, title: &str, lines: &[impl AsRef<str>]) {
    if lines.is_empty() {
        return;
    }
    section(text, style, title);
    for (number, line) in lines.iter().enumerate() {
        wrapped(
            text,
            &format!("    {}. ", number + 1),
            "       ",
            line.as_ref(),
        );
    }
}

/// Breaks a text at blanks.
pub fn wrapped(text: &mut String, first: &str, indent: &str, words: &str) {
    let mut line = first.to_string();
    let mut is_empty = true;
    for word in words.split(' ') {
        if !is_empty && line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = indent.to_string();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(text, "{line}");
}

/// The last line: how many of what.
pub fn totals(counts: &BTreeMap<&str, u64>) -> String {
    let total: u64 = counts.values().sum();
    if total == 0 {
        return "The log says nothing of RCU stalls, misuse, hung tasks, lockups or missing memory.".to_string();
    }
    let each: Vec<_> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let noun = if total == 1 { "event" } else { "events" };
    format!("{total} {noun}: {}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken() {
        let mut text = String::new();
        wrapped(&mut text, "  ", "    ", &"word ".repeat(40));
        assert!(
            text.lines().count() > 1 && text.lines().all(|line| line.len() <= WIDTH),
            "{text}"
        );
        assert!(
            text.lines().skip(1).all(|line| line.starts_with("    ")),
            "{text}"
        );
        let mut long = String::new();
        wrapped(&mut long, "", "", &"x".repeat(2 * WIDTH));
        assert_eq!(long.lines().count(), 1);
    }

    #[test]
    fn totals_count() {
        assert_eq!(totals(&BTreeMap::from([("oom", 1)])), "1 event: 1 oom");
        assert_eq!(
            totals(&BTreeMap::from([("oom", 1), ("hung-task", 2)])),
            "3 events: 2 hung-task, 1 oom"
        );
    }
}
