// SPDX-License-Identifier: GPL-2.0

//! Decoding a kernel log.

use stall_decode::{Decoder, Event, Timeline};

/// Decodes the bytes as a log, once line by line and once from a reader with a small buffer.
///
/// # Panics
///
/// - If the events of both runs differ.
/// - If an event has no line of the log, is not printable, or lacks a summary, causes or advice.
pub fn run(bytes: &[u8]) {
    let events = by_line(bytes);
    let lines = bytes.split(|&byte| byte == b'\n').count() as u64;
    let mut timeline = Timeline::new();
    for event in &events {
        check(event, lines);
        timeline.add(event);
    }
    assert!(
        timeline.svg().ends_with("</svg>"),
        "the timeline is not a complete SVG"
    );
    let mut pieces = Vec::new();
    let reader = std::io::BufReader::with_capacity(1 + bytes.len() % 13, bytes);
    let read = stall_decode::decode(reader, |event| {
        pieces.push(event);
        Ok(())
    });
    assert!(read.is_ok(), "reading from memory failed");
    let text = |events: &[Event]| format!("{events:?}");
    assert_eq!(
        text(&events),
        text(&pieces),
        "the events depend on how the log is read"
    );
}

fn by_line(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        decoder.line(line);
        events.extend(std::iter::from_fn(|| decoder.event()));
    }
    decoder.finish();
    events.extend(std::iter::from_fn(|| decoder.event()));
    assert!(
        !decoder.is_open(),
        "a report is open after the end of the log"
    );
    events
}

fn check(event: &Event, lines: u64) {
    assert!(
        (1..=lines).contains(&event.line),
        "line {} of {lines}",
        event.line
    );
    let sentences = [&event.causes, &event.advice];
    assert!(
        !event.summary.is_empty() && sentences.iter().all(|list| !list.is_empty()),
        "{event:?} lacks a summary, causes or advice"
    );
    let texts = event
        .frames
        .iter()
        .chain(&event.culprit_frame)
        .chain(&event.locks);
    for text in texts.chain([&event.summary]) {
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        assert!(is_printable, "{text:?} is not printable");
    }
}
