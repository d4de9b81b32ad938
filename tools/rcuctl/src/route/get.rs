// SPDX-License-Identifier: GPL-2.0

//! `route get`: prints the route that serves an address.

use std::io::{BufRead, Read, Write};
use std::net::IpAddr;
use std::ops::Range;

use nix::errno::Errno;

use super::batch::Batch;
use super::words;
use crate::cli::Family;
use crate::device::transport::Transport;
use crate::device::uapi::{self, Address};
use crate::device::{grammar, text, wire, Device};
use crate::error::{report, Error, Result, Status};
use crate::input::{Input, Line};
use crate::output::{Output, RouteList};

/// Parses the words after `get`: addresses, and the words `to` and `fibmatch` of `ip route get`,
/// which here change nothing.
pub fn parse(words: &[String], family: Option<Family>) -> Result<Vec<IpAddr>> {
    let words = words.iter().map(String::as_str);
    let addresses = words.filter(|word| !matches!(*word, "to" | "fibmatch"));
    addresses.map(|word| words::address(word, family)).collect()
}

/// Looks up addresses. Reports an address without a route as an error and continues.
pub fn addresses(
    device: &mut Device<impl Read + Write>,
    addresses: &[IpAddr],
    long: bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let json = out.json();
    let mut routes = out.routes(long)?;
    let result = look_up(device, addresses, json, &mut routes);
    // Completes the JSON document after an error, too.
    routes.finish()?;
    result
}

fn look_up(
    device: &mut Device<impl Read + Write>,
    addresses: &[IpAddr],
    json: bool,
    routes: &mut RouteList<'_, impl Write>,
) -> Result<Status> {
    let mut status = Status::Done;
    for address in addresses {
        match device.command(&format!("get {address}\n")) {
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
    Ok(status)
}

/// Looks up the addresses of a file, one per line. Prints a route or `none` for each, in order.
pub fn batch(
    device: &mut Device<impl Transport>,
    mut input: Input<impl BufRead>,
    long: bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut queries = Queries {
        max_lookups: device.max_lookups(),
        file: input.name().to_string(),
        device,
        lines: Batch::default(),
        addresses: Vec::new(),
        found: Vec::new(),
        routes: out.routes(long)?,
    };
    let result = queries.send_all(&mut input);
    // Completes the JSON document after an error, too.
    queries.routes.finish()?;
    result.map(|()| Status::Done)
}

/// Collects addresses and looks them up in batches.
struct Queries<'a, C, W> {
    device: &'a mut Device<C>,
    /// The number of addresses per ioctl; `None` if the device has no ioctls.
    max_lookups: Option<usize>,
    file: String,
    /// The `get` lines to send.
    lines: Batch,
    /// The addresses of the first lines. Further lines have no address and must be sent as text.
    addresses: Vec<Address>,
    found: Vec<uapi::Route>,
    routes: RouteList<'a, W>,
}

impl<C: Transport, W: Write> Queries<'_, C, W> {
    fn send_all(&mut self, input: &mut Input<impl BufRead>) -> Result<()> {
        while let Some(line) = input.next_line()? {
            self.push(&line)?;
        }
        self.send()
    }

    fn push(&mut self, line: &Line<'_>) -> Result<()> {
        self.lines.push(&[b"get ", line.content], line.number);
        let is_full = match self.max_lookups {
            None => false,
            Some(max_lookups) => {
                let address = grammar::address(line.content);
                self.addresses.extend(address.map(wire::address));
                address.is_none() || self.addresses.len() >= max_lookups
            }
        };
        if is_full || self.lines.is_full() {
            self.send()?;
        }
        Ok(())
    }

    /// Looks up the addresses by ioctl and the remaining lines as text.
    fn send(&mut self) -> Result<()> {
        let mut line = 0;
        self.found
            .resize(self.addresses.len(), uapi::Route::default());
        while line < self.addresses.len() {
            let (addresses, found) = (&self.addresses[line..], &mut self.found[line..]);
            let lookup = self.device.lookup(addresses, found);
            for route in &found[..lookup.done.min(addresses.len())] {
                print_found(route, &mut self.routes)?;
                line += 1;
            }
            // Sent as text, the lookup gets an answer or an explained refusal.
            if lookup.result.is_err() || lookup.done == 0 {
                self.send_text(line..line + 1)?;
                line += 1;
            }
        }
        self.send_text(line..self.lines.len())?;
        self.lines.clear();
        self.addresses.clear();
        Ok(())
    }

    /// Sends `get` lines, each of which has one answer. The device refuses an address without a
    /// route; this function then continues with the next line.
    fn send_text(&mut self, lines: Range<usize>) -> Result<()> {
        let mut answers = Vec::new();
        let mut next = lines.start;
        while next < lines.end {
            answers.clear();
            let text = self.lines.text(next..lines.end);
            let refused = self.device.submit(text, &mut answers)?;
            let answered = match &refused {
                None => lines.end - next,
                Some(refused) => self.lines.lines_in(next, refused.accepted),
            };
            print_answers(&answers, answered, &mut self.routes)?;
            next += answered;
            match refused {
                None => {}
                Some(refused) if refused.refusal.errno == Errno::ENETUNREACH => {
                    self.routes.push_none()?;
                    next += 1;
                }
                Some(refused) => {
                    return Err(self.lines.error(&self.file, next, refused.refusal, None));
                }
            }
        }
        Ok(())
    }
}

