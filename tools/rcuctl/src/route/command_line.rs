// SPDX-License-Identifier: GPL-2.0

//! Joins words of the command line to one line for the device.

use crate::error::{Error, Result};

/// Joins a command and its words to a line.
///
/// Errors: a word contains a control character or `#`, which would start another line or a comment.
/// The device checks everything else.
pub fn command_line(command: &str, words: &[impl AsRef<str>]) -> Result<String> {
    let mut line = command.to_string();
    for word in words {
        let word = word.as_ref();
        if let Some(bad) = word.chars().find(|&c| c == '#' || c.is_control()) {
            return Err(Error::Usage(format!(
                "{word:?} contains {bad:?}, which cannot be part of a route"
            )));
        }
        line.push(' ');
        line.push_str(word);
    }
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_to_one_line() {
        let line = command_line("add", &["10.0.0.0/8", "via", "10.0.0.1"]);
        assert_eq!(line.expect("plain words"), "add 10.0.0.0/8 via 10.0.0.1\n");
        assert_eq!(
            command_line("stats", &[""; 0]).expect("no words"),
            "stats\n"
        );
    }

    #[test]
    fn words_cannot_start_a_second_line_or_a_comment() {
        for bad in ["10.0.0.0/8\nflush", "10.0.0.0/8#", "a\rb", "a\0b"] {
            assert!(
                matches!(command_line("add", &[bad]), Err(Error::Usage(_))),
                "{bad:?}"
            );
        }
    }
}
