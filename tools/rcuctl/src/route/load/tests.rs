// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::fake::Fake;
use nix::errno::Errno;
use std::cell::Cell;
use std::io::{BufReader, Read};

const PLAIN: Options = Options {
    atomicity: Atomicity::Line,
    overwrite: false,
};
const OVERWRITE: Options = Options {
    overwrite: true,
    ..PLAIN
};
const ATOMIC: Options = Options {
    atomicity: Atomicity::File,
    ..PLAIN
};
const RELOAD: Options = Options {
    atomicity: Atomicity::Table,
    ..PLAIN
};

fn output(fake: &mut Fake, options: Options, json: bool, file: &str) -> Result<String> {
    let mut text = Vec::new();
    let input = Input::new("routes", file.as_bytes());
    let out = &mut Output::new(&mut text, json);
    run(
        &mut Device::new(fake),
        input,
        options,
        Progress::hidden(),
        &|| false,
        out,
    )?;
    Ok(String::from_utf8(text).expect("text"))
}

fn load(fake: &mut Fake, options: Options, file: &str) -> Result<String> {
    output(fake, options, false, file)
}

/// A device without ioctls, and one with.
fn fakes() -> [Fake; 2] {
    [Fake::new(), Fake::new().ioctls(3)]
}

#[test]
fn lines_are_sent_without_comments_and_blanks() {
    let long = "x".repeat(1000);
    let file = format!("# {long}\n10.0.0.0/8 dev a # why\n\n  add ::/0 dev a\ndel 1.0.0.0/8");
    let mut text = Fake::new();
    let summary = load(&mut text, PLAIN, &file).expect("loaded");
    assert_eq!(
        text.executed,
        ["10.0.0.0/8 dev a", "add ::/0 dev a", "del 1.0.0.0/8"]
    );
    assert!(summary.starts_with("loaded 3 routes in "), "{summary}");
    assert!(summary.ends_with(" routes/s)\n"), "{summary}");

    let mut fast = Fake::new().ioctls(100);
    load(&mut fast, PLAIN, &file).expect("loaded");
    assert_eq!(
        fast.executed,
        ["10.0.0.0/8 dev a", "::/0 dev a", "del 1.0.0.0/8"]
    );
    assert_eq!(fast.by_ioctl, 3);
}

#[test]
fn loading_does_not_read_the_table() {
    for fake in fakes() {
        let mut fake = fake.table(&["::/0 dev a"]).fail_read_after(0);
        load(&mut fake, PLAIN, "# nothing\n").expect("loaded");
    }
    let mut fast = Fake::new().ioctls(3).fail_read_after(0);
    load(&mut fast, PLAIN, "::/0 dev a\n").expect("loaded");
}

#[test]
fn a_device_without_the_update_feature_gets_text() {
    let mut fake = Fake::new().ioctls(100).without_features();
    load(&mut fake, PLAIN, "10.0.0.0/8 dev a\n").expect("loaded");
    assert_eq!((fake.executed.len(), fake.by_ioctl), (1, 0));
}

#[test]
fn overwrite_turns_only_added_routes_into_replace() {
    for (line, sent, fast) in [
        ("10.0.0.0/8 dev a", "replace 10.0.0.0/8 dev a", None),
        (
            "fd00::1 dev a",
            "replace fd00::1 dev a",
            Some("replace fd00::1/128 dev a"),
        ),
        ("add\t::/0 dev a", "replace ::/0 dev a", None),
        ("blackhole fd00::/8", "replace blackhole fd00::/8", None),
        (
            "default dev a",
            "replace default dev a",
            Some("replace 0.0.0.0/0 dev a"),
        ),
        ("change ::/0 dev a", "change ::/0 dev a", None),
        ("replace ::/0 dev a", "replace ::/0 dev a", None),
        ("del ::/0", "del ::/0", None),
        ("flush", "flush", None),
    ] {
        let mut text = Fake::new();
        load(&mut text, OVERWRITE, line).expect("loaded");
        assert_eq!(text.executed, [sent]);
        let mut ioctl = Fake::new().ioctls(100);
        load(&mut ioctl, OVERWRITE, line).expect("loaded");
        assert_eq!(
            (&ioctl.executed[..], ioctl.by_ioctl),
            (&[fast.unwrap_or(sent).to_string()][..], 1)
        );
    }
}