/// Prints the result of an ioctl in the format of the device's text.
fn print_found(found: &uapi::Route, routes: &mut RouteList<'_, impl Write>) -> Result<()> {
    if found.kind == uapi::TYPE_NONE {
        return routes.push_none();
    }
    let route = wire::decode(found)
        .ok_or_else(|| Error::Protocol(format!("expected a route, found {found:?}")))?;
    routes.push(&route.to_string())
}

/// Prints the answers to `queries` lines. A missing answer would shift those that follow, so it is
/// an error.
fn print_answers(
    answers: &[u8],
    queries: usize,
    routes: &mut RouteList<'_, impl Write>,
) -> Result<()> {
    let mut lines = 0;
    for line in text(answers)?.lines() {
        lines += 1;
        routes.push(line)?;
    }
    if lines == queries {
        Ok(())
    } else {
        Err(Error::Protocol(format!(
            "expected {queries} answers, found {lines}"
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

    /// A device without ioctls, and one with.
    fn fakes() -> [Fake; 2] {
        [fake(), fake().ioctls(3)]
    }

    fn get_batch(fake: &mut Fake, json: bool, file: &str) -> (Result<Status>, String) {
        let mut text = Vec::new();
        let input = Input::new("addresses", file.as_bytes());
        let status = batch(
            &mut Device::new(fake),
            input,
            true,
            &mut Output::new(&mut text, json),
        );
        (status, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn ioctl_and_text_print_the_same_routes() {
        for json in [false, true] {
            let [mut slow, mut fast] = fakes();
            let file = "1.1.1.1\n10.1.1.1 # why\n\n::1\na\n::1\nnone\n1.1.1.1\n".repeat(3);
            let (status, text) = get_batch(&mut slow, json, &file);
            assert_eq!(status.expect("answered"), Status::Done);
            let (status, same) = get_batch(&mut fast, json, &file);
            assert_eq!(status.expect("answered"), Status::Done);
            assert_eq!(same, text);
            assert_eq!((slow.by_ioctl, fast.by_ioctl), (0, 15));
        }
    }

    #[test]
    fn no_address_is_lost_when_a_lookup_is_interrupted_or_refused() {
        let mut fast = fake().ioctls(100).signal_after(1);
        let (status, text) = get_batch(&mut fast, false, "::1\n1.1.1.1\n2.2.2.2\n::1\n");
        let error = status.expect_err("2.2.2.2 is refused").to_string();
        assert_eq!(error, "addresses:3: out of memory (ENOMEM)");
        assert_eq!(text, "blackhole ::/0\nnone\n");
    }

    #[test]
    fn each_address_gets_a_route_or_none_in_order() {
        let (status, text) = get_batch(&mut fake(), false, "none\na\n\nnone\nnone\n# why\nb\nnone");
        assert_eq!(status.expect("answered"), Status::Done);
        assert_eq!(
            text,
            "none\n10.0.0.0/8 dev a\nnone\nnone\n::/0 dev b\nnone\n"
        );
    }

    #[test]
    fn json_has_null_for_an_address_without_route() {
        let (status, text) = get_batch(&mut fake(), true, "a\nnone\nb\n");
        assert_eq!(status.expect("answered"), Status::Done);
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document[0]["dst"], "10.0.0.0/8");
        assert!(document[1].is_null());
        assert_eq!(document[2]["dst"], "::/0");
    }

    #[test]
    fn all_addresses_are_answered_after_short_writes_and_eintr() {
        let mut fake = fake().limit_transfers(1000).interrupt_every(3);
        let (status, text) = get_batch(&mut fake, false, &"a\nnone\nb\n".repeat(2000));
        assert_eq!(status.expect("answered"), Status::Done);
        assert_eq!(text, "10.0.0.0/8 dev a\nnone\n::/0 dev b\n".repeat(2000));
    }

    #[test]
    fn an_invalid_address_is_named_by_its_line() {
        for mut fake in fakes() {
            let (status, text) = get_batch(&mut fake, false, "::1\n\nbad\nb\n");
            let error = status.expect_err("bad is refused").to_string();
            assert_eq!(error, "addresses:3: bad: not an address (EINVAL)");
            assert_eq!(text, "blackhole ::/0\n");
        }
    }

    #[test]
    fn a_missing_or_extra_answer_is_a_protocol_error() {
        for answer in ["", "::/0 dev a\n::/0 dev b\n"] {
            let mut fake = fake().answer("get odd", answer);
            let (status, _) = get_batch(&mut fake, false, "a\nodd\nb\n");
            assert!(matches!(status, Err(Error::Protocol(_))), "{answer:?}");
        }
    }

    #[test]
    fn json_is_a_valid_document_after_a_bad_line() {
        for mut fake in fakes() {
            let (status, text) = get_batch(&mut fake, true, "::1\nbad\n::1\n");
            assert_eq!(status.expect_err("bad").status(), Status::Failed);
            let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
            assert_eq!(document[0]["dst"], "::/0");
            assert_eq!(document.as_array().map(Vec::len), Some(1));
        }
    }

    fn get(fake: &mut Fake, words: &str, json: bool) -> (Result<Status>, String) {
        let words: Vec<_> = words.split(' ').map(str::to_string).collect();
        let addresses = parse(&words, None).expect("addresses");
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, json);
        let status = super::addresses(&mut Device::new(fake), &addresses, false, out);
        (status, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn an_address_without_route_makes_the_status_2() {
        for json in [false, true] {
            let (status, text) = get(&mut fake(), "10.1.1.1 1.1.1.1 to ::1", json);
            assert_eq!(status.expect("answered"), Status::Refused);
            assert_eq!(text.contains("null"), json, "{text}");
            assert!(
                text.contains("10.0.0.0/8") && text.contains("default"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_failed_get_leaves_a_valid_document() {
        let (status, text) = get(&mut fake(), "::1 2.2.2.2", true);
        assert_eq!(status.expect_err("ENOMEM").status(), Status::Refused);
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document[0]["dst"], "default");
    }

    #[test]
    fn a_word_that_is_no_address_is_a_usage_error() {
        for word in ["300.1.1.1", "10.1.1.0/24", "fe80::1%eth0"] {
            let error = parse(&[word.to_string()], None).expect_err("no address");
            assert_eq!(error.status(), Status::Failed);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
