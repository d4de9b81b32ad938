// SPDX-License-Identifier: GPL-2.0

use super::lines::{BadLine, Lines, MAX_LINE};
use proptest::prelude::*;

/// A line that [`Lines`] returned: its number and text.
type Numbered = (u64, Result<String, BadLine>);

/// Feeds pieces one after the other. Returns the lines, the bytes consumed by each, and the number
/// of the unfinished line.
fn feed<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Numbered>, Vec<usize>, Option<u64>) {
    let mut lines = Lines::new();
    let (mut found, mut consumed_by_line) = (Vec::new(), Vec::new());
    let mut consumed = 0;
    for mut piece in pieces {
        while !piece.is_empty() {
            let (used, line) = lines.feed(piece);
            assert!(
                (1..=piece.len()).contains(&used),
                "consumed {used} of {}",
                piece.len()
            );
            piece = &piece[used..];
            consumed += used;
            if let Some(line) = line {
                found.push((line.number, line.text.map(str::to_owned)));
                consumed_by_line.push(core::mem::take(&mut consumed));
            }
        }
    }
    (found, consumed_by_line, lines.unfinished())
}

fn good(number: u64, text: &str) -> Numbered {
    (number, Ok(text.to_owned()))
}

#[test]
fn lines_are_cut_at_newlines_and_numbered_from_one() {
    let (found, consumed, unfinished) = feed([&b"add 1\n\nadd 2\r\nrest"[..]]);
    assert_eq!(found, [good(1, "add 1"), good(2, ""), good(3, "add 2\r")]);
    assert_eq!(consumed, [6, 1, 7]);
    assert_eq!(unfinished, Some(4));
}

#[test]
fn empty_input_is_not_a_line() {
    assert_eq!(feed([]), (vec![], vec![], None));
    let mut lines = Lines::new();
    let (used, line) = lines.feed(b"");
    assert!(used == 0 && line.is_none());
    assert_eq!(lines.unfinished(), None);
}

#[test]
fn only_a_line_without_newline_is_unfinished() {
    assert_eq!(feed([&b"add\n"[..]]).2, None);
    assert_eq!(feed([&b"a"[..]]).2, Some(1));
    assert_eq!(feed([&b"a"[..], b"\n"]).2, None);
    assert_eq!(feed([&b"a\n\nb"[..]]).2, Some(3));
}

#[test]
fn a_line_of_the_maximum_length_is_accepted_and_a_longer_one_rejected() {
    let mut text = vec![b'x'; MAX_LINE];
    text.push(b'\n');
    let (found, consumed, _) = feed([&text[..]]);
    assert_eq!(found, [good(1, &"x".repeat(MAX_LINE))]);
    assert_eq!(consumed, [MAX_LINE + 1]);

    text.insert(0, b'x');
    let (found, consumed, _) = feed([&text[..]]);
    assert_eq!(found[0], (1, Err(BadLine::TooLong)));
    assert_eq!(consumed[0], MAX_LINE + 1);
}

#[test]
fn a_too_long_line_is_rejected_before_its_end() {
    let (found, consumed, unfinished) = feed([&[b'x'; MAX_LINE][..]]);
    assert_eq!((found.len(), unfinished), (0, Some(1)));
    assert!(consumed.is_empty());
    let (found, consumed, unfinished) = feed([&[b'x'; MAX_LINE + 1][..]]);
    assert_eq!(found, [(1, Err(BadLine::TooLong))]);
    assert_eq!((consumed[0], unfinished), (MAX_LINE + 1, None));
}

#[test]
fn a_byte_that_is_not_text_is_reported_with_its_column() {
    for (line, byte, column) in [
        (&b"\0\n"[..], 0, 1),
        (b"add\x7f\n", 0x7f, 4),
        (b"ab\x1c[31m\n", 0x1c, 3),
        ("z\u{fc}\n".as_bytes(), 0xc3, 2),
        (b"\xff\n", 0xff, 1),
        (b"a\x0bb\n", 0x0b, 2),
    ] {
        assert_eq!(feed([line]).0, [(1, Err(BadLine::NotText(byte, column)))]);
    }
    for byte in 0..=u8::MAX {
        let fine = matches!(byte, b'\t' | b'\r' | 0x1b | 0x20..=0x7e);
        if byte != b'\n' {
            let (found, ..) = feed([&[b'a', byte, b'\n'][..]]);
            assert_eq!(found[0].1.is_ok(), fine, "{byte:#x}");
        }
    }
}

/// The scan tests eight bytes at once: a bad byte must be found at any position.
#[test]
fn every_byte_value_is_checked_at_every_position() {
    for byte in (0..=u8::MAX).filter(|&byte| byte != b'\n') {
        let fine = matches!(byte, b'\t' | b'\r' | 0x1b | 0x20..=0x7e);
        for at in 0..20 {
            for filling in [b' ', b'~', b'\t'] {
                let mut line = [filling; 21];
                (line[at], line[20]) = (byte, b'\n');
                let (found, consumed, _) = feed([&line[..]]);
                let expected = match fine {
                    true => Ok(String::from_utf8(line[..20].to_vec()).unwrap()),
                    false => Err(BadLine::NotText(byte, at + 1)),
                };
                assert_eq!((found, consumed), (vec![(1, expected)], vec![21]));
            }
        }
    }
}

#[test]
fn the_line_after_a_bad_line_is_accepted() {
    let (found, ..) = feed([&b"\xff\nadd\n"[..]]);
    assert_eq!(found[1], good(2, "add"));
}

