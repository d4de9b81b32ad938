// SPDX-License-Identifier: GPL-2.0

//! The options of `ip` before the object: `-json`, `-family inet6`, `-oneline`.
//!
//! `ip` accepts long options with one hyphen, shortened to any prefix. clap would read `-json` as
//! the four options -j, -s, -o and -n.

use std::ffi::OsString;

use crate::error::{Error, Result};

#[derive(Clone, Copy)]
enum Meaning {
    /// An option of rcuctl.
    Option(&'static str),
    /// The family that the next word names.
    Family,
    /// Changes nothing: rcuctl prints a route in one line, without colours.
    Default,
    /// No option of rcuctl. The text names what helps.
    Refused(&'static str),
}

/// The options in the order in which `ip` compares them: an ambiguous prefix means the first one.
const OPTIONS: [(&str, Meaning); 12] = [
    ("family", Meaning::Family),
    ("stats", Meaning::Default),
    ("statistics", Meaning::Default),
    (
        "details",
        Meaning::Refused("use `rcuctl route show --long`"),
    ),
    ("oneline", Meaning::Default),
    ("batch", Meaning::Refused("use `rcuctl route load FILE`")),
    ("brief", Meaning::Default),
    ("color", Meaning::Default),
    (
        "netns",
        Meaning::Refused("all network namespaces share the table; omit the option"),
    ),
    ("Numeric", Meaning::Default),
    ("json", Meaning::Option("--json")),
    ("pretty", Meaning::Option("--pretty")),
];

/// Replaces the options of `ip` before the object by those of rcuctl. Word 0 is the program.
///
/// Errors: rcuctl has no such option, or the family is unknown.
pub fn translate(words: impl Iterator<Item = OsString>) -> Result<Vec<OsString>> {
    let mut words = words;
    let mut translated: Vec<_> = words.by_ref().take(1).collect();
    while let Some(word) = words.next() {
        let is_option = word.to_str().is_some_and(is_option);
        match meaning(&word) {
            Some(Meaning::Option(option)) => translated.push(option.into()),
            Some(Meaning::Family) => translated.push(family(words.next())?.into()),
            Some(Meaning::Default) => {}
            Some(Meaning::Refused(help)) => {
                let word = word.to_string_lossy();
                return Err(Error::Usage(format!(
                    "{word}: an option of ip, which rcuctl lacks; {help}"
                )));
            }
            None => {
                let has_value = word == "--device";
                translated.push(word);
                if has_value {
                    translated.extend(words.next());
                }
            }
        }
        if !is_option {
            break;
        }
    }
    translated.extend(words);
    Ok(translated)
}

/// Whether a word is an option, and not the first word of the command.
fn is_option(word: &str) -> bool {
    word.starts_with('-') && !matches!(word, "-" | "--")
}

/// The meaning of an option with one hyphen; `None` for a word that clap reads.
fn meaning(word: &OsString) -> Option<Meaning> {
    let name = word.to_str()?.strip_prefix('-')?;
    if name.is_empty() || name.starts_with('-') {
        return None;
    }
    let mut options = OPTIONS.iter();
    let option = options.find(|(option, _)| option.starts_with(name))?;
    Some(option.1)
}

/// The option of rcuctl for the value of `-family`.
fn family(value: Option<OsString>) -> Result<&'static str> {
    match value.as_deref().and_then(|value| value.to_str()) {
        Some("inet") => Ok("-4"),
        Some("inet6") => Ok("-6"),
        value => {
            let found = value.unwrap_or("no value");
            Err(Error::Usage(format!(
                "-family {found}: expected inet or inet6"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(words: &str) -> Result<String> {
        let words = words.split(' ').map(OsString::from);
        let words = translate(words)?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn long_options_with_one_hyphen_are_those_of_rcuctl() {
        for (words, expected) in [
            ("rcuctl -json route", "rcuctl --json route"),
            ("rcuctl -js -pre r s", "rcuctl --json --pretty r s"),
            ("rcuctl -family inet6 r", "rcuctl -6 r"),
            ("rcuctl -f inet r", "rcuctl -4 r"),
            ("rcuctl -o -s -c -br -N route", "rcuctl route"),
            ("rcuctl -4 -jp6 route", "rcuctl -4 -jp6 route"),
            ("rcuctl --device -json r", "rcuctl --device -json r"),
            ("rcuctl route add -json", "rcuctl route add -json"),
            ("rcuctl - -json", "rcuctl - -json"),
            ("rcuctl", "rcuctl"),
        ] {
            assert_eq!(translated(words).expect(words), expected);
        }
    }

    #[test]
    fn an_option_that_rcuctl_lacks_is_named_with_what_helps() {
        for (words, expected) in [
            (
                "rcuctl -batch f",
                "-batch: an option of ip, which rcuctl lacks; use `rcuctl route load",
            ),
            (
                "rcuctl -n blue r",
                "-n: an option of ip, which rcuctl lacks; all network",
            ),
            ("rcuctl -d route", "--long"),
            (
                "rcuctl -family mpls r",
                "-family mpls: expected inet or inet6",
            ),
            ("rcuctl -f", "-family no value: expected"),
        ] {
            let error = translated(words).expect_err(words).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
