// SPDX-License-Identifier: GPL-2.0

//! Logs whose newest line is first, as log viewers export them.

use std::io::{self, BufRead, Read};

use crate::unwrap::{printable, unwrap, Stamp};
use crate::{Decoder, Event};

/// Steps of time that show the order of a log.
const MIN_STEPS: usize = 6;

/// Largest log that is reversed, in bytes.
const MAX_SIZE: u64 = 64 << 20;

/// Lines searched for times.
const MAX_LINES: usize = 400;

/// Returns whether times mostly decrease in the first lines of a log.
pub(super) fn is_reversed(start: &[u8]) -> bool {
    let (mut back, mut forth) = (0, 0);
    let mut last: Option<f64> = None;
    for line in start.split(|&byte| byte == b'\n').take(MAX_LINES) {
        let text = printable(line);
        let clock = unwrap(&text, 1).and_then(|line| match line.stamp {
            Some(Stamp::Boot(clock) | Stamp::Day(clock, _)) => Some(clock),
            _ => None,
        });
        let Some(clock) = clock else {
            continue;
        };
        match last {
            Some(last) if clock < last => back += 1,
            Some(last) if clock > last => forth += 1,
            _ => (),
        }
        last = Some(clock);
    }
    back >= MIN_STEPS && forth * 8 < back
}

/// Decodes a log from its last line to its first. Line numbers are those of the log as it is.
pub(super) fn decode<R, F>(log: R, mut sink: F) -> io::Result<()>
where
    R: BufRead,
    F: FnMut(Event) -> io::Result<()>,
{
    let mut bytes = Vec::new();
    log.take(MAX_SIZE).read_to_end(&mut bytes)?;
    let end = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let lines: Vec<_> = end.split(|&byte| byte == b'\n').collect();
    let mut decoder = Decoder::new();
    for (before, line) in lines.iter().enumerate().rev() {
        decoder.numbered_line(line, before as u64 + 1);
        while let Some(event) = decoder.event() {
            sink(event)?;
        }
    }
    decoder.finish();
    while let Some(event) = decoder.event() {
        sink(event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::decode;

    #[test]
    fn a_log_with_the_newest_line_first_is_read_from_its_end() {
        let log = "\
[  817.631605]  kthread+0xe4/0x110
[  817.631602]  foo_thread_fn+0x31/0x60 [foo]
[  817.631600] Call Trace:
[  817.631567] RIP: 0010:foo_poll_ring+0x31/0x60 [foo]
[  817.630269] CPU: 1 PID: 1325 Comm: foo_worker Not tainted 6.6.119 #0
[  817.629843] rcu: (t=5250 jiffies g=49877 q=8517 ncpus=2)
[  817.629192] rcu: 1-....: (5249 ticks this GP) idle=217c/1/0x4000000000000000 fqs=2624
[  817.628720] rcu: INFO: rcu_sched self-detected stall on CPU
";
        let mut events = Vec::new();
        decode(log.as_bytes(), |event| {
            events.push(event);
            Ok(())
        })
        .expect("memory can be read");
        assert_eq!(events.len(), 1, "{events:#?}");
        assert_eq!((events[0].line, events[0].ncpus), (8, Some(2)));
        assert_eq!(
            events[0].frames,
            ["foo_poll_ring", "foo_thread_fn", "kthread"]
        );
    }
}