#[test]
fn an_invalid_line_is_named_by_its_number_in_the_file() {
    for fake in fakes() {
        let mut fake = fake.refuse("bad", Errno::EINVAL, "bad: host bits set");
        let file = "# head\n1.0.0.0/8 dev a\n\n2.0.0.0/8 dev a\nbad\n3.0.0.0/8 dev a\n";
        let error = load(&mut fake, PLAIN, file).expect_err("bad");
        assert_eq!(
            error.to_string(),
            "routes:5: bad: host bits set (EINVAL)\n2 lines before it were applied."
        );
        assert_eq!(error.status(), Status::Failed);
        assert_eq!(fake.executed, ["1.0.0.0/8 dev a", "2.0.0.0/8 dev a"]);
    }
}

#[test]
fn a_refused_operation_has_the_message_of_the_kernel() {
    for fake in fakes() {
        let line = "4.0.0.0/8 dev a";
        let mut fake = fake.refuse(line, Errno::EEXIST, "4.0.0.0/8: route exists");
        let file =
            "1.0.0.0/8 dev a\n\n2.0.0.0/8 dev a\n3.0.0.0/8 dev a\n4.0.0.0/8 dev a\n::/0 dev a";
        let error = load(&mut fake, PLAIN, file).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "routes:5: 4.0.0.0/8: route exists (EEXIST)\n3 lines before it were applied."
        );
        assert_eq!(fake.executed.len(), 3);
    }
}

#[test]
fn lines_without_operation_are_sent_in_order() {
    let mut fake = Fake::new().ioctls(100);
    let file = "1.0.0.0/8 dev a\nfrobnicate\n2.0.0.0/8 dev a\n3.0.0.0/8 dev a\n";
    load(&mut fake, PLAIN, file).expect("accepted by a newer device");
    let expected = [
        "1.0.0.0/8 dev a",
        "frobnicate",
        "2.0.0.0/8 dev a",
        "3.0.0.0/8 dev a",
    ];
    assert_eq!(
        (&fake.executed[..], fake.by_ioctl),
        (&expected.map(String::from)[..], 3)
    );
}

#[test]
fn no_line_is_lost_when_ioctls_are_interrupted_or_fail() {
    let lines = (0..100).map(|i| format!("10.0.{i}.0/24 dev a\n"));
    let file = lines.collect::<Vec<_>>().concat();
    let signals = Fake::new().ioctls(7).signal_after(2);
    let broken = Fake::new().ioctls(7).fail_update(Errno::ENOMEM);
    for (mut fake, by_ioctl) in [(signals, 100), (broken, 0)] {
        load(&mut fake, PLAIN, &file).expect("loaded");
        assert_eq!(fake.executed.join("\n") + "\n", file);
        assert_eq!(fake.by_ioctl, by_ioctl);
    }
}

#[test]
fn a_refused_first_line_says_that_no_line_was_applied() {
    let mut fake = Fake::new().table(&["::/0"]).refuse("bad", Errno::EPERM, "");
    let error = load(&mut fake, PLAIN, "bad\na\n")
        .expect_err("bad")
        .to_string();
    assert!(error.starts_with("routes:1: bad: "), "{error}");
    assert!(
        error.contains("sudo") && error.contains("No line was applied"),
        "{error}"
    );
    assert!(fake.executed.is_empty());
}

#[test]
fn an_invalid_line_is_named_in_a_later_batch() {
    let fakes = [
        Fake::new().limit_transfers(5000).interrupt_every(5),
        Fake::new().ioctls(900).limit_transfers(2),
    ];
    for fake in fakes {
        let mut fake = fake.refuse("bad", Errno::EEXIST, "bad: exists");
        let file = "10.0.0.0/8 dev a\n".repeat(20_000) + "bad\n" + &"::/0 dev a\n".repeat(10_000);
        let error = load(&mut fake, PLAIN, &file).expect_err("bad");
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
        assert_eq!(fake.executed.len(), 20_000);
    }
}