/// Returns a text with good, empty, bad, longest and too long lines.
fn mixture() -> Vec<u8> {
    let mut text = b"add 1\n\n \xfe \nadd 2\r\n".to_vec();
    text.extend_from_slice(&[b'y'; MAX_LINE]);
    text.extend_from_slice(b"\nadd 3\n");
    text.extend_from_slice(&[b'z'; MAX_LINE + 20]);
    text.extend_from_slice(b"\nadd 4\nrest");
    text
}

#[test]
fn the_split_of_the_input_does_not_change_the_lines() {
    let text = mixture();
    let whole = feed([&text[..]]);
    assert_eq!(whole.0.len(), 9);
    for at in 0..=text.len() {
        let (left, right) = text.split_at(at);
        assert_eq!(feed([left, right]), whole, "split at {at}");
    }
    assert_eq!(feed(text.chunks(1)), whole);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_in_pieces_give_the_same_lines(
        text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..2000),
        size in 1..300_usize,
    ) {
        let whole = feed([&text[..]]);
        prop_assert_eq!(&feed(text.chunks(size)), &whole);
        let rest = text.len() - whole.1.iter().sum::<usize>();
        prop_assert_eq!(rest > 0, whole.2.is_some());
        for (at, (number, _)) in whole.0.iter().enumerate() {
            prop_assert_eq!(*number, at as u64 + 1);
        }
    }
}

#[test]
fn a_long_line_of_json_is_named() {
    let mut text = vec![b'['; MAX_LINE + 1];
    assert_eq!(feed([&text[..]]).0, [(1, Err(BadLine::Json))]);
    assert_eq!(feed(text.chunks(7)).0, [(1, Err(BadLine::Json))]);
    text[0] = b'{';
    assert_eq!(feed([&text[..]]).0, [(1, Err(BadLine::TooLong))]);
}

#[test]
fn a_restored_state_continues_the_unfinished_line() {
    let mut lines = Lines::new();
    lines.feed(b"first\n");
    lines.feed(b"sec");
    let mark = lines.mark();
    let (_, line) = lines.feed(b"ond\n");
    assert_eq!(line.unwrap().text, Ok("second"));
    lines.restore(mark);
    assert_eq!((mark.count(), lines.unfinished()), (1, Some(2)));
    let (_, line) = lines.feed(b"onds\n");
    let line = line.unwrap();
    assert_eq!((line.number, line.text), (2, Ok("seconds")));
}

#[test]
fn rewinding_forgets_later_lines() {
    let mut lines = Lines::new();
    for bytes in ["first\n", "second\n", "half of the third"] {
        lines.feed(bytes.as_bytes());
    }
    lines.rewind_to(1);
    assert_eq!(lines.unfinished(), None);
    let (_, line) = lines.feed(b"again\n");
    let line = line.unwrap();
    assert_eq!((line.number, line.text), (2, Ok("again")));
}

/// Writes a text as the device does: lines are fed first, and the unfinished one only if the write
/// does not fail.
fn write(lines: &mut Lines, text: &[u8], fails: bool) {
    let mark = lines.mark();
    let mut rest = text;
    while !rest.is_empty() && lines.is_ended_by(rest) {
        let (used, line) = lines.feed(rest);
        assert!(line.is_some(), "{rest:?} ends no line");
        rest = &rest[used..];
    }
    match fails {
        true => lines.restore(mark),
        false => drop(lines.feed(rest)),
    }
}

#[test]
fn a_failed_write_leaves_the_start_of_the_line() {
    let text = b"one\n\tnexthop dev a\nadd 10.0.0.0/8 dev b\nthe start of another line";
    for start in 0..text.len() {
        for end in start..=text.len() {
            let mut lines = Lines::new();
            write(&mut lines, &text[..start], false);
            write(&mut lines, &text[start..end], true);
            let (_, line) = lines.feed(b"!\n");
            let line = line.unwrap();
            let before = std::str::from_utf8(&text[..start]).unwrap();
            let (ended, unfinished) = before.rsplit_once('\n').unwrap_or(("", before));
            let number = ended.lines().count() as u64 + 1;
            let expected = format!("{unfinished}!");
            assert_eq!((line.number, line.text), (number, Ok(&*expected)));
        }
    }
}

#[test]
fn a_line_ends_with_a_newline_or_one_byte_too_many() {
    let mut lines = Lines::new();
    lines.feed(b"12");
    let longest = [b'x'; MAX_LINE - 2];
    assert!(!lines.is_ended_by(&longest));
    assert!(lines.is_ended_by(&[b'x'; MAX_LINE - 1]));
    assert!(lines.is_ended_by(b"3\n4"));
    lines.feed(&longest);
    assert!(!lines.is_ended_by(b""));
    assert!(lines.is_ended_by(b"x"));
}

#[test]
fn the_only_line_of_a_write_begins_and_ends_between_lines() {
    for (before, written, only) in [
        ("", "add\n", Some(1)),
        ("one\n", "two\n", Some(2)),
        ("", "one\ntwo\n", None),
        ("", "one\nt", None),
        ("o", "ne\n", None),
        ("o", "ne", None),
        ("one", "\n", None),
    ] {
        let mut lines = Lines::new();
        write(&mut lines, before.as_bytes(), false);
        let mark = lines.mark();
        write(&mut lines, written.as_bytes(), false);
        assert_eq!(lines.only_line_since(mark), only, "{before:?}, {written:?}");
    }
}
