// SPDX-License-Identifier: GPL-2.0

//! Recognizes lines that a logger wrote twice, as two consoles or two readers of one console do.
//!
//! Direct recursion prints equal lines too, but at different times. Without times, a line counts as
//! doubled only if the line before it was doubled as well.

use crate::unwrap::{Line, Stamp};

/// The previous line.
#[derive(Debug, Default)]
pub(super) struct Doubled {
    text: String,
    /// Its input line.
    number: u64,
    /// Seconds since boot.
    clock: Option<f64>,
    /// Times that the line has occurred in a row.
    count: u32,
    /// Whether the line before occurred exactly twice.
    is_pairwise: bool,
}

impl Doubled {
    /// Returns whether a line repeats the previous one because a logger doubled it.
    pub(super) fn is_repetition(&mut self, line: &Line<'_>) -> bool {
        let clock = match line.stamp {
            Some(Stamp::Boot(clock)) => Some(clock),
            _ => None,
        };
        let is_next = line.number <= self.number + 1;
        self.number = line.number;
        if is_next && self.clock == clock && self.text == line.text {
            self.count += 1;
            return clock.is_some() || self.is_pairwise && self.count == 2;
        }
        self.is_pairwise = self.count == 2;
        self.text.clear();
        self.text.push_str(line.text);
        self.clock = clock;
        self.count = 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn recursion_is_kept_but_doubled_lines_are_not() {
        let log = |frames: &[&str]| {
            let head = "rcu: INFO: rcu_sched self-detected stall on CPU\n\
                        rcu: \t1-....: (5249 ticks this GP) idle=1/2/0x3\n\
                        Call Trace:\n";
            only(&format!("{head}{}\n", frames.join("\n"))).frames
        };
        let twice = [
            "walk+0x1/0x2",
            "walk+0x1/0x2",
            "walk+0x1/0x2",
            "begin+0x1/0x2",
        ];
        assert_eq!(log(&twice), ["walk", "walk", "walk", "begin"]);
        let doubled = |line: &str| format!("[  100.000001] {line}\n[  100.000001] {line}\n");
        let lines = [
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "rcu: \t1-....: (5249 ticks this GP) idle=1/2/0x3",
            "Call Trace:",
            "walk+0x1/0x2",
            "begin+0x1/0x2",
        ];
        let event = only(&lines.map(doubled).concat());
        assert_eq!(event.frames, ["walk", "begin"]);
    }
}