#[test]
fn a_query_in_the_file_is_an_error() {
    for mut fake in fakes() {
        let error = load(&mut fake, PLAIN, "::/0 dev a\nshow inet\n").expect_err("a query");
        assert!(error.to_string().starts_with("routes:2: show "), "{error}");
        assert!(error.to_string().contains("\n1 line before"), "{error}");
        assert_eq!(fake.executed, ["::/0 dev a"]);
    }
}

#[test]
fn atomic_and_replace_make_the_file_one_transaction() {
    for (options, begin) in [(ATOMIC, "begin"), (RELOAD, "begin reload")] {
        for mut fake in fakes() {
            let summary = load(&mut fake, options, "::/0 dev a\ndel ::/0\n").expect("loaded");
            assert!(summary.starts_with("loaded 2 routes in "), "{summary}");
            assert_eq!(fake.executed, [begin, "::/0 dev a", "del ::/0", "commit"]);
        }
    }
}

#[test]
fn a_failed_commit_of_atomic_names_the_line_of_the_file() {
    for fake in fakes() {
        let mut fake = fake.refuse_commit(4, Errno::EEXIST, "5.0.0.0/8: route exists");
        let lines = (1..8).map(|i| format!("{i}.0.0.0/8 dev a\n\n"));
        let file = lines.collect::<Vec<_>>().concat();
        let error = load(&mut fake, ATOMIC, &file).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "routes:9: 5.0.0.0/8: route exists (EEXIST)\nNo line was applied."
        );
    }
}

#[test]
fn a_commit_that_fails_without_a_line_is_refused() {
    for fake in fakes() {
        let mut fake = fake.refuse_commit(100, Errno::ENOMEM, "out of memory");
        let error = load(&mut fake, ATOMIC, "::/0 dev a\n").expect_err("refused");
        assert_eq!(error.status(), Status::Refused);
        assert!(
            error.to_string().ends_with("out of memory (ENOMEM)"),
            "{error}"
        );
    }
}

#[test]
fn an_invalid_line_aborts_the_transaction() {
    for options in [ATOMIC, RELOAD] {
        for fake in fakes() {
            let mut fake = fake.refuse("bad", Errno::EINVAL, "bad: unknown word");
            let error = load(&mut fake, options, "::/0 dev a\nbad\n").expect_err("bad");
            assert_eq!(
                error.to_string(),
                "routes:2: bad: unknown word (EINVAL)\nNo line was applied."
            );
            assert_eq!(fake.executed[1..], ["::/0 dev a", "abort"]);
        }
    }
}

#[test]
fn atomic_is_a_usage_error_on_a_module_without_transactions() {
    let mut fake = Fake::new().refuse("begin", Errno::EINVAL, "begin: unknown word");
    let error = load(&mut fake, ATOMIC, "::/0 dev a\n").expect_err("refused");
    assert!(
        error.to_string().contains("too old for --atomic"),
        "{error}"
    );
    assert!(fake.executed.is_empty());
}

#[test]
fn a_file_may_contain_transactions() {
    for mut fake in fakes() {
        let file = "::/0 dev a\nbegin\n::/1 dev a\ncommit\nbegin\nabort\n::/2 dev a\n";
        let summary = load(&mut fake, PLAIN, file).expect("loaded");
        assert!(summary.starts_with("loaded 3 routes in "), "{summary}");
        // Lines of a transaction in the file are sent as text.
        assert_eq!(fake.by_ioctl, if fake.has_ioctls() { 2 } else { 0 });
        assert_eq!(fake.executed.join("\n") + "\n", file);
    }
}

#[test]
fn a_failed_commit_in_the_file_names_the_line_of_the_file() {
    for fake in fakes() {
        let mut fake = fake.refuse_commit(1, Errno::EEXIST, "::/3: route exists");
        let file = "::/0 dev a\n::/1 dev a\n\nbegin\n::/2 dev a\n\n::/3 dev a\ncommit\n";
        let error = load(&mut fake, PLAIN, file).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "routes:7: ::/3: route exists (EEXIST)\n2 lines before it were applied."
        );
    }
}

