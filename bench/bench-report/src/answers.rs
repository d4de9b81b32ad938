// SPDX-License-Identifier: GPL-2.0

//! Whether all have answered the same: before that, no time means anything. Each says a hash of the addresses that it
//! was asked, and one of its answers.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};

/// What one of them was asked, and what it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    what: String,
    question: (String, String, String),
    addresses: String,
    answers: String,
}

impl Stream {
    /// Of the words of a line.
    pub fn new(words: &BTreeMap<&str, &str>) -> Result<Self> {
        let word = |key: &str| {
            let word = words.get(key).map(ToString::to_string);
            word.with_context(|| format!("no {key}"))
        };
        Ok(Self {
            what: word("peer").unwrap_or("table".into()),
            question: (word("family")?, word("stream")?, word("count")?),
            addresses: word("addresses")?,
            answers: word("answers")?,
        })
    }

    /// Whether it is a peer's.
    pub fn is_peers(&self) -> bool {
        self.what != "table"
    }

    fn differs_from(&self, table: &Self) -> Option<&'static str> {
        match () {
            () if self.addresses != table.addresses => Some("was asked other addresses"),
            () if self.answers != table.answers => Some("has other answers"),
            () => None,
        }
    }
}

/// Compares all with the table. Returns how many streams of peers were the same.
///
/// Errors: something differs; a peer was asked what the table was not; nothing was compared.
pub fn compare(streams: &[Stream]) -> Result<usize> {
    let mut compared = 0;
    for peer in streams {
        let (family, name, count) = &peer.question;
        let table = streams
            .iter()
            .find(|it| it.what == "table" && it.question == peer.question)
            .with_context(|| {
                format!("the table was not asked stream {name} of {family}, {count} addresses")
            })?;
        if let Some(difference) = peer.differs_from(table) {
            bail!(
                "{} {difference} than the table: stream {name} of {family}",
                peer.what
            );
        }
        compared += usize::from(peer.is_peers());
    }
    if compared == 0 {
        bail!("no peer's answers were compared");
    }
    Ok(compared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Guest;

    const TEXT: &str = "stream family=inet stream=a count=4096 addresses=90437609b6a22325 answers=859c82836ae41507
stream family=inet stream=b count=4096 addresses=1f52fb3db6a22325 answers=715eeb39a43ade68
stream peer=fib_trie family=inet stream=a count=4096 addresses=90437609b6a22325 answers=859c82836ae41507
stream peer=lpm_trie family=inet stream=b count=4096 addresses=1f52fb3db6a22325 answers=715eeb39a43ade68";

    fn compared(text: &str) -> Result<usize> {
        compare(&Guest::read(text).expect("streams").streams)
    }

    #[test]
    fn all_are_the_same() {
        assert_eq!(compared(TEXT).expect("the same"), 2);
    }

    #[test]
    fn a_difference_names_peer_and_stream() {
        let last = |good: &str, bad: &str| {
            let place = TEXT.rfind(good).expect("it is there");
            [&TEXT[..place], bad, &TEXT[place + good.len()..]].concat()
        };
        for (text, message) in [
            (
                last("715e", "715f"),
                "lpm_trie has other answers than the table: stream b of inet",
            ),
            (
                last("1f52", "1f53"),
                "lpm_trie was asked other addresses than the table: stream b of inet",
            ),
            (
                last("4096", "8192"),
                "the table was not asked stream b of inet, 8192 addresses",
            ),
        ] {
            assert_eq!(
                compared(&text).expect_err("a difference").to_string(),
                message
            );
        }
    }

    #[test]
    fn the_tables_own_answers_do_not_change() {
        let text = format!(
            "{TEXT}\n{}",
            TEXT.lines().next().unwrap_or("").replace("859c", "859d")
        );
        assert!(compared(&text).is_err());
    }

    #[test]
    fn nothing_compared_is_no_agreement() {
        let alone: Vec<&str> = TEXT.lines().take(2).collect();
        assert!(compared(&alone.join(
            "
"
        ))
        .is_err());
    }
}
