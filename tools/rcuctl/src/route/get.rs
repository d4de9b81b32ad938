// SPDX-License-Identifier: GPL-2.0

//! `route get`: which route serves an address.

use std::io::{BufRead, Read, Write};
use std::ops::Range;

use nix::errno::Errno;

use crate::device::grammar;
use crate::device::transport::Transport;
use crate::device::uapi::{self, Address};
use crate::device::wire;
use crate::device::{text, Device};
use crate::error::{report, Error, Result, Status};
use crate::input::{Input, Line};
use crate::output::{Output, Routes};
use crate::route::batch::Batch;
use crate::route::command_line::command_line;

/// The addresses of the command line. One without a route is an error, but the others are answered.
pub fn addresses(
    device: &mut Device<impl Read + Write>,
    addresses: &[String],
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let json = out.json();
    let mut status = Status::Done;
    let mut routes = out.routes()?;
    for address in addresses {
        match device.command(&command_line("get", &[address])?) {
            Ok(()) => device.for_each_line(|line| routes.push(line))?,
            Err(Error::Refused(refusal)) if refusal.errno == Errno::ENETUNREACH => {
                report(&Error::Refused(refusal), json);
                status = Status::Refused;
                if json {
                    routes.push_none()?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    routes.finish()?;
    Ok(status)
}

/// The addresses of a file, one a line: a route or `none` for each, in order. Blank lines and
/// comments are no addresses and get no answer.
pub fn batch(
    device: &mut Device<impl Transport>,
    mut input: Input<impl BufRead>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut queries = Queries {
        most: device.most_lookups(),
        file: input.name().to_string(),
        device,
        batch: Batch::default(),
        addresses: Vec::new(),
        found: Vec::new(),
        routes: out.routes()?,
    };
    while let Some(line) = input.next_line()? {
        queries.push(&line)?;
    }
    queries.ask()?;
    queries.routes.finish()?;
    Ok(Status::Done)
}

/// Addresses on their way to the device, and their routes on the way back.
struct Queries<'a, C, W> {
    device: &'a mut Device<C>,
    /// How many addresses one ioctl takes; none: all goes as text.
    most: Option<usize>,
    file: String,
    /// The `get` lines that were not asked for yet.
    batch: Batch,
    /// What the first of them ask for.
    addresses: Vec<Address>,
    found: Vec<uapi::Route>,
    routes: Routes<'a, W>,
}

impl<C: Transport, W: Write> Queries<'_, C, W> {
    fn push(&mut self, line: &Line<'_>) -> Result<()> {
        self.batch.push(&[b"get ", line.content], line.number);
        let address = self.most.and_then(|_| grammar::address(line.content));
        self.addresses.extend(address.map(wire::address));
        let by_text = self.most.is_some() && address.is_none();
        let most = self.most.unwrap_or(usize::MAX);
        if by_text || self.batch.is_full() || self.addresses.len() >= most {
            self.ask()?;
        }
        Ok(())
    }

    /// Asks for all that wait: by ioctl what can be, the rest as text.
    fn ask(&mut self) -> Result<()> {
        let mut line = 0;
        self.found
            .resize(self.addresses.len(), uapi::Route::default());
        while line < self.addresses.len() {
            let (addresses, found) = (&self.addresses[line..], &mut self.found[line..]);
            let progress = self.device.lookup(addresses, found);
            for route in &found[..progress.done.min(addresses.len())] {
                print_found(route, &mut self.routes)?;
                line += 1;
            }
            // The device says it in words, or answers.
            if progress.result.is_err() || progress.done == 0 {
                self.ask_by_text(line..line + 1)?;
                line += 1;
            }
        }
        self.ask_by_text(line..self.batch.len())?;
        self.batch.clear();
        self.addresses.clear();
        Ok(())
    }

    /// Sends `get` lines, each of which has one answer. "No route" is an error to the device; it
    /// interrupts what is sent, which goes on behind the line.
    fn ask_by_text(&mut self, lines: Range<usize>) -> Result<()> {
        let mut answers = Vec::new();
        let mut next = lines.start;
        while next < lines.end {
            answers.clear();
            let text = self.batch.text(next..lines.end);
            let refused = self.device.submit(text, &mut answers)?;
            let asked = match &refused {
                None => lines.end - next,
                Some(refused) => self.batch.lines_in(next, refused.accepted),
            };
            print(&answers, asked, &mut self.routes)?;
            next += asked;
            match refused {
                None => {}
                Some(refused) if refused.refusal.errno == Errno::ENETUNREACH => {
                    self.routes.push_none()?;
                    next += 1;
                }
                Some(refused) => {
                    return Err(self.batch.error(&self.file, next, refused.refusal, None));
                }
            }
        }
        Ok(())
    }
}

/// Prints what an ioctl found in the form of the device's text.
fn print_found(found: &uapi::Route, routes: &mut Routes<'_, impl Write>) -> Result<()> {
    if found.kind == uapi::TYPE_NONE {
        return routes.push_none();
    }
    let route =
        wire::decode(found).ok_or_else(|| Error::Protocol(format!("not a route: {found:?}")))?;
    routes.push(&route.to_string())
}

/// Prints the answers to `asked` lines; a missing one would shift all that follow.
fn print(answers: &[u8], asked: usize, routes: &mut Routes<'_, impl Write>) -> Result<()> {
    let mut lines = 0;
    for line in text(answers)?.lines() {
        lines += 1;
        routes.push(line)?;
    }
    if lines == asked {
        Ok(())
    } else {
        Err(Error::Protocol(format!(
            "{lines} answers to {asked} queries"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn fake() -> Fake {
        Fake::new()
            .table(&["not an answer"])
            .answer("get a", "10.0.0.0/8 dev a\n")
            .answer("get b", "::/0 dev b\n")
            .refuse("get none", Errno::ENETUNREACH, "none: no route")
            .refuse("get bad", Errno::EINVAL, "bad: not an address")
            .answer(
                "get 10.1.1.1",
                "10.0.0.0/8 via inet6 fe80::1 dev a metric 7\n",
            )
            .answer("get ::1", "blackhole ::/0\n")
            .refuse("get 1.1.1.1", Errno::ENETUNREACH, "1.1.1.1: no route")
            .refuse("get 2.2.2.2", Errno::ENOMEM, "out of memory")
    }

    /// One without ioctls, and one with.
    fn fakes() -> [Fake; 2] {
        [fake(), fake().ioctls(3)]
    }

    fn ask_file(fake: &mut Fake, json: bool, file: &str) -> (Result<Status>, String) {
        let mut text = Vec::new();
        let input = Input::new("addresses", file.as_bytes());
        let status = batch(
            &mut Device::new(fake),
            input,
            &mut Output::new(&mut text, json),
        );
        (status, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn an_ioctl_answers_as_text_does() {
        for json in [false, true] {
            let [mut slow, mut fast] = fakes();
            let file = "1.1.1.1\n10.1.1.1 # why\n\n::1\na\n::1\nnone\n1.1.1.1\n".repeat(3);
            let (status, text) = ask_file(&mut slow, json, &file);
            assert_eq!(status.expect("answered"), Status::Done);
            let (status, same) = ask_file(&mut fast, json, &file);
            assert_eq!(status.expect("answered"), Status::Done);
            assert_eq!(same, text);
            assert_eq!((slow.by_ioctl, fast.by_ioctl), (0, 15));
        }
    }

    #[test]
    fn a_signal_or_a_refusal_loses_no_address() {
        let mut fast = fake().ioctls(100).signal_after(1);
        let (status, text) = ask_file(&mut fast, false, "::1\n1.1.1.1\n2.2.2.2\n::1\n");
        let error = status.expect_err("2.2.2.2 is refused").to_string();
        assert_eq!(error, "addresses:3: out of memory (ENOMEM)");
        assert_eq!(text, "blackhole ::/0\nnone\n");
    }

    #[test]
    fn every_line_is_answered_in_order() {
        let (status, text) = ask_file(&mut fake(), false, "none\na\n\nnone\nnone\n# why\nb\nnone");
        assert_eq!(status.expect("answered"), Status::Done);
        assert_eq!(
            text,
            "none\n10.0.0.0/8 dev a\nnone\nnone\n::/0 dev b\nnone\n"
        );
    }

    #[test]
    fn json_answers_keep_the_places() {
        let (status, text) = ask_file(&mut fake(), true, "a\nnone\nb\n");
        assert_eq!(status.expect("answered"), Status::Done);
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document[0]["dst"], "10.0.0.0/8");
        assert!(document[1].is_null());
        assert_eq!(document[2]["dst"], "::/0");
    }

    #[test]
    fn many_lines_in_short_writes_are_all_answered() {
        let mut fake = fake().move_at_most(1000).interrupt_every(3);
        let (status, text) = ask_file(&mut fake, false, &"a\nnone\nb\n".repeat(2000));
        assert_eq!(status.expect("answered"), Status::Done);
        assert_eq!(text, "10.0.0.0/8 dev a\nnone\n::/0 dev b\n".repeat(2000));
    }

    #[test]
    fn a_bad_address_is_named_by_its_line() {
        for mut fake in fakes() {
            let (status, text) = ask_file(&mut fake, false, "::1\n\nbad\nb\n");
            let error = status.expect_err("bad is refused").to_string();
            assert_eq!(error, "addresses:3: bad: not an address (EINVAL)");
            assert_eq!(text, "blackhole ::/0\n");
        }
    }

    #[test]
    fn answers_that_do_not_fit_the_queries_are_noticed() {
        for answer in ["", "::/0 dev a\n::/0 dev b\n"] {
            let mut fake = fake().answer("get odd", answer);
            let (status, _) = ask_file(&mut fake, false, "a\nodd\nb\n");
            assert!(matches!(status, Err(Error::Protocol(_))), "{answer:?}");
        }
    }

    #[test]
    fn addresses_of_the_command_line_end_with_status_2_if_one_has_no_route() {
        for json in [false, true] {
            let mut fake = fake();
            let mut text = Vec::new();
            let addresses = ["a", "none", "b"].map(ToString::to_string);
            let out = &mut Output::new(&mut text, json);
            let status = super::addresses(&mut Device::new(&mut fake), &addresses, out);
            assert_eq!(status.expect("answered"), Status::Refused);
            let text = String::from_utf8(text).expect("text");
            assert_eq!(text.contains("null"), json, "{text}");
            assert!(
                text.contains("10.0.0.0/8") && text.contains("::/0"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_bad_address_of_the_command_line_is_the_kernels_no() {
        let mut fake = fake();
        let out = &mut Output::new(Vec::new(), false);
        let result = super::addresses(&mut Device::new(&mut fake), &["bad".to_string()], out);
        assert_eq!(result.expect_err("refused").status(), Status::Refused);
    }
}
