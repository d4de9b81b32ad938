// SPDX-License-Identifier: GPL-2.0

//! `route get`: which route serves an address.

use std::io::{BufRead, Read, Write};

use nix::errno::Errno;

use crate::batch::Batch;
use crate::device::{text, Device};
use crate::error::{report, Error, Result, Status};
use crate::input::Input;
use crate::output::{Output, Routes};
use crate::words::command_line;

/// The addresses of the command line. One without a route is an error, but the others are answered.
pub fn each(
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
    device: &mut Device<impl Read + Write>,
    mut input: Input<impl BufRead>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut routes = out.routes()?;
    let mut batch = Batch::default();
    while let Some(line) = input.next_line()? {
        batch.push(&[b"get ", line.content], line.number);
        if batch.is_full() {
            ask(device, &batch, input.name(), &mut routes)?;
            batch.clear();
        }
    }
    ask(device, &batch, input.name(), &mut routes)?;
    routes.finish()?;
    Ok(Status::Done)
}

/// Sends a batch of `get` lines, each of which has one answer. "No route" is an error to the device;
/// it interrupts the batch, which goes on behind the line.
fn ask(
    device: &mut Device<impl Read + Write>,
    batch: &Batch,
    file: &str,
    routes: &mut Routes<'_, impl Write>,
) -> Result<()> {
    let mut answers = Vec::new();
    let mut sent = 0;
    while sent < batch.bytes().len() {
        answers.clear();
        let refused = device.submit(&batch.bytes()[sent..], &mut answers)?;
        let end = refused
            .as_ref()
            .map_or(batch.bytes().len(), |refused| sent + refused.accepted);
        let asked = batch.lines_in(sent..end);
        print(&answers, asked, routes)?;
        sent = match refused {
            None => end,
            Some(refused) if refused.refusal.errno == Errno::ENETUNREACH => {
                routes.push_none()?;
                batch.end_of_line(end)
            }
            Some(refused) => return Err(batch.error(file, end, refused.refusal, None)),
        };
    }
    Ok(())
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
    }

    fn ask_file(mut fake: Fake, json: bool, file: &str) -> (Result<Status>, String) {
        let mut text = Vec::new();
        let input = Input::new("addresses", file.as_bytes());
        let status = batch(
            &mut Device::new(&mut fake),
            input,
            &mut Output::new(&mut text, json),
        );
        (status, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn every_line_is_answered_in_order() {
        let (status, text) = ask_file(fake(), false, "none\na\n\nnone\nnone\n# why\nb\nnone");
        assert_eq!(status.expect("answered"), Status::Done);
        assert_eq!(
            text,
            "none\n10.0.0.0/8 dev a\nnone\nnone\n::/0 dev b\nnone\n"
        );
    }

    #[test]
    fn json_answers_keep_the_places() {
        let (status, text) = ask_file(fake(), true, "a\nnone\nb\n");
        assert_eq!(status.expect("answered"), Status::Done);
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document[0]["dst"], "10.0.0.0/8");
        assert!(document[1].is_null());
        assert_eq!(document[2]["dst"], "::/0");
    }

    #[test]
    fn many_lines_in_short_writes_are_all_answered() {
        let fake = fake().move_at_most(1000).interrupt_every(3);
        let (status, text) = ask_file(fake, false, &"a\nnone\nb\n".repeat(2000));
        assert_eq!(status.expect("answered"), Status::Done);
        assert_eq!(text, "10.0.0.0/8 dev a\nnone\n::/0 dev b\n".repeat(2000));
    }

    #[test]
    fn a_bad_address_is_named_by_its_line() {
        let (status, text) = ask_file(fake(), false, "a\n\nbad\nb\n");
        let error = status.expect_err("bad is refused").to_string();
        assert_eq!(error, "addresses:3: bad: not an address (EINVAL)");
        assert_eq!(text, "10.0.0.0/8 dev a\n");
    }

    #[test]
    fn answers_that_do_not_fit_the_queries_are_noticed() {
        for answer in ["", "::/0 dev a\n::/0 dev b\n"] {
            let fake = fake().answer("get odd", answer);
            let (status, _) = ask_file(fake, false, "a\nodd\nb\n");
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
            let status = each(&mut Device::new(&mut fake), &addresses, out);
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
        let result = each(&mut Device::new(&mut fake), &["bad".to_string()], out);
        assert_eq!(result.expect_err("refused").status(), Status::Refused);
    }
}
