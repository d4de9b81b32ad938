// SPDX-License-Identifier: GPL-2.0

//! Formats events as text: the summary, then the evidence.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;
use stall_decode::{Culprit, Event, Field};

use crate::layout::text_width;

/// The colours of the parts of a text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    heading: anstyle::Style,
    kind: anstyle::Style,
    culprit: anstyle::Style,
    faint: anstyle::Style,
    /// Whether to show normal fields, too.
    is_verbose: bool,
}

impl Style {
    /// Shows normal fields, too.
    pub fn verbose(self, is_verbose: bool) -> Self {
        Self { is_verbose, ..self }
    }

    /// Colours if standard output is a terminal with colours.
    pub fn for_stdout() -> Self {
        match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => Self::plain(),
            _ => Self {
                heading: anstyle::Style::new().bold(),
                kind: AnsiColor::Red.on_default().bold(),
                culprit: AnsiColor::Yellow.on_default().bold(),
                faint: anstyle::Style::new().dimmed(),
                is_verbose: false,
            },
        }
    }

    pub fn plain() -> Self {
        Self::default()
    }
}

fn painted(style: anstyle::Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Formats an event as one line.
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

/// Formats an event: its summary, culprit, reason and advice; then the evidence.
pub fn full(event: &Event, style: Style) -> String {
    let mut text = String::new();
    event_heading(&mut text, event, style);
    wrapped(&mut text, "  ", "  ", &event.summary);
    story(&mut text, event, style);
    stacks(&mut text, event, style);
    fields(&mut text, event, style);
    if !event.locks.is_empty() {
        section(&mut text, style, "Locks held");
        for lock in &event.locks {
            wrapped(&mut text, "    ", "      ", lock);
        }
    }
    let further = |lines: &[String]| lines.get(1..).unwrap_or_default().to_vec();
    list(&mut text, style, "Further causes", &further(&event.causes));
    list(&mut text, style, "Further advice", &further(&event.advice));
    text
}

/// Appends the culprit, the reason, and the first advice.
fn story(text: &mut String, event: &Event, style: Style) {
    // A guess that nothing is known is no guess.
    let blame = match event.blame.culprit {
        Culprit::Unknown => event.blame.text.clone(),
        _ => format!("{} ({})", event.blame.text, event.blame.sure),
    };
    let lines = [
        ("To blame:", Some(&blame)),
        ("Because:", event.causes.first()),
        ("Do:", event.advice.first()),
    ];
    for (name, line) in lines {
        if let Some(line) = line {
            let first = format!("  {} ", painted(style.heading, name));
            let mut paragraph = String::new();
            // Colours have no width on the terminal.
            let plain = format!("  {name} ");
            wrapped(&mut paragraph, &plain, "    ", line);
            text.push_str(&paragraph.replacen(&plain, &first, 1));
        }
    }
}

fn event_heading(text: &mut String, event: &Event, style: Style) {
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

/// Appends the first line: the kind of an event, and details.
pub fn heading(text: &mut String, style: Style, kind: &str, about: &str) {
    let mut plain = String::new();
    wrapped(&mut plain, "", "    ", &format!("{kind}  {about}"));
    // Colours have no width on the terminal.
    let about = plain.trim_end().strip_prefix(kind).unwrap_or(about);
    let (kind, about) = (painted(style.kind, kind), painted(style.faint, about));
    // Writing to a string does not fail.
    let _ = writeln!(text, "{kind}{about}");
}

pub fn section(text: &mut String, style: Style, name: &str) {
    let _ = writeln!(text, "  {}", painted(style.heading, name));
}

/// Appends name, value and meaning of each field. Aligns the meanings, but moves one to its own
/// line after a long value. Folds normal fields.
fn fields(text: &mut String, event: &Event, style: Style) {
    let shown = |field: &&Field| style.is_verbose || !field.normal;
    let (shown, folded): (Vec<_>, Vec<_>) = event.fields.iter().partition(shown);
    if shown.is_empty() && folded.is_empty() {
        return;
    }
    section(text, style, "Fields");
    let lengths = shown
        .iter()
        .map(|field| field.name.len() + field.value.len() + 1);
    let width = lengths.filter(|&length| length <= 36).max().unwrap_or(0);
    for field in shown {
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
    if !folded.is_empty() {
        let names: Vec<_> = folded
            .iter()
            .map(|field| format!("{} {}", field.name, field.value))
            .collect();
        let line = format!("normal: {}", names.join(", "));
        wrapped(text, "    ", "      ", &line);
    }
}

/// Appends every stack of the report with its owner. The culprit's is first.
fn stacks(text: &mut String, event: &Event, style: Style) {
    let own = event
        .stacks
        .iter()
        .position(|stack| stack.frames == event.frames);
    if !event.frames.is_empty() {
        let of = own.and_then(|own| event.stacks.get(own));
        let of = of.map_or(String::new(), |stack| format!(" of {}", stack.of));
        stack(text, &format!("Stack{of}"), &event.frames, event, style);
    }
    for (at, other) in event.stacks.iter().enumerate() {
        if own != Some(at) {
            stack(
                text,
                &format!("Stack of {}", other.of),
                &other.frames,
                event,
                style,
            );
        }
    }
}

fn stack(text: &mut String, title: &str, frames: &[String], event: &Event, style: Style) {
    section(text, style, title);
    for frame in frames {
        if event.culprit_frame.as_ref() == Some(frame) {
            let _ = writeln!(text, "  > {}", painted(style.culprit, frame));
        } else {
            let _ = writeln!(text, "    {frame}");
        }
    }
}

/// Appends a section with numbered lines, unless there are none.
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

/// Appends a paragraph, broken at blanks only: a function or file name is not split.
pub fn wrapped(text: &mut String, first: &str, indent: &str, words: &str) {
    let options = textwrap::Options::new(text_width())
        .initial_indent(first)
        .subsequent_indent(indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    let _ = writeln!(text, "{}", textwrap::fill(words, options));
}

/// Formats the last line: the number of events by kind.
pub fn totals(counts: &BTreeMap<&str, u64>) -> String {
    let total: u64 = counts.values().sum();
    if total == 0 {
        return "The log has no reports of RCU stalls, misuse, hung tasks, lockups or lack of memory.".to_string();
    }
    let by_kind: Vec<_> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let noun = if total == 1 { "event" } else { "events" };
    format!("{total} {noun}: {}", by_kind.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_indented_and_broken_at_blanks_only() {
        let mut text = String::new();
        wrapped(&mut text, "  ", "    ", &"word ".repeat(40));
        assert!(
            text.lines().count() > 1 && text.lines().all(|line| line.len() <= text_width()),
            "{text}"
        );
        assert!(
            text.lines().skip(1).all(|line| line.starts_with("    ")),
            "{text}"
        );
        for word in ["x".repeat(200), "x-".repeat(100)] {
            let mut long = String::new();
            wrapped(&mut long, "", "", &word);
            assert_eq!(long.lines().count(), 1);
        }
    }

    #[test]
    fn totals_are_counted_by_kind() {
        assert_eq!(totals(&BTreeMap::from([("oom", 1)])), "1 event: 1 oom");
        assert_eq!(
            totals(&BTreeMap::from([("oom", 1), ("hung-task", 2)])),
            "3 events: 2 hung-task, 1 oom"
        );
    }
}
