// SPDX-License-Identifier: GPL-2.0

//! Standard output, as text or as JSON.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::route::json::Route;
use crate::route::text;

const BUFFER: usize = 64 * 1024;

pub struct Output<W> {
    sink: W,
    json: bool,
    /// Whether JSON is indented.
    pretty: bool,
}

impl Output<BufWriter<StdoutLock<'static>>> {
    pub fn stdout(json: bool) -> Self {
        Self::new(BufWriter::with_capacity(BUFFER, io::stdout().lock()), json)
    }
}

impl<W: Write> Output<W> {
    pub fn new(sink: W, json: bool) -> Self {
        Self {
            sink,
            json,
            pretty: false,
        }
    }

    /// Indents JSON.
    pub fn pretty(self, pretty: bool) -> Self {
        Self { pretty, ..self }
    }

    pub fn json(&self) -> bool {
        self.json
    }

    pub fn line(&mut self, line: &str) -> Result<()> {
        self.text(line)?;
        self.text("\n")
    }

    /// Prints a JSON document on its own line.
    pub fn document(&mut self, value: &impl Serialize) -> Result<()> {
        self.value(value)?;
        self.text("\n")
    }

    pub fn flush(&mut self) -> Result<()> {
        self.sink.flush().map_err(Error::Output)
    }

    /// Starts a list of routes, which may not fit into memory. With `long`, prefixes have their
    /// length.
    pub fn routes(&mut self, long: bool) -> Result<RouteList<'_, W>> {
        if self.json {
            self.text("[")?;
        }
        Ok(RouteList {
            output: self,
            is_empty: true,
            long,
        })
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.sink.write_all(text.as_bytes()).map_err(Error::Output)
    }

    fn value(&mut self, value: &impl Serialize) -> Result<()> {
        let written = match self.pretty {
            true => serde_json::to_writer_pretty(&mut self.sink, value),
            false => serde_json::to_writer(&mut self.sink, value),
        };
        written.map_err(|error| Error::Output(error.into()))
    }
}

/// Prints routes one per line, or as one JSON array.
pub struct RouteList<'a, W> {
    output: &'a mut Output<W>,
    is_empty: bool,
    long: bool,
}

impl<W: Write> RouteList<'_, W> {
    /// Prints a route given in the device's format.
    pub fn push(&mut self, line: &str) -> Result<()> {
        if !self.output.json && self.long {
            return self.output.line(line);
        }
        if !self.output.json {
            return self.output.line(&text::short(line));
        }
        let route = Route::parse(line, self.long)?;
        self.separate()?;
        self.output.value(&route)
    }

    /// Prints `none` or `null` for an address without a route.
    pub fn push_none(&mut self) -> Result<()> {
        if !self.output.json {
            return self.output.line("none");
        }
        self.separate()?;
        self.output.text("null")
    }

    pub fn finish(self) -> Result<()> {
        if self.output.json {
            self.output
                .text(if self.is_empty { "]\n" } else { "\n]\n" })?;
        }
        Ok(())
    }

    fn separate(&mut self) -> Result<()> {
        let separator = if self.is_empty { "\n" } else { ",\n" };
        self.is_empty = false;
        self.output.text(separator)
    }
}

/// Returns the result and the output of `print`, for tests.
#[cfg(test)]
pub fn printed<T>(
    json: bool,
    print: impl FnOnce(&mut Output<&mut Vec<u8>>) -> Result<T>,
) -> (T, String) {
    let mut bytes = Vec::new();
    let result = print(&mut Output::new(&mut bytes, json)).expect("writes to memory");
    (result, String::from_utf8(bytes).expect("text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: bool, lines: &[Option<&str>]) -> String {
        list_in(Output::new(Vec::new(), json), true, lines)
    }

    fn list_in(mut output: Output<Vec<u8>>, long: bool, lines: &[Option<&str>]) -> String {
        let mut routes = output.routes(long).expect("writes to memory");
        for line in lines {
            match line {
                Some(line) => routes.push(line).expect("a route"),
                None => routes.push_none().expect("writes to memory"),
            }
        }
        routes.finish().expect("writes to memory");
        String::from_utf8(output.sink).expect("text")
    }

    #[test]
    fn only_long_text_has_the_routes_as_the_device_prints_them() {
        let lines = [Some("0.0.0.0/0 dev a"), None];
        assert_eq!(list(false, &lines), "0.0.0.0/0 dev a\nnone\n");
        let short = list_in(Output::new(Vec::new(), false), false, &lines);
        assert_eq!(short, "default dev a scope link\nnone\n");
    }

    #[test]
    fn pretty_json_is_indented_and_has_the_same_values() {
        let lines = [Some("10.0.0.0/8 dev a"), None];
        let pretty = list_in(Output::new(Vec::new(), true).pretty(true), true, &lines);
        assert!(pretty.contains("\n  \"dst\": \"10.0.0.0/8\""), "{pretty}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&pretty), value(&list(true, &lines)));
    }

    #[test]
    fn a_list_in_json_is_one_document() {
        for lines in [&[][..], &[None], &[Some("10.0.0.0/8"), None, Some("::/0")]] {
            let text = list(true, lines);
            let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
            assert_eq!(
                document.as_array().map(Vec::len),
                Some(lines.len()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_closed_pipe_is_recognized_in_text_and_json() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut output = Output::new(Closed, true);
        assert!(output.document(&1).expect_err("closed").is_closed_output());
        assert!(output.line("x").expect_err("closed").is_closed_output());
    }
}
