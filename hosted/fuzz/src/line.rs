// SPDX-License-Identifier: GPL-2.0

//! Parsing written bytes: lines and commands.

use crate::{
    device::{
        command::{self, continuation, legs, refusal::Refusal, Command},
        lines::{Line, Lines, MAX_LINE},
    },
    rcu_table::{Mode, Route, Selector},
};

/// The number of a line, and its text if it is valid.
type NumberedLine = (u64, Option<String>);

/// Splits the bytes into lines and parses them.
///
/// # Panics
///
/// - If the lines depend on how the writes are split, or differ from those of a naive splitter.
/// - If the text of a route parses as another route.
/// - If a refusal does not name a word of its line.
pub fn run(bytes: &[u8]) {
    let whole = split(bytes, bytes.len().max(1));
    let pieces = split(bytes, 1 + bytes.len() % 13);
    assert_eq!(
        whole, pieces,
        "the lines depend on how the writes are split"
    );
    assert_eq!(whole, split_naively(bytes), "the naive splitter differs");
    for (_, text) in whole.iter() {
        if let Some(text) = text {
            check(text);
        }
    }
    check_joined(&whole);
}

/// Joins each leg to the line before it, as the device does.
fn check_joined(lines: &[NumberedLine]) {
    let mut joined = String::new();
    for (_, text) in lines {
        let line = text.as_deref().unwrap_or("");
        let code = line.split('#').next().unwrap_or("");
        if joined.is_empty() || !legs::is_leg(line) {
            let is_head = continuation::can_continue(line, &command::parse(line));
            joined = if is_head {
                code.to_owned()
            } else {
                String::new()
            };
            continue;
        }
        let checked = legs::check(line);
        joined = format!("{joined}\n{code}");
        match command::parse(&joined) {
            Ok((Some(Command::InsertLegs(..)), _)) => {
                assert!(legs::legs(&joined).count() > 1, "{joined:?} has one leg");
            }
            Ok((Some(Command::Insert(..) | Command::InsertNamed(..)), _)) => (),
            Ok(other) => panic!("{joined:?} is {other:?}"),
            Err(refusal) => check_refusal(&joined, &words(&joined.replace('\n', " ")), &refusal),
        }
        if checked.is_err() {
            assert!(command::parse(&joined).is_err(), "{joined:?} has a bad leg");
            joined.clear();
        }
    }
}

/// Splits the bytes with writes of `size` bytes.
fn split(bytes: &[u8], size: usize) -> Vec<NumberedLine> {
    let mut lines = Lines::new();
    let mut all = Vec::new();
    for mut write in bytes.chunks(size) {
        while !write.is_empty() {
            let (used, line) = lines.feed(write);
            assert!(
                used > 0 && used <= write.len(),
                "{used} bytes were consumed"
            );
            write = &write[used..];
            all.extend(line.map(|Line { number, text }| (number, text.ok().map(str::to_owned))));
        }
    }
    all
}

/// Splits the bytes one by one.
fn split_naively(bytes: &[u8]) -> Vec<NumberedLine> {
    let mut all = Vec::new();
    let mut line = Vec::new();
    for &byte in bytes {
        let too_long = line.len() == MAX_LINE && byte != b'\n';
        if byte != b'\n' && !too_long {
            line.push(byte);
            continue;
        }
        let is_text = |byte: &u8| byte.is_ascii_graphic() || b" \t\r\x1b".contains(byte);
        let text = String::from_utf8(std::mem::take(&mut line)).ok();
        let text = text.filter(|text| !too_long && text.bytes().all(|byte| is_text(&byte)));
        all.push((all.len() as u64 + 1, text));
    }
    all
}

/// The words of a line before its comment. Backslashes and colors separate words.
fn words(line: &str) -> Vec<String> {
    let code = line.find('#').map_or(line, |at| &line[..at]);
    let mut plain = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        let color = after.trim_start_matches(|char: char| char.is_ascii_digit() || char == ';');
        rest = match color.strip_prefix('m') {
            Some(after) => {
                plain.push(' ');
                after
            }
            None => {
                plain.push_str("\x1b[");
                after
            }
        };
    }
    plain.push_str(rest);
    let words = plain.split([' ', '\t', '\r', '\\']);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn check(line: &str) {
    let words = words(line);
    let parsed = command::parse(line);
    let plain = words.join(" ");
    assert_eq!(
        parsed,
        command::parse(&plain),
        "spaces or comments change the meaning of {line:?}"
    );
    match parsed {
        Ok((None, _)) => assert!(
            words.is_empty() || continuation::is_note(line),
            "{line:?} is parsed as a blank line"
        ),
        Ok((Some(command), _)) => check_command(line, &command),
        Err(refusal) => check_refusal(line, &words, &refusal),
    }
}

fn check_command(line: &str, command: &Command) {
    match command {
        Command::Insert(_, route) => check_route(line, route),
        Command::Get(address) => expect_parsed(&format!("get {address}"), command),
        Command::Show(Selector::Prefix(prefix)) => {
            expect_parsed(&format!("show {prefix}"), command)
        }
        _ => (),
    }
}

fn expect_parsed(text: &str, command: &Command) {
    assert_eq!(command::parse(text), Ok((Some(*command), 0)), "{text:?}");
}

/// Checks that the text of a route parses as the same route, with and without `add`.
pub(crate) fn check_route(line: &str, route: &Route) {
    let text = route.to_string();
    let insert = Command::Insert(Mode::Add, *route);
    assert!(
        text.len() + "replace ".len() <= MAX_LINE,
        "the route of {line:?} has a text that is too long for a line: {text:?}"
    );
    expect_parsed(&text, &insert);
    expect_parsed(&format!("add {text}"), &insert);
}

/// Checks that a refusal names a word of the line, and that its message is one printable line.
fn check_refusal(line: &str, words: &[String], refusal: &Refusal<'_>) {
    let named = refusal.word;
    assert!(
        words.iter().any(|word| word == named),
        "{line:?} has no word {named:?}"
    );
    let message = refusal.to_string();
    let is_printable = message
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    assert!(
        is_printable && message.len() < 256,
        "the message {message:?} of {line:?} is not one printable line"
    );
}
