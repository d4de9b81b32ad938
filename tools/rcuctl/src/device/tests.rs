// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::fake::Fake;

fn submit(device: &mut Device<&mut Fake>, lines: &str) -> (Option<Refused>, String) {
    let mut answers = Vec::new();
    let refused = device
        .submit(lines.as_bytes(), &mut answers)
        .expect("no local error");
    (refused, String::from_utf8(answers).expect("text"))
}

#[test]
fn the_answer_of_a_command_is_read_by_line() {
    let mut fake = Fake::new().answer("stats", "nodes 3\ngeneration 4\n");
    let mut device = Device::new(&mut fake);
    device.command("stats\n").expect("accepted");
    let mut lines = Vec::new();
    let read = device.for_each_line(|line| {
        lines.push(line.to_string());
        Ok(())
    });
    read.expect("readable");
    assert_eq!(lines, ["nodes 3", "generation 4"]);
}

#[test]
fn the_lines_of_a_long_route_are_joined() {
    let text = "10.0.0.0/8\n\tnexthop dev a weight 1\n\tnexthop dev b weight 1\n::/0 dev a\n";
    let joined = "10.0.0.0/8 nexthop dev a weight 1 nexthop dev b weight 1";
    for size in [1000, 23, 12, 1] {
        let fake = || Fake::new().answer("show", text).limit_transfers(size);
        let mut lines = Vec::new();
        let mut fake_lines = fake();
        let mut device = Device::new(&mut fake_lines);
        device.command("show\n").expect("accepted");
        let read = device.for_each_line(|line| {
            lines.push(line.to_string());
            Ok(())
        });
        read.expect("readable");
        assert_eq!(lines, [joined, "::/0 dev a"], "reads of {size} bytes");
    }
    // A monitor reads as much as its buffer holds.
    let mut fake = Fake::new().answer("show", text);
    let mut device = Device::new(&mut fake);
    device.buffer = vec![0; 35].into();
    device.command("show\n").expect("accepted");
    let mut read = String::new();
    let done = device.for_each_read(|lines| {
        read.push_str(lines);
        Ok(())
    });
    done.expect("readable");
    assert_eq!(read, format!("{joined}\n::/0 dev a\n"));
}

#[test]
fn a_refused_command_returns_the_kernels_message() {
    let mut fake = Fake::new().refuse("add x", Errno::EINVAL, "x: not a prefix");
    let Err(Error::Refused(refusal)) = Device::new(&mut fake).command("add x\n") else {
        panic!("not refused");
    };
    assert_eq!(
        refusal,
        Refusal {
            errno: Errno::EINVAL,
            message: "x: not a prefix".into()
        }
    );
}

#[test]
fn a_refused_line_keeps_the_answers_before_it() {
    for late in [false, true] {
        let mut fake = Fake::new()
            .answer("get a", "A\n")
            .refuse("get b", Errno::ENETUNREACH, "b: no route")
            .answer("get c", "C\n")
            .late_messages(late);
        let mut device = Device::new(&mut fake);

        let (refused, answers) = submit(&mut device, "get a\nget b\nget c\n");
        let refused = refused.expect("b is refused");
        assert_eq!(
            (refused.accepted, refused.refusal.errno),
            (6, Errno::ENETUNREACH)
        );
        assert_eq!(refused.refusal.message, "b: no route");
        assert_eq!(refused.number, Some(2));
        assert_eq!(answers, "A\n");

        assert_eq!(submit(&mut device, "get c\n"), (None, "C\n".to_string()));
    }
}

#[test]
fn submit_continues_after_short_writes_and_eintr() {
    let mut fake = Fake::new()
        .answer("get a", "A\n")
        .limit_transfers(4)
        .interrupt_every(2);
    let mut device = Device::new(&mut fake);
    let (refused, answers) = submit(&mut device, "get a\nget a\nget a\n");
    assert_eq!((refused, answers.as_str()), (None, "A\nA\nA\n"));
}

#[test]
fn submitting_no_lines_reads_no_answer() {
    let mut fake = Fake::new().table(&["::/0 dev a"]);
    assert_eq!(
        submit(&mut Device::new(&mut fake), ""),
        (None, String::new())
    );
}

#[test]
fn answers_longer_than_one_read_are_complete() {
    let long = "get\n".repeat(READ_SIZE);
    let mut fake = Fake::new().answer("help", &long);
    let (refused, answers) = submit(&mut Device::new(&mut fake), "help\n");
    assert_eq!((refused, answers), (None, long));
}

#[test]
fn a_refusal_without_message_describes_the_errno() {
    let mut fake = Fake::new()
        .answer("get a", "A\n")
        .refuse("get b", Errno::ENOMEM, "");
    let (refused, answers) = submit(&mut Device::new(&mut fake), "get a\nget b\n");
    let refusal = refused.expect("b is refused").refusal;
    assert_eq!(
        (refusal.message.as_str(), answers.as_str()),
        ("get b: Out of memory", "A\n")
    );
}

#[test]
fn a_message_starts_with_line_and_a_number() {
    assert_eq!(message(b"line 3: x: bad\n"), Some((3, "x: bad")));
    for other in [
        "",
        "line",
        "line x: y",
        "line +3: y",
        "line : y",
        "10.0.0.0/8 dev line",
    ] {
        assert_eq!(message(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn a_regular_file_can_only_be_opened_for_reading() {
    let file = tempfile::NamedTempFile::new().expect("a writable temporary folder");
    std::fs::write(&file, "table").expect("writable");
    let opened = Device::open(file.path(), Access::ReadWrite);
    assert!(matches!(opened, Err(Error::Usage(_))));
    assert!(Device::open(file.path(), Access::Read).is_ok());
    let content = std::fs::read_to_string(&file);
    assert_eq!(content.expect("readable"), "table");
}
