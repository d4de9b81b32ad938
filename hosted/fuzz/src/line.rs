// SPDX-License-Identifier: GPL-2.0

//! What is written to the device, from bytes to commands.

use crate::{
    device::{
        command::{self, Command, Refusal},
        lines::{Line, Lines, MAX_LINE},
    },
    rcu_table::{Mode, Route, Selector},
};

/// A line as it came out, with its number.
type Cut = (u64, Option<String>);

/// Cuts the bytes into lines and parses each.
///
/// # Panics
///
/// If the lines depend on how the writes are split, a line is not what a naive cutter makes of the bytes,
/// a route's text does not mean the same route, or a refusal does not name a word of its line.
pub fn run(bytes: &[u8]) {
    let whole = cut(bytes, bytes.len().max(1));
    let split = cut(bytes, 1 + bytes.len() % 13);
    assert_eq!(whole, split, "the lines depend on how the writes are split");
    assert_eq!(whole, cut_naively(bytes), "the lines are not those written");
    for (_, text) in whole.iter() {
        if let Some(text) = text {
            check(text);
        }
    }
}

/// The lines that come out when `size` bytes are written at a time.
fn cut(bytes: &[u8], size: usize) -> Vec<Cut> {
    let mut lines = Lines::new();
    let mut all = Vec::new();
    for mut write in bytes.chunks(size) {
        while !write.is_empty() {
            let (used, line) = lines.feed(write);
            assert!(used > 0 && used <= write.len(), "{used} bytes were taken");
            write = &write[used..];
            all.extend(line.map(|Line { number, text }| (number, text.ok().map(str::to_owned))));
        }
    }
    all
}

/// The same a byte at a time.
fn cut_naively(bytes: &[u8]) -> Vec<Cut> {
    let mut all = Vec::new();
    let mut line = Vec::new();
    for &byte in bytes {
        let too_long = line.len() == MAX_LINE && byte != b'\n';
        if byte != b'\n' && !too_long {
            line.push(byte);
            continue;
        }
        let is_text = |byte: &u8| byte.is_ascii_graphic() || b" \t\r".contains(byte);
        let text = String::from_utf8(std::mem::take(&mut line)).ok();
        let text = text.filter(|text| !too_long && text.bytes().all(|byte| is_text(&byte)));
        all.push((all.len() as u64 + 1, text));
    }
    all
}

/// The words that a line says: none from the sign on that starts a comment.
fn words(line: &str) -> Vec<&str> {
    let said = line.find('#').map_or(line, |at| &line[..at]);
    said.split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty())
        .collect()
}

fn check(line: &str) {
    let words = words(line);
    let parsed = command::parse(line);
    let plain = words.join(" ");
    assert_eq!(
        parsed,
        command::parse(&plain),
        "spaces and comments matter: {line:?}"
    );
    match parsed {
        Ok(None) => assert!(words.is_empty(), "{line:?} is taken for a blank line"),
        Ok(Some(command)) => check_command(line, &command),
        Err(refusal) => check_refusal(line, &words, &refusal),
    }
}

fn check_command(line: &str, command: &Command) {
    match command {
        Command::Insert(_, route) => check_route(line, route),
        Command::Get(address) => means(&format!("get {address}"), command),
        Command::Show(Selector::Prefix(prefix)) => means(&format!("show {prefix}"), command),
        _ => (),
    }
}

fn means(text: &str, command: &Command) {
    assert_eq!(
        command::parse(text).as_ref(),
        Ok(&Some(*command)),
        "{text:?}"
    );
}

/// What the device shows of a route can be written back, with and without `add`.
pub(crate) fn check_route(line: &str, route: &Route) {
    let text = route.to_string();
    let insert = Command::Insert(Mode::Add, *route);
    assert!(
        text.len() + "replace ".len() <= MAX_LINE,
        "{line:?} shows as {text:?}"
    );
    means(&text, &insert);
    means(&format!("add {text}"), &insert);
}

/// A refusal is for people: it names a word of the line, and is itself one printable line.
fn check_refusal(line: &str, words: &[&str], refusal: &Refusal<'_>) {
    let named = refusal.word;
    assert!(words.contains(&named), "{line:?} is refused for {named:?}");
    let message = refusal.to_string();
    let printable = message
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    assert!(
        printable && message.len() < 256,
        "{line:?} is refused with {message:?}"
    );
}
