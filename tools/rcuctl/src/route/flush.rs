// SPDX-License-Identifier: GPL-2.0

//! `route flush`: deletes all routes, or those that a selector of `route show` selects.

use std::io::{Read, Write};

use nix::errno::Errno;
use serde_json::json;

use super::batch::Batch;
use super::selector::Selector;
use super::show;
use crate::device::{grammar, Access, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;

/// Deletes routes. The device deletes all routes of a family at once. This function reads other
/// selections and deletes their routes one by one.
pub fn run<S: Read + Write>(
    open: impl Fn(Access) -> Result<Device<S>>,
    selector: &Selector,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let applied = match selector.query() {
        None if selector.selects_families() => flush(open, "flush\n")?,
        Some(family) if selector.selects_families() => flush(open, &format!("flush {family}\n"))?,
        _ => {
            let lines = deletions(&open, selector)?;
            delete(&mut open(Access::ReadWrite)?, &lines)?
        }
    };
    if out.json() {
        out.document(&json!({ "applied": applied }))?;
    }
    Ok(Status::Done)
}

/// Deletes whole families by one line.
fn flush<S: Read + Write>(open: impl Fn(Access) -> Result<Device<S>>, line: &str) -> Result<usize> {
    open(Access::ReadWrite)?.command(line)?;
    Ok(1)
}

/// Returns the lines that delete the selected routes. Each names metric and next hop, so that a
/// route which another program replaces meanwhile remains.
fn deletions<S: Read + Write>(
    open: impl Fn(Access) -> Result<Device<S>>,
    selector: &Selector,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    show::for_each(&mut show::query(open, selector)?, selector, |line| {
        let route = grammar::listed(line)
            .ok_or_else(|| Error::Protocol(format!("expected a route, found {line:?}")))?;
        lines.push(route.deletion());
        Ok(())
    })?;
    Ok(lines)
}

/// Sends the lines. A route that another program has deleted meanwhile is no error. Returns the
/// number of deleted routes.
fn delete(device: &mut Device<impl Read + Write>, lines: &[String]) -> Result<usize> {
    let mut deleted = 0;
    let mut rest = lines;
    while !rest.is_empty() {
        let mut batch = Batch::default();
        for (line, number) in rest.iter().zip(1..) {
            if batch.is_full() {
                break;
            }
            batch.push(&[line.as_bytes()], number);
        }
        let count = batch.len();
        let mut done = count;
        if let Some(refused) = device.submit(batch.text(0..count), &mut Vec::new())? {
            let accepted = batch.lines_in(0, refused.accepted);
            if refused.refusal.errno != Errno::ESRCH {
                return Err(Error::Refused(refused.refusal));
            }
            deleted += accepted;
            done = accepted + 1;
        } else {
            deleted += count;
        }
        rest = &rest[done.min(rest.len())..];
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use std::cell::RefCell;

    const TABLE: [&str; 3] = [
        "10.0.0.0/8 via 10.0.0.1 dev a",
        "10.1.0.0/16 dev b metric 7",
        "blackhole 192.0.2.0/24",
    ];

    /// Flushes a fake device. Returns the lines that it executed, and the output.
    fn flushed(fake: Fake, words: &str) -> (Vec<String>, Result<String>) {
        let words: Vec<_> = words.split_whitespace().map(str::to_string).collect();
        let selector = Selector::parse(&words, None).expect("a selector");
        let fake = RefCell::new(fake);
        let mut text = Vec::new();
        let result = run(
            |_| Ok(Device::new(Shared(&fake))),
            &selector,
            &mut Output::new(&mut text, true),
        );
        let text = result.map(|_| String::from_utf8(text).expect("text"));
        (fake.into_inner().executed, text)
    }

    /// One fake behind several open files.
    struct Shared<'a>(&'a RefCell<Fake>);

    impl Read for Shared<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().read(buffer)
        }
    }

    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_device_flushes_families() {
        for (words, line) in [
            ("", "flush"),
            ("all", "flush"),
            ("table main", "flush"),
            ("inet6", "flush inet6"),
        ] {
            let (executed, text) = flushed(Fake::new().table(&TABLE), words);
            assert_eq!(text.expect("flushed"), "{\"applied\":1}\n", "{words}");
            assert_eq!(executed, [line], "{words}");
        }
    }

    #[test]
    fn selected_routes_are_deleted_with_their_metric_and_next_hop() {
        for (words, lines) in [
            ("dev b", &["del 10.1.0.0/16 dev b metric 7"][..]),
            ("type blackhole", &["del blackhole 192.0.2.0/24 metric 0"]),
            (
                "via 10.0.0.1",
                &["del 10.0.0.0/8 via 10.0.0.1 dev a metric 0"],
            ),
            ("dev none", &[]),
        ] {
            let (executed, text) = flushed(Fake::new().table(&TABLE), words);
            let expected = format!("{{\"applied\":{}}}\n", lines.len());
            assert_eq!(text.expect("flushed"), expected, "{words}");
            assert_eq!(executed, lines, "{words}");
        }
    }

    #[test]
    fn a_route_that_is_gone_is_skipped_and_another_refusal_is_an_error() {
        let gone = "del 10.0.0.0/8 via 10.0.0.1 dev a metric 0";
        let fake = Fake::new()
            .table(&TABLE)
            .refuse(gone, Errno::ESRCH, "no such route");
        let (executed, text) = flushed(fake, "type unicast");
        assert_eq!(text.expect("flushed"), "{\"applied\":1}\n");
        assert_eq!(executed, ["del 10.1.0.0/16 dev b metric 7"]);
        let fake = Fake::new()
            .table(&TABLE)
            .refuse(gone, Errno::EPERM, "denied");
        let (executed, text) = flushed(fake, "type unicast");
        assert_eq!(text.expect_err("denied").status(), Status::Refused);
        assert_eq!(executed, [""; 0]);
    }
}
