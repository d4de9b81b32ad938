// SPDX-License-Identifier: GPL-2.0

//! `route add`, `change`, `replace` and `del`: send one line, which has no answer.

use std::io::{Read, Write};

use nix::errno::Errno;
use serde_json::json;

use crate::device::{grammar, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::route::command_line::command_line;
use crate::route::words::check_route;

/// Opens the device after checking the words. `command` may have several words.
pub fn run<S: Read + Write>(
    open: impl FnOnce() -> Result<Device<S>>,
    command: &str,
    words: &[String],
    out: &mut Output<impl Write>,
) -> Result<Status> {
    check_route(words)?;
    let line = command_line(command, words)?;
    match open()?.command(&line) {
        // `ip` itself refuses such a line, with the exit status 1.
        Err(Error::Refused(refusal))
            if refusal.errno == Errno::EINVAL && grammar::is_bad_word(&line) =>
        {
            return Err(Error::Usage(refusal.message))
        }
        result => result?,
    }
    if out.json() {
        out.document(&json!({ "applied": 1 }))?;
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(ToString::to_string).collect()
    }

    #[test]
    fn words_are_sent_as_one_line() {
        let mut fake = Fake::new();
        let mut text = Vec::new();
        let status = run(
            || Ok(Device::new(&mut fake)),
            "add",
            &words("10.0.0.0/8 via 10.0.0.1"),
            &mut Output::new(&mut text, true),
        );
        assert_eq!(status.expect("accepted"), Status::Done);
        assert_eq!(fake.executed, ["add 10.0.0.0/8 via 10.0.0.1"]);
        assert_eq!(text, b"{\"applied\":1}\n");
    }

    #[test]
    fn a_bad_gateway_or_metric_is_a_usage_error_before_the_device_is_opened() {
        for words in [
            words("default via fe80::21bc6"),
            words("default dev a metric -1"),
        ] {
            let open = || -> Result<Device<Fake>> { panic!("the device was opened") };
            let out = &mut Output::new(Vec::new(), false);
            let error = run(open, "add", &words, out).expect_err("a bad word");
            assert_eq!(error.status(), Status::Failed, "{error}");
        }
    }

    #[test]
    fn a_word_that_ip_would_refuse_has_the_exit_status_of_ip() {
        for (line, status) in [
            ("10.5.0.0/33 dev a", Status::Failed),
            ("10.5.0.0/16 dev a frobnicate", Status::Failed),
            ("10.5.0.0/16 dev", Status::Failed),
            // The kernel refuses these for `ip`.
            ("10.5.0.1/16 dev a", Status::Refused),
            ("10.5.0.0/16", Status::Refused),
            // A newer device may refuse what this program's parser accepts.
            ("10.5.0.0/16 dev a", Status::Refused),
        ] {
            let fake = Fake::new().refuse(&format!("add {line}"), Errno::EINVAL, "why");
            let out = &mut Output::new(Vec::new(), false);
            let result = run(|| Ok(Device::new(fake)), "add", &words(line), out);
            let error = result.expect_err(line);
            assert_eq!(error.status(), status, "{line}");
            assert!(error.to_string().starts_with("why"), "{error}");
        }
    }

    #[test]
    fn a_refused_change_prints_no_result() {
        let mut fake = Fake::new().refuse("del x", Errno::ESRCH, "x: no such route");
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, true);
        let result = run(|| Ok(Device::new(&mut fake)), "del", &words("x"), out);
        assert!(matches!(result, Err(Error::Refused(refusal)) if refusal.errno == Errno::ESRCH));
        assert!(text.is_empty());
    }
}
