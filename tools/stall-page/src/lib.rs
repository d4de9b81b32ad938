// SPDX-License-Identifier: GPL-2.0

//! Shows decoded kernel reports as one web page without scripts and without outside resources.
//!
//! [`Page::add`] adds a log with its events, [`Page::html`] writes the page. Each incident begins
//! with its story: what happened, the culprit, the reason, the advice. A timeline, the stacks, the
//! fields and the log's own lines follow.
//!
//! Text of the log is untrusted. Templates escape it, and the page's policy forbids scripts.

#![deny(unsafe_code)]

mod excerpt;
mod incident;
mod marks;
mod template;
mod timeline;

use stall_decode::Event;

use incident::Incident;

/// Reports on a page. Further ones are counted.
const MAX_EVENTS: usize = 500;

/// A page of one or more logs.
#[derive(Debug, Default)]
pub struct Page {
    logs: Vec<Log>,
    left_out: usize,
}

/// The incidents of a log.
#[derive(Debug)]
struct Log {
    name: String,
    incidents: Vec<Incident>,
}

impl Page {
    /// Creates a page without logs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a log and the events that were decoded from it.
    pub fn add(&mut self, name: &str, log: &[u8], events: Vec<Event>) {
        let room = MAX_EVENTS.saturating_sub(self.events());
        self.left_out += events.len().saturating_sub(room);
        let lines: Vec<_> = log.split(|&byte| byte == b'\n').collect();
        let mut incidents: Vec<Incident> = Vec::new();
        for event in events.into_iter().take(room) {
            let number = event.incident;
            match incidents.iter_mut().find(|known| known.number == number) {
                Some(incident) => incident.add(event, &lines),
                None => incidents.push(Incident::new(event, &lines)),
            }
        }
        self.logs.push(Log {
            name: name.to_string(),
            incidents,
        });
    }

    fn events(&self) -> usize {
        let incidents = self.logs.iter().flat_map(|log| &log.incidents);
        incidents.map(|incident| incident.entries.len()).sum()
    }

    /// Returns the page.
    pub fn html(&self) -> String {
        template::page(self).into_string()
    }
}
