// SPDX-License-Identifier: GPL-2.0

//! Counts of events, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use stall_decode::{Event, EventKind};

use crate::atomic_file;
use crate::error::{Error, Result};

/// Characters of a culprit in a label.
const MAX_LABEL: usize = 120;

/// Parses the name of the file: the collector ignores any that does not end in `.prom`.
pub fn path(text: &str) -> std::result::Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(end) if end == "prom" => Ok(path),
        _ => Err("the name must end in .prom; the textfile collector reads no other file".into()),
    }
}

/// The events since the watch began.
#[derive(Debug)]
pub struct Metrics<'a> {
    path: &'a Path,
    kinds: BTreeMap<&'static str, Count>,
}

#[derive(Debug, Default)]
struct Count {
    events: u64,
    /// The last event's time, in seconds since 1970.
    last: f64,
    /// The culprit of the last event, and the certainty of that.
    culprit: (String, &'static str),
}

impl<'a> Metrics<'a> {
    /// Writes a file in which each kind has the count 0.
    ///
    /// Errors: the file cannot be written.
    pub fn new(path: &'a Path) -> Result<Self> {
        let kinds = EventKind::ALL.map(|kind| (kind.name(), Count::default()));
        let metrics = Self {
            path,
            kinds: BTreeMap::from(kinds),
        };
        metrics.write()?;
        Ok(metrics)
    }

    /// Counts an event, and writes the file.
    ///
    /// Errors: the file cannot be written.
    pub fn count(&mut self, event: &Event) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let count = self.kinds.entry(event.kind.name()).or_default();
        count.events += 1;
        count.last = now.map_or(0.0, |now| now.as_secs_f64());
        count.culprit = (event.blame.text.clone(), event.blame.sure);
        self.write()
    }

    /// Replaces the file, so that the collector never reads half of it.
    fn write(&self) -> Result<()> {
        atomic_file::replace(self.path, |mut file| {
            let failed = Error::io(format!("writing {}", self.path.display()));
            file.write_all(self.text().as_bytes()).map_err(failed)
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut family =
            |name: &str, kind: &str, help: &str, line: &dyn Fn(&str, &Count) -> Option<String>| {
                // Writing to a string does not fail.
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
                for (event_kind, count) in &self.kinds {
                    if let Some(line) = line(event_kind, count) {
                        let _ = writeln!(text, "{name}{line}");
                    }
                }
            };
        family(
            "rcuctl_events_total",
            "counter",
            "Kernel reports by kind since rcuctl watch began.",
            &|kind, count| Some(format!("{{kind=\"{kind}\"}} {}", count.events)),
        );
        let has_event = |count: &Count| count.events > 0;
        family(
            "rcuctl_last_event_timestamp_seconds",
            "gauge",
            "Time at which rcuctl decoded the last report of a kind.",
            &|kind, count| {
                has_event(count).then(|| format!("{{kind=\"{kind}\"}} {:.3}", count.last))
            },
        );
        family(
            "rcuctl_last_culprit_info",
            "gauge",
            "The culprit of the last report of a kind, and the certainty of that.",
            &|kind, count| {
                let (culprit, sure) = &count.culprit;
                has_event(count).then(|| {
                    format!(
                        "{{kind=\"{kind}\",culprit=\"{}\",sure=\"{sure}\"}} 1",
                        escaped(culprit)
                    )
                })
            },
        );
        text
    }
}

/// Escapes a label's value by the rules of the format.
fn escaped(label: &str) -> String {
    let mut text = String::new();
    for shape in label.chars().take(MAX_LABEL) {
        match shape {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(shape),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_kind_with_the_last_culprit() {
        let folder = tempfile::tempdir().expect("a writable temporary folder");
        let path = folder.path().join("rcu.prom");
        let mut metrics = Metrics::new(&path).expect("writable");
        let text = || std::fs::read_to_string(&path).expect("written");
        assert!(text().contains("rcuctl_events_total{kind=\"hung-task\"} 0\n"));
        assert!(!text().contains("rcuctl_last_culprit_info{"));
        let mut event = Event::default();
        (event.blame.text, event.blame.sure) = ("a\"b\\c()".to_string(), "likely");
        for _ in 0..2 {
            metrics.count(&event).expect("writable");
        }
        for line in [
            "rcuctl_events_total{kind=\"rcu-cpu-stall\"} 2\n",
            "rcuctl_last_culprit_info{kind=\"rcu-cpu-stall\",culprit=\"a\\\"b\\\\c()\",sure=\"likely\"} 1\n",
            "rcuctl_last_event_timestamp_seconds{kind=\"rcu-cpu-stall\"} 1",
        ] {
            assert!(text().contains(line), "{line}: {}", text());
        }
        let files = std::fs::read_dir(&folder).expect("readable");
        assert_eq!(files.count(), 1, "no temporary file remains");
    }

    #[test]
    fn the_file_has_the_suffix_that_the_collector_reads() {
        assert!(path("/var/lib/node_exporter/rcu.prom").is_ok());
        assert!(path("rcu.txt").expect_err("refused").contains(".prom"));
    }
}
