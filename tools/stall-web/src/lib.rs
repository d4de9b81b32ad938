// SPDX-License-Identifier: GPL-2.0

//! The decoder as WebAssembly, for the page that `make web` writes.
//!
//! JavaScript copies a name and a log into the memory that `input` returns, calls `add` for each
//! log, and then `finish`. `output` and `output_size` return the page. The module imports nothing,
//! so it cannot reach a network.

#![deny(unsafe_code)]

mod exports;

use std::io::{self, Read};

use stall_page::Page;

/// The logs of the next page, and the page.
#[derive(Debug, Default)]
struct Session {
    input: Vec<u8>,
    page: Page,
    output: String,
}

impl Session {
    /// Adds the log behind the first `name_size` bytes of the input.
    ///
    /// Errors: the log is compressed, and damaged or cut. The text before the damage is added.
    fn add(&mut self, name_size: usize) -> io::Result<()> {
        let input = std::mem::take(&mut self.input);
        let (name, log) = input.split_at(name_size.min(input.len()));
        let mut text = Vec::new();
        let result = stall_decode::decompressed(log).and_then(|mut log| log.read_to_end(&mut text));
        let mut events = Vec::new();
        stall_decode::decode(&text[..], |event| {
            events.push(event);
            Ok(())
        })?;
        self.page.add(&String::from_utf8_lossy(name), &text, events);
        result.map(|_| ())
    }

    /// Writes the page of all logs that were added.
    fn finish(&mut self) {
        self.output = std::mem::take(&mut self.page).html();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(session: &mut Session, name: &str, log: &[u8]) -> io::Result<()> {
        session.input = [name.as_bytes(), log].concat();
        session.add(name.len())
    }

    #[test]
    fn a_page_has_all_logs_and_the_next_one_begins_empty() {
        let mut session = Session::default();
        let log = include_bytes!("../../stall-decode/tests/compressed/two-parts.log.gz");
        add(&mut session, "first.gz", log).expect("a log");
        add(&mut session, "second", b"nothing").expect("a log");
        session.finish();
        for part in ["first.gz", "second", "spin() on CPU 1"] {
            assert!(session.output.contains(part), "{part}: {}", session.output);
        }
        session.finish();
        assert!(!session.output.contains("spin()"), "{}", session.output);
    }

    #[test]
    fn a_cut_log_is_shown_up_to_the_cut() {
        let mut session = Session::default();
        let log = include_bytes!("../../stall-decode/tests/compressed/two-parts.log.gz");
        let cut = &log[..log.len() - 3];
        add(&mut session, "cut.gz", cut).expect_err("the end is missing");
        session.finish();
        assert!(
            session.output.contains("spin() on CPU 1"),
            "{}",
            session.output
        );
    }
}