#[test]
fn aborted_lines_do_not_count_as_loaded() {
    let mut fake = Fake::new();
    let file = "::/0 dev a\nbegin\n::/1 dev a\nabort\n";
    let summary = load(&mut fake, PLAIN, file).expect("loaded");
    assert!(summary.starts_with("loaded 1 routes in "), "{summary}");
}

#[test]
fn begin_without_commit_is_an_error() {
    for mut fake in fakes() {
        let error = load(&mut fake, PLAIN, "::/0 dev a\nbegin\n::/1 dev a\n").expect_err("open");
        assert_eq!(
            error.to_string(),
            "routes:2: begin without commit: no line from here on was applied\n\
             1 line before it was applied."
        );
        assert_eq!(fake.executed.last().map(String::as_str), Some("abort"));
    }
}

#[test]
fn atomic_refuses_a_transaction_in_the_file() {
    for mut fake in fakes() {
        let error = load(&mut fake, ATOMIC, "::/0 dev a\ncommit\n").expect_err("nested");
        assert!(
            error.to_string().starts_with("routes:2: commit: "),
            "{error}"
        );
        assert!(!fake.executed.contains(&"commit".to_string()));
    }
}

#[test]
fn a_failed_read_of_the_file_aborts_the_transaction() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(Errno::EIO.into())
        }
    }
    let mut fake = Fake::new().ioctls(1);
    let file = BufReader::new("::/0 dev a\n".as_bytes().chain(Broken));
    let result = run(
        &mut Device::new(&mut fake),
        Input::new("routes", file),
        ATOMIC,
        Progress::hidden(),
        &|| false,
        &mut Output::new(Vec::new(), false),
    );
    let error = result.expect_err("EIO").to_string();
    assert!(error.starts_with("reading routes: "), "{error}");
    assert_eq!(fake.executed, ["begin", "::/0 dev a", "abort"]);
}

/// Loads a file of 3000 lines, and interrupts before the second chunk.
fn interrupted(fake: &mut Fake, options: Options) -> Error {
    let chunks = Cell::new(0);
    let is_interrupted = || chunks.replace(chunks.get() + 1) > 0;
    let file = "10.0.0.0/8 dev a\n".repeat(3000);
    let result = run(
        &mut Device::new(fake),
        Input::new("routes", file.as_bytes()),
        options,
        Progress::hidden(),
        &is_interrupted,
        &mut Output::new(Vec::new(), false),
    );
    result.expect_err("interrupted")
}

#[test]
fn an_interrupt_ends_the_load_and_names_the_routes_in_the_table() {
    for mut fake in [Fake::new(), Fake::new().ioctls(500)] {
        let error = interrupted(&mut fake, PLAIN);
        let count = fake.executed.len();
        assert!(count > 0 && count < 3000, "{count}");
        let expected = format!("interrupted after {count} routes, which are in the table");
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.status(), Status::Interrupted);
    }
}

#[test]
fn an_interrupt_aborts_the_transaction() {
    for options in [ATOMIC, RELOAD] {
        let mut fake = Fake::new();
        let error = interrupted(&mut fake, options);
        assert_eq!(error.to_string(), "interrupted; no route was loaded");
        assert_eq!(fake.executed.last().map(String::as_str), Some("abort"));
    }
}

#[test]
fn the_json_summary_has_numbers() {
    let text = output(&mut Fake::new(), PLAIN, true, "a\nb\n").expect("loaded");
    let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(document["loaded"], 2);
    assert!(
        document["seconds"].is_f64() && document["routes_per_second"].is_u64(),
        "{text}"
    );
}

#[test]
fn an_empty_file_sends_nothing() {
    let mut fake = Fake::new();
    load(&mut fake, PLAIN, "# nothing\n").expect("loaded");
    assert!(fake.executed.is_empty());
}
