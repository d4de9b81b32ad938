// SPDX-License-Identifier: GPL-2.0

//! Searches a text for many short strings at once.
//!
//! A text that contains a string contains each pair of neighbouring bytes of the string. The search
//! looks for the rarest pair of each string, and compares the string only where its pair is. An
//! automaton takes twice the time for stack dumps, because each of its steps waits for the last one.

/// Words of a set of all pairs of bytes.
const WORDS: usize = 1 << 10;

/// Bytes tested before a branch; at most the bits of a mask.
const BLOCK: usize = 16;

/// Bytes by their frequency in kernel logs, the most frequent first. Other bytes are rarer.
const FREQUENT: &[u8] =
    b" 0ect_rsaox1fdiln:2u/pk48m3+h56b79->.=g][wCPvN()UqIy<T,R?SOBGDMAFE#jWKL!\"Jz{}Q";

/// Strings, each of at least two bytes.
#[derive(Debug)]
pub(super) struct Strings {
    /// The pairs of bytes that are searched.
    pairs: Box<[u64; WORDS]>,
    /// Where the strings of a pair begin in `strings`.
    starts: Vec<u16>,
    /// The strings, sorted by pair.
    strings: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    pair: u16,
    /// The place of the pair in the string.
    offset: usize,
    text: &'static str,
    /// The number of the string in the order in which the strings were added.
    number: usize,
}

impl Strings {
    pub(super) fn new(texts: impl Iterator<Item = &'static str>) -> Self {
        let entries = texts.enumerate().filter_map(|(number, text)| {
            let pairs = text.as_bytes().windows(2).enumerate();
            let pairs = pairs.filter_map(|(offset, bytes)| match bytes {
                [first, second] => Some((offset, *first, *second)),
                _ => None,
            });
            let rarest = pairs.min_by_key(|&(_, first, second)| rank(first) * rank(second));
            rarest.map(|(offset, first, second)| Entry {
                pair: pair(first, second),
                offset,
                text,
                number,
            })
        });
        let mut strings: Vec<_> = entries.collect();
        strings.sort_by_key(|entry| entry.pair);
        let mut pairs = Box::new([0; WORDS]);
        let mut starts = vec![0; 1 << 16];
        for (at, entry) in strings.iter().enumerate().rev() {
            if let Some(word) = pairs.get_mut(usize::from(entry.pair) / 64) {
                *word |= 1 << (entry.pair % 64);
            }
            if let Some(start) = starts.get_mut(usize::from(entry.pair)) {
                *start = at as u16;
            }
        }
        Self {
            pairs,
            starts,
            strings,
        }
    }

    /// Passes the number of each string in a text to `found`, which returns whether to stop.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(usize) -> bool) -> bool {
        let bytes = text.as_bytes();
        let seconds = bytes.get(1..).unwrap_or_default();
        let blocks = bytes.chunks(BLOCK).zip(seconds.chunks(BLOCK));
        for (number, (firsts, seconds)) in blocks.enumerate() {
            let mut mask = 0u32;
            for (at, (&first, &second)) in firsts.iter().zip(seconds).enumerate() {
                mask |= u32::from(self.has(pair(first, second))) << at;
            }
            while mask != 0 {
                let at = number * BLOCK + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if self.at(bytes, at).any(&mut found) {
                    return true;
                }
            }
        }
        false
    }

    fn has(&self, pair: u16) -> bool {
        let word = self.pairs.get(usize::from(pair) / 64);
        word.is_some_and(|word| (word >> (pair % 64)) & 1 != 0)
    }

    /// Returns the numbers of the strings whose pair is at a place of a text.
    fn at<'a>(&'a self, bytes: &'a [u8], at: usize) -> impl Iterator<Item = usize> + 'a {
        let pair = match bytes.get(at..).unwrap_or_default() {
            [first, second, ..] => pair(*first, *second),
            _ => 0,
        };
        let start = self.starts.get(usize::from(pair)).copied().unwrap_or(0);
        let strings = self.strings.get(usize::from(start)..).unwrap_or_default();
        let of_pair = strings.iter().take_while(move |entry| entry.pair == pair);
        let is_here = move |entry: &&Entry| {
            let rest = at
                .checked_sub(entry.offset)
                .and_then(|from| bytes.get(from..));
            rest.is_some_and(|rest| rest.starts_with(entry.text.as_bytes()))
        };
        of_pair.filter(is_here).map(|entry| entry.number)
    }
}

fn pair(first: u8, second: u8) -> u16 {
    u16::from_be_bytes([first, second])
}

/// Returns a number that is higher the more frequent a byte is.
fn rank(byte: u8) -> u32 {
    let at = FREQUENT.iter().position(|&frequent| frequent == byte);
    // The frequencies fall about as fast as the inverse of the place.
    10_000 / (at.unwrap_or(FREQUENT.len()) as u32 + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 7] = [
        "BUG: ",
        "t=",
        "(t=",
        "INFO: rcu",
        "INFO: task ",
        "aaa",
        "-----",
    ];

    fn found(text: &str) -> Vec<usize> {
        let mut numbers = Vec::new();
        Strings::new(TEXTS.into_iter()).find(text, |number| {
            numbers.push(number);
            false
        });
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    #[test]
    fn strings_are_found_at_every_place() {
        for before in 0..40 {
            for text in TEXTS {
                let line = format!("{}{text}{}", "x".repeat(before), "y".repeat(before % 3));
                let expected = TEXTS.iter().enumerate();
                let expected = expected.filter(|(_, text)| line.contains(**text));
                let expected: Vec<_> = expected.map(|(number, _)| number).collect();
                assert_eq!(found(&line), expected, "{line:?}");
            }
        }
    }

    #[test]
    fn cut_strings_are_not_found() {
        for text in ["", "B", "BUG", "UG: ", "INFO: tas", "aa", "----"] {
            assert!(found(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn the_search_ends_when_the_caller_stops_it() {
        let mut count = 0;
        let strings = Strings::new(TEXTS.into_iter());
        assert!(strings.find("BUG: (t=1", |_| {
            count += 1;
            true
        }));
        assert_eq!(count, 1);
    }
}
