// SPDX-License-Identifier: GPL-2.0

//! A report: its stacks and fields, and beside them its lines.

use maud::{html, Markup};
use stall_decode::{Event, Field, Stack};

use super::{sentence, story};
use crate::excerpt::{Excerpt, Line};
use crate::incident::Entry;

/// A report, open if its story stands for its incident. `lines` is the prefix of the anchors.
pub(super) fn report(entry: &Entry, lines: &str, is_main: bool) -> Markup {
    let event = &entry.event;
    html! {
        details.event open[is_main] {
            summary {
                span.kind { (event.kind) }
                " " (place(event)) " "
                @if !is_main { span.brief { (event.summary) } }
            }
            @if !is_main { (story(event)) }
            div.columns {
                div {
                    @for stack in stacks(event) { (stack_list(&stack, event)) }
                    (fields(event))
                    (list("Locks held", &event.locks, str::to_string))
                    (list("Further causes", event.causes.get(1..).unwrap_or_default(), sentence))
                    (list("Further advice", event.advice.get(1..).unwrap_or_default(), sentence))
                }
                (raw(&entry.excerpt, lines))
            }
        }
    }
}

fn place(event: &Event) -> String {
    let mut place = format!("line {}", event.line);
    if let Some(time) = &event.time {
        place.push_str(&format!(", {time}"));
    }
    if let Some(kernel) = &event.kernel {
        place.push_str(&format!(", kernel {kernel}"));
    }
    place
}

/// Returns every stack of the report, the culprit's first.
fn stacks(event: &Event) -> Vec<Stack> {
    let is_own = |stack: &&Stack| stack.frames == event.frames;
    let mut stacks: Vec<_> = event
        .stacks
        .iter()
        .filter(is_own)
        .take(1)
        .cloned()
        .collect();
    if stacks.is_empty() && !event.frames.is_empty() {
        stacks.push(Stack {
            of: "the culprit".to_string(),
            frames: event.frames.clone(),
        });
    }
    let own = event.stacks.iter().position(|stack| is_own(&stack));
    let others = event.stacks.iter().enumerate();
    stacks.extend(
        others
            .filter(|(at, _)| own != Some(*at))
            .map(|(_, stack)| stack.clone()),
    );
    stacks
}

fn stack_list(stack: &Stack, event: &Event) -> Markup {
    html! {
        h4 { "Stack of " (stack.of) }
        ol.stack {
            @for frame in &stack.frames {
                @if event.culprit_frame.as_ref() == Some(frame) {
                    li { mark.hint tabindex="0" { (frame) (culprit_note(event)) } }
                } @else {
                    li { (frame) }
                }
            }
        }
    }
}

/// The reason why a frame is marked.
fn culprit_note(event: &Event) -> Markup {
    let doubt = event.culprit_doubt.unwrap_or_default();
    html! {
        span.tip role="tooltip" {
            "The innermost function that is no helper such as a lock, an allocator or the scheduler."
            @if !doubt.is_empty() { " It may not be the culprit: " (doubt) "." }
        }
    }
}

/// The fields with their meanings. Normal ones are folded.
fn fields(event: &Event) -> Markup {
    let (normal, telling): (Vec<_>, Vec<_>) = event.fields.iter().partition(|field| field.normal);
    html! {
        @if !event.fields.is_empty() { h4 { "Fields" } }
        (field_list(&telling))
        @if !normal.is_empty() {
            details.normal {
                summary { (normal.len()) " normal" }
                (field_list(&normal))
            }
        }
    }
}

fn field_list(fields: &[&Field]) -> Markup {
    html! {
        @if !fields.is_empty() {
            dl.fields {
                @for field in fields {
                    dt { (field.name) " " b { (field.value) } }
                    dd { (field.meaning) }
                }
            }
        }
    }
}

fn list(title: &str, lines: &[String], text: fn(&str) -> String) -> Markup {
    html! {
        @if !lines.is_empty() {
            h4 { (title) }
            ul { @for line in lines { li { (text(line)) } } }
        }
    }
}

/// The report's lines, in which fields are explained.
fn raw(excerpt: &Excerpt, anchor: &str) -> Markup {
    html! {
        div.raw {
            h4 { "The log's own lines" }
            @for line in &excerpt.lines {
                div.line.telling[line.is_telling] id={ (anchor) (line.number) } {
                    span.number { (line.number) }
                    code { (marked(line)) }
                }
            }
            @if excerpt.left_out > 0 { p.faint { (excerpt.left_out) " more lines" } }
        }
    }
}

fn marked(line: &Line) -> Markup {
    let text = |from: usize, to: usize| line.text.get(from..to).unwrap_or_default();
    let ends = line.marks.iter().map(|mark| mark.range.end);
    let starts = std::iter::once(0).chain(ends);
    let rest = line.marks.last().map_or(0, |mark| mark.range.end);
    html! {
        @for (from, mark) in starts.zip(&line.marks) {
            (text(from, mark.range.start))
            span.hint tabindex="0" {
                (text(mark.range.start, mark.range.end))
                span.tip role="tooltip" { (mark.meaning) }
            }
        }
        (text(rest, line.text.len()))
    }
}
