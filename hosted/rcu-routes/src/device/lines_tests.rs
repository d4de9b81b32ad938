// SPDX-License-Identifier: GPL-2.0

use super::lines::{BadLine, Lines, MAX_LINE};
use proptest::prelude::*;

/// A line as [`Lines`] tells it.
type Told = (u64, Result<String, BadLine>);

/// Feeds pieces one after the other, each to its end; says what lines there were, how many bytes
/// each took, and what is unfinished.
fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Told>, Vec<usize>, Option<u64>) {
    let mut lines = Lines::new();
    let (mut told, mut taken_by) = (Vec::new(), Vec::new());
    let mut taken = 0;
    for mut piece in pieces {
        while !piece.is_empty() {
            let (used, line) = lines.feed(piece);
            assert!(
                (1..=piece.len()).contains(&used),
                "took {used} of {}",
                piece.len()
            );
            piece = &piece[used..];
            taken += used;
            if let Some(line) = line {
                told.push((line.number, line.text.map(str::to_owned)));
                taken_by.push(core::mem::take(&mut taken));
            }
        }
    }
    (told, taken_by, lines.unfinished())
}

fn good(number: u64, text: &str) -> Told {
    (number, Ok(text.to_owned()))
}

#[test]
fn lines_are_cut_at_newlines_and_numbered_from_one() {
    let (told, taken, unfinished) = feed([&b"add 1\n\nadd 2\r\nrest"[..]]);
    assert_eq!(told, [good(1, "add 1"), good(2, ""), good(3, "add 2\r")]);
    assert_eq!(taken, [6, 1, 7]);
    assert_eq!(unfinished, Some(4));
}

#[test]
fn nothing_is_no_line() {
    assert_eq!(feed([]), (vec![], vec![], None));
    let mut lines = Lines::new();
    let (used, line) = lines.feed(b"");
    assert!(used == 0 && line.is_none());
    assert_eq!(lines.unfinished(), None);
}

#[test]
fn a_finished_line_is_not_unfinished() {
    assert_eq!(feed([&b"add\n"[..]]).2, None);
    assert_eq!(feed([&b"a"[..]]).2, Some(1));
    assert_eq!(feed([&b"a"[..], b"\n"]).2, None);
    assert_eq!(feed([&b"a\n\nb"[..]]).2, Some(3));
}

#[test]
fn the_longest_line_fits_and_one_byte_more_does_not() {
    let mut text = vec![b'x'; MAX_LINE];
    text.push(b'\n');
    let (told, taken, _) = feed([&text[..]]);
    assert_eq!(told, [good(1, &"x".repeat(MAX_LINE))]);
    assert_eq!(taken, [MAX_LINE + 1]);

    text.insert(0, b'x');
    let (told, taken, _) = feed([&text[..]]);
    assert_eq!(told[0], (1, Err(BadLine::TooLong)));
    assert_eq!(taken[0], MAX_LINE + 1);
}

#[test]
fn a_line_that_never_ends_is_too_long_before_it_ends() {
    let (told, taken, unfinished) = feed([&[b'x'; MAX_LINE][..]]);
    assert_eq!((told.len(), unfinished), (0, Some(1)));
    assert!(taken.is_empty());
    let (told, taken, unfinished) = feed([&[b'x'; MAX_LINE + 1][..]]);
    assert_eq!(told, [(1, Err(BadLine::TooLong))]);
    assert_eq!((taken[0], unfinished), (MAX_LINE + 1, None));
}

#[test]
fn what_is_not_text_is_said_with_its_column() {
    for (line, byte, column) in [
        (&b"\0\n"[..], 0, 1),
        (b"add\x7f\n", 0x7f, 4),
        (b"ab\x1b[31m\n", 0x1b, 3),
        ("z\u{fc}\n".as_bytes(), 0xc3, 2),
        (b"\xff\n", 0xff, 1),
        (b"a\x0bb\n", 0x0b, 2),
    ] {
        assert_eq!(feed([line]).0, [(1, Err(BadLine::NotText(byte, column)))]);
    }
    for byte in 0..=u8::MAX {
        let fine = matches!(byte, b'\t' | b'\r' | 0x20..=0x7e);
        if byte != b'\n' {
            let (told, ..) = feed([&[b'a', byte, b'\n'][..]]);
            assert_eq!(told[0].1.is_ok(), fine, "{byte:#x}");
        }
    }
}

/// Bytes are looked at eight at a time: no value may hide at any place, nor behind another.
#[test]
fn every_byte_is_seen_at_every_place() {
    for byte in (0..=u8::MAX).filter(|&byte| byte != b'\n') {
        let fine = matches!(byte, b'\t' | b'\r' | 0x20..=0x7e);
        for at in 0..20 {
            for filling in [b' ', b'~', b'\t'] {
                let mut line = [filling; 21];
                (line[at], line[20]) = (byte, b'\n');
                let (told, taken, _) = feed([&line[..]]);
                let expected = match fine {
                    true => Ok(String::from_utf8(line[..20].to_vec()).unwrap()),
                    false => Err(BadLine::NotText(byte, at + 1)),
                };
                assert_eq!((told, taken), (vec![(1, expected)], vec![21]));
            }
        }
    }
}

#[test]
fn a_bad_line_does_not_spoil_the_next() {
    let (told, ..) = feed([&b"\xff\nadd\n"[..]]);
    assert_eq!(told[1], good(2, "add"));
}

/// All that the other tests have, in one text.
fn mixture() -> Vec<u8> {
    let mut text = b"add 1\n\n \xfe \nadd 2\r\n".to_vec();
    text.extend_from_slice(&[b'y'; MAX_LINE]);
    text.extend_from_slice(b"\nadd 3\n");
    text.extend_from_slice(&[b'z'; MAX_LINE + 20]);
    text.extend_from_slice(b"\nadd 4\nrest");
    text
}

#[test]
fn a_split_at_any_position_makes_no_difference() {
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
    fn any_bytes_in_any_pieces(
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
fn what_was_not_taken_is_forgotten() {
    let mut lines = Lines::new();
    for bytes in ["first\n", "second\n", "half of the third"] {
        lines.feed(bytes.as_bytes());
    }
    lines.go_on_behind(1);
    assert_eq!(lines.unfinished(), None);
    let (_, line) = lines.feed(b"again\n");
    let line = line.unwrap();
    assert_eq!((line.number, line.text), (2, Ok("again")));
}
