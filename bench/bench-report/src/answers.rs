// SPDX-License-Identifier: GPL-2.0

//! Checks that all tables gave the same answers; otherwise their times are not comparable. Each
//! report has a hash of the addresses and a hash of the answers.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};

/// The lookups of one table on one stream of addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    what: String,
    /// Family, stream, and number of addresses.
    key: (String, String, String),
    addresses: String,
    answers: String,
}

impl Stream {
    /// Parses the words of a line.
    pub fn new(words: &BTreeMap<&str, &str>) -> Result<Self> {
        let word = |key: &str| {
            let word = words.get(key).map(ToString::to_string);
            word.with_context(|| format!("{key}= is missing"))
        };
        Ok(Self {
            what: word("peer").unwrap_or("table".into()),
            key: (word("family")?, word("stream")?, word("count")?),
            addresses: word("addresses")?,
            answers: word("answers")?,
        })
    }

    /// Whether it belongs to a peer, not to this table.
    pub fn is_peers(&self) -> bool {
        self.what != "table"
    }

    fn difference(&self, table: &Self) -> Option<&'static str> {
        match () {
            () if self.addresses != table.addresses => Some("looked up different addresses"),
            () if self.answers != table.answers => Some("gave different answers"),
            () => None,
        }
    }
}

/// Compares all streams with the table's. Returns the number of peers' streams compared.
///
/// Errors: addresses or answers differ; the table has no such stream; there is no stream of a peer.
pub fn compare(streams: &[Stream]) -> Result<usize> {
    let mut compared = 0;
    for peer in streams {
        let (family, name, count) = &peer.key;
        let table = streams
            .iter()
            .find(|it| it.what == "table" && it.key == peer.key)
            .with_context(|| {
                format!("the table has no stream {name} of {family} with {count} addresses")
            })?;
        if let Some(difference) = peer.difference(table) {
            bail!(
                "{} {difference} than the table: stream {name} of {family}",
                peer.what
            );
        }
        compared += usize::from(peer.is_peers());
    }
    if compared == 0 {
        bail!("no stream of a peer to compare");
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
    fn equal_streams_of_peers_are_counted() {
        assert_eq!(compared(TEXT).expect("equal streams"), 2);
    }

    #[test]
    fn a_difference_names_peer_and_stream() {
        let last = |good: &str, bad: &str| {
            let place = TEXT.rfind(good).expect("in the text");
            [&TEXT[..place], bad, &TEXT[place + good.len()..]].concat()
        };
        for (text, message) in [
            (
                last("715e", "715f"),
                "lpm_trie gave different answers than the table: stream b of inet",
            ),
            (
                last("1f52", "1f53"),
                "lpm_trie looked up different addresses than the table: stream b of inet",
            ),
            (
                last("4096", "8192"),
                "the table has no stream b of inet with 8192 addresses",
            ),
        ] {
            assert_eq!(
                compared(&text).expect_err("a difference").to_string(),
                message
            );
        }
    }

    #[test]
    fn a_table_with_two_different_answers_is_an_error() {
        let text = format!(
            "{TEXT}\n{}",
            TEXT.lines().next().unwrap_or("").replace("859c", "859d")
        );
        assert!(compared(&text).is_err());
    }

    #[test]
    fn streams_without_a_peer_are_an_error() {
        let table: Vec<&str> = TEXT.lines().take(2).collect();
        assert!(compared(&table.join("\n")).is_err());
    }
}
