// SPDX-License-Identifier: GPL-2.0

//! Learns prefixes that no known logger writes: the name of a machine, brackets of a hypervisor.
//!
//! A report's first line is found at any place in a line. What precedes it is a prefix if further
//! lines begin with the same text. Numbers in it may change.

/// Starts of first lines.
const STARTS: [&str; 10] = [
    "rcu: INFO: ",
    "INFO: rcu_",
    "INFO: task ",
    "watchdog: BUG: ",
    "watchdog: CPU ",
    "smp: csd: ",
    "NMI watchdog: ",
    "BUG: ",
    "WARNING: ",
    "INFO: ",
];

/// Longest prefix.
const MAX_LENGTH: usize = 200;

/// The prefix of the newest report.
#[derive(Debug, Default)]
pub(crate) struct Prefix {
    text: String,
}

impl Prefix {
    /// Learns the prefix of a report's first line.
    pub(crate) fn learn(&mut self, text: &str) {
        let has_none = STARTS.iter().any(|start| text.starts_with(start));
        let found = || {
            let starts = STARTS.iter().filter_map(|start| text.find(start));
            starts.min()
        };
        let Some(at) = has_none.then_some(0).or_else(found) else {
            return;
        };
        self.text.clear();
        let prefix = text.get(..at).unwrap_or_default();
        if (2..=MAX_LENGTH).contains(&at) && prefix.ends_with([' ', ']', '|', ':']) {
            self.text.push_str(prefix);
        }
    }

    /// Strips the learnt prefix from a line.
    pub(crate) fn strip<'a>(&self, text: &'a str) -> &'a str {
        match self.text.is_empty() {
            true => text,
            false => self.rest_of(text).unwrap_or(text),
        }
    }

    fn rest_of<'a>(&self, text: &'a str) -> Option<&'a str> {
        let is_digit = |c: char| c.is_ascii_digit();
        let (mut pattern, mut rest) = (self.text.as_str(), text);
        while let Some(first) = pattern.chars().next() {
            if is_digit(first) {
                pattern = pattern.trim_start_matches(is_digit);
                let behind = rest.trim_start_matches(is_digit);
                if behind.len() == rest.len() {
                    return None;
                }
                rest = behind;
            } else {
                pattern = pattern.strip_prefix(first)?;
                rest = rest.strip_prefix(first)?;
            }
        }
        Some(rest.trim_start_matches(' '))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn an_unknown_prefix_is_learnt_from_the_first_line() {
        for prefix in ["vm1 ", "[Moby           ][Info   ] ", "node7 | 12 | "] {
            let event = only(&format!(
                "{prefix}INFO: rcu_sched self-detected stall on CPU\n\
                 {prefix}\t1-....: (2099 ticks this GP) idle=936/1/0x40000002 softirq=8/8 fqs=1049\n\
                 {prefix}\t(t=2100 jiffies g=17 q=2)\n\
                 {prefix}CPU: 1 PID: 12 Comm: foo Not tainted 5.4.72 #1\n\
                 {prefix}Call Trace:\n\
                 {prefix} foo_loop+0x1/0x8\n"
            ));
            assert_eq!(event.culprit_frame.as_deref(), Some("foo_loop"), "{prefix}");
            assert_eq!(event.t_jiffies, Some(2100), "{prefix}");
        }
    }
}
