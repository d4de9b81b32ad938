// SPDX-License-Identifier: GPL-2.0

//! What the unit tests share.

use crate::{Decoder, Event};

/// The events of a log.
pub(crate) fn decode(log: &str) -> Vec<Event> {
    let mut decoder = Decoder::new();
    for line in log.lines() {
        decoder.line(line.as_bytes());
    }
    decoder.finish();
    std::iter::from_fn(|| decoder.event()).collect()
}

/// The only event of a log.
pub(crate) fn only(log: &str) -> Event {
    let mut events = decode(log);
    assert_eq!(events.len(), 1, "{log}\n{events:#?}");
    events.remove(0)
}
