// SPDX-License-Identifier: GPL-2.0

//! Colours of the text.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;

use super::words::Topic;

/// Whether to use colours.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    has_colours: bool,
}

impl Style {
    /// Uses colours if standard output is a terminal that has them.
    pub fn for_stdout() -> Self {
        let choice = AutoStream::choice(&io::stdout());
        Self {
            has_colours: !matches!(choice, ColorChoice::Never),
        }
    }

    #[cfg(test)]
    pub fn plain() -> Self {
        Self { has_colours: false }
    }

    pub fn heading(self, text: &str) -> String {
        self.paint(anstyle::Style::new().bold(), text)
    }

    pub fn words(self, topic: Topic, text: &str) -> String {
        let style = match topic {
            Topic::GracePeriod => AnsiColor::Green.on_default().bold(),
            Topic::Quiescent => AnsiColor::Cyan.on_default(),
            Topic::Reader => AnsiColor::Red.on_default().bold(),
            Topic::Expedited => AnsiColor::Magenta.on_default(),
            Topic::Callback => AnsiColor::Yellow.on_default(),
            Topic::Detail => anstyle::Style::new().dimmed(),
        };
        self.paint(style, text)
    }

    fn paint(self, style: anstyle::Style, text: &str) -> String {
        match self.has_colours {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }
}
