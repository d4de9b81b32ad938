// SPDX-License-Identifier: GPL-2.0

//! `route load`: a file of routes into the table.

use std::io::{BufRead, Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::batch::Batch;
use crate::device::Device;
use crate::error::{Error, Result, Status};
use crate::input::Input;
use crate::output::Output;
use crate::progress::Progress;

/// Loads `input`. Lines of it are the device's changes: routes, and also `del`, `replace` and so on.
pub fn run(
    device: &mut Device<impl Read + Write>,
    mut input: Input<impl BufRead>,
    replace: bool,
    mut progress: Progress,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let start = Instant::now();
    let loaded = copy(device, &mut input, replace, &mut progress);
    // Also before an error, which must not be printed into the bar.
    progress.finish();
    let loaded = loaded?;
    summarize(loaded, start.elapsed(), out)?;
    Ok(Status::Done)
}

/// Sends all lines and counts them.
fn copy(
    device: &mut Device<impl Read + Write>,
    input: &mut Input<impl BufRead>,
    replace: bool,
    progress: &mut Progress,
) -> Result<u64> {
    let mut batch = Batch::default();
    let mut loaded = 0;
    while let Some(line) = input.next_line()? {
        let number = line.number;
        match change(line.content, replace) {
            Change::AsIs => batch.push(&[line.content], number),
            Change::Replace(route) => batch.push(&[b"replace ", route], number),
            Change::Query(word) => {
                let word = String::from_utf8_lossy(word).into_owned();
                loaded += send(device, &batch, input.name(), loaded)?;
                return Err(Error::Usage(format!(
                    "{}:{number}: {word} changes no route and cannot be loaded\n\
                     {loaded} lines before it were applied.",
                    input.name()
                )));
            }
        }
        if batch.is_full() {
            loaded += send(device, &batch, input.name(), loaded)?;
            batch.clear();
            progress.update(input.read(), loaded);
        }
    }
    loaded += send(device, &batch, input.name(), loaded)?;
    progress.update(input.read(), loaded);
    Ok(loaded)
}

/// What becomes of a line of the file.
#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    AsIs,
    Replace(&'a [u8]),
    Query(&'a [u8]),
}

fn change(line: &[u8], replace: bool) -> Change<'_> {
    let end = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    match &line[..end] {
        // Their answers would go nowhere.
        word @ (b"get" | b"show" | b"list" | b"stats" | b"help") => Change::Query(word),
        _ if !replace => Change::AsIs,
        b"add" => Change::Replace(line[end..].trim_ascii_start()),
        word if starts_route(word) => Change::Replace(line),
        _ => Change::AsIs,
    }
}

/// Whether a line whose first word this is means `add` without saying so.
fn starts_route(word: &[u8]) -> bool {
    matches!(
        word,
        b"blackhole" | b"unreachable" | b"prohibit" | b"default"
    ) || word.first().is_some_and(u8::is_ascii_digit)
        || word.iter().any(|byte| matches!(byte, b'/' | b':'))
}

/// Sends one batch; returns how many lines it held.
fn send(
    device: &mut Device<impl Read + Write>,
    batch: &Batch,
    file: &str,
    loaded: u64,
) -> Result<u64> {
    match device.submit(batch.bytes(), &mut Vec::new())? {
        None => Ok(batch.lines()),
        Some(refused) => {
            let applied = loaded + batch.lines_in(0..refused.accepted) as u64;
            Err(batch.error(file, refused.accepted, refused.refusal, Some(applied)))
        }
    }
}

fn summarize(loaded: u64, elapsed: Duration, out: &mut Output<impl Write>) -> Result<()> {
    let seconds = elapsed.as_secs_f64();
    let rate = (loaded as f64 / seconds.max(1e-9)).round();
    if out.json() {
        return out.document(&json!({
            "loaded": loaded,
            "seconds": (seconds * 1e6).round() / 1e6,
            "routes_per_second": rate as u64,
        }));
    }
    out.line(&format!(
        "loaded {loaded} routes in {seconds:.2} s ({rate} routes/s)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use nix::errno::Errno;

    fn load(fake: &mut Fake, replace: bool, json: bool, file: &str) -> Result<String> {
        let mut text = Vec::new();
        let input = Input::new("routes", file.as_bytes());
        let out = &mut Output::new(&mut text, json);
        run(
            &mut Device::new(fake),
            input,
            replace,
            Progress::hidden(),
            out,
        )?;
        Ok(String::from_utf8(text).expect("text"))
    }

    #[test]
    fn lines_arrive_without_comments_and_blanks() {
        let mut fake = Fake::new();
        let long = "x".repeat(1000);
        let file = format!("# {long}\n10.0.0.0/8 dev a # why\n\n  add ::/0\ndel 1.0.0.0/8");
        let summary = load(&mut fake, false, false, &file).expect("loaded");
        assert_eq!(
            fake.happened,
            ["10.0.0.0/8 dev a", "add ::/0", "del 1.0.0.0/8"]
        );
        assert!(summary.starts_with("loaded 3 routes in "), "{summary}");
        assert!(summary.ends_with(" routes/s)\n"), "{summary}");
    }

    #[test]
    fn replace_turns_routes_and_adds_only() {
        for (line, sent) in [
            ("10.0.0.0/8", "replace 10.0.0.0/8"),
            ("fd00::1 dev a", "replace fd00::1 dev a"),
            ("add\t::/0", "replace ::/0"),
            ("blackhole fd00::/8", "replace blackhole fd00::/8"),
            ("default dev a", "replace default dev a"),
            ("change ::/0", "change ::/0"),
            ("replace ::/0", "replace ::/0"),
            ("del ::/0", "del ::/0"),
            ("flush", "flush"),
        ] {
            let mut fake = Fake::new();
            load(&mut fake, true, false, line).expect("loaded");
            assert_eq!(fake.happened, [sent]);
        }
    }

    #[test]
    fn a_bad_line_is_named_by_the_files_number() {
        let mut fake = Fake::new().refuse("bad", Errno::EINVAL, "bad: host bits set");
        let error = load(&mut fake, false, false, "# head\na\n\nb\nbad\nc\n").expect_err("bad");
        assert_eq!(
            error.to_string(),
            "routes:5: bad: host bits set (EINVAL)\n2 lines before it were applied."
        );
        assert_eq!(error.status(), Status::Failed);
        assert_eq!(fake.happened, ["a", "b"]);
    }

    #[test]
    fn a_bad_first_line_says_that_nothing_happened() {
        let mut fake = Fake::new().table(&["::/0"]).refuse("bad", Errno::EPERM, "");
        let error = load(&mut fake, false, false, "bad\na\n")
            .expect_err("bad")
            .to_string();
        assert!(error.starts_with("routes:1: bad: "), "{error}");
        assert!(
            error.contains("sudo") && error.contains("No line was applied"),
            "{error}"
        );
        assert!(fake.happened.is_empty());
    }

    #[test]
    fn a_bad_line_is_found_in_any_batch() {
        let mut fake = Fake::new()
            .refuse("bad", Errno::EEXIST, "bad: exists")
            .move_at_most(5000)
            .interrupt_every(5);
        let file = "10.0.0.0/8\n".repeat(20_000) + "bad\n" + &"a\n".repeat(10_000);
        let error = load(&mut fake, false, false, &file).expect_err("bad");
        assert!(
            matches!(
                &error,
                Error::Line {
                    line: 20_001,
                    applied: Some(20_000),
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(fake.happened.len(), 20_000);
    }

    #[test]
    fn queries_are_not_loaded() {
        let mut fake = Fake::new();
        let error = load(&mut fake, false, false, "a\nshow inet\n").expect_err("a query");
        assert!(error.to_string().starts_with("routes:2: show "), "{error}");
        assert_eq!(fake.happened, ["a"]);
    }

    #[test]
    fn json_has_numbers() {
        let text = load(&mut Fake::new(), false, true, "a\nb\n").expect("loaded");
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document["loaded"], 2);
        assert!(
            document["seconds"].is_f64() && document["routes_per_second"].is_u64(),
            "{text}"
        );
    }

    #[test]
    fn an_empty_file_loads_nothing() {
        let mut fake = Fake::new();
        load(&mut fake, false, false, "# nothing\n").expect("loaded");
        assert!(fake.happened.is_empty());
    }
}
