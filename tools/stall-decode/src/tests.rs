// SPDX-License-Identifier: GPL-2.0

//! Helpers shared by the unit tests.

use crate::{Decoder, Event};

/// Decodes a log.
pub(crate) fn decode(log: &str) -> Vec<Event> {
    let mut decoder = Decoder::new();
    for line in log.lines() {
        decoder.line(line.as_bytes());
    }
    decoder.finish();
    std::iter::from_fn(|| decoder.event()).collect()
}

/// Decodes a log that holds one report.
pub(crate) fn only(log: &str) -> Event {
    let mut events = decode(log);
    assert_eq!(events.len(), 1, "{log}\n{events:#?}");
    events.remove(0)
}
