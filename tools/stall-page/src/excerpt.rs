// SPDX-License-Identifier: GPL-2.0

//! The lines of the log that make up a report.

use stall_decode::Event;

use crate::marks::{self, Mark};

/// Lines shown per report.
const MAX_LINES: usize = 160;

/// Characters shown per line.
const MAX_CHARS: usize = 500;

/// The lines of a report.
#[derive(Debug, Default)]
pub(crate) struct Excerpt {
    pub(crate) lines: Vec<Line>,
    /// Lines that are not shown.
    pub(crate) left_out: u64,
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) text: String,
    /// Fields in the text, in order.
    pub(crate) marks: Vec<Mark>,
    /// Whether the line has the culprit's frame.
    pub(crate) is_telling: bool,
}

impl Excerpt {
    /// Copies the lines of a report.
    pub(crate) fn new(lines: &[&[u8]], event: &Event) -> Self {
        let (first, last) = match event.last_line {
            // The newest line of the log is first.
            last if last < event.line => (last, event.line),
            last => (event.line, last),
        };
        let start = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
        let numbered = (first..=last).zip(lines.iter().skip(start));
        let mut shown: Vec<_> = numbered
            .take(MAX_LINES)
            .map(|(number, bytes)| Line {
                number,
                text: printable(bytes),
                marks: Vec::new(),
                is_telling: false,
            })
            .collect();
        if let Some(frame) = &event.culprit_frame {
            let frame = format!("{frame}+0x");
            for line in &mut shown {
                line.is_telling = line.text.contains(&frame);
            }
        }
        marks::add(&mut shown, &event.fields);
        Self {
            left_out: (last - first + 1).saturating_sub(shown.len() as u64),
            lines: shown,
        }
    }
}

/// Returns a line without characters that have no shape, or that change the order of others.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\r', '\0']);
    let mut shown: String = text.chars().take(MAX_CHARS).map(visible).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(shape: char) -> char {
    match shape {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => '\u{fffd}',
        _ if shape.is_control() => '\u{fffd}',
        _ => shape,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(line: u64, last_line: u64) -> Excerpt {
        let log: Vec<_> = (1..=1000).map(|line| format!("line {line}")).collect();
        let lines: Vec<_> = log.iter().map(String::as_bytes).collect();
        let mut event = Event::default();
        (event.line, event.last_line) = (line, last_line);
        Excerpt::new(&lines, &event)
    }

    #[test]
    fn an_excerpt_has_the_lines_of_the_report_up_to_a_limit() {
        for (first, last) in [(3, 5), (5, 3)] {
            let excerpt = excerpt(first, last);
            let texts: Vec<_> = excerpt.lines.iter().map(|line| &line.text[..]).collect();
            assert_eq!(texts, ["line 3", "line 4", "line 5"]);
            assert_eq!((excerpt.lines[0].number, excerpt.left_out), (3, 0));
        }
        let long = excerpt(1, 1000);
        assert_eq!((long.lines.len(), long.left_out), (MAX_LINES, 840));
        assert_eq!(excerpt(2000, 2001).lines.len(), 0);
    }

    #[test]
    fn characters_without_a_shape_are_replaced() {
        assert_eq!(printable(b"a\tb\x1b[0m\xff\r"), "a b\u{fffd}[0m\u{fffd}");
        assert_eq!(printable("\u{202e}txt".as_bytes()), "\u{fffd}txt");
        assert_eq!(printable(&[b'x'; 600]).chars().count(), MAX_CHARS + 1);
    }
}
