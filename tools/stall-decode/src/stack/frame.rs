// SPDX-License-Identifier: GPL-2.0

//! Frames of stack dumps, in the forms of all architectures.

use memchr::memchr;

use super::{symbol, Part};
use crate::scan::Scan;

/// Where a dump got a frame from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The program counter of saved registers: where the CPU was interrupted.
    Registers,
    /// A return address.
    Trace,
    /// A word that looks like a return address, and may be left over from an earlier call.
    Unreliable,
}

/// A frame of a stack dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The symbol as printed, without its offset.
    pub(crate) symbol: String,
    pub(crate) place: Place,
}

impl Frame {
    /// Returns the function's readable name.
    pub(crate) fn function(&self) -> String {
        symbol::function(&self.symbol)
    }
}

/// Parses the program counter of saved registers.
pub(super) fn registers(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    // x86 sets the lowest two bits of the code segment in user mode.
    if scan.eat("RIP: ") || scan.eat("EIP: ") {
        let mut ahead = scan;
        let segment = ahead.word();
        if segment.starts_with("0033:") || segment.starts_with("0023:") {
            return Some(Part::UserMode);
        }
        if let Some(at) = segment.find(':').filter(|&at| at == 4) {
            scan = Scan::new(scan.rest().get(at + 1..)?);
        }
    } else if !(scan.eat("EIP is at ")
        || scan.eat("RIP ")
        || scan.eat("PC is at ")
        || scan.eat("pc : ")
        || scan.eat("NIP ")
        || scan.eat("epc : ")
        || scan.eat("epc   : ")
        || scan.eat("ERA: "))
    {
        if scan.eat("Krnl PSW : ") {
            scan.until("(")?;
        } else if text.starts_with("--") && scan.until("interrupt: ").is_some() {
            scan.until(" at ")?;
        } else {
            return None;
        }
    }
    let symbol = symbol_at(scan.rest())?;
    Some(Part::Frame(Frame {
        symbol: symbol.to_string(),
        place: Place::Registers,
    }))
}

/// Parses a line of a trace.
pub(crate) fn frame(text: &str) -> Option<Frame> {
    let mut rest = text.trim_start();
    // `<IRQ>`, `<<EOE>>`
    while rest.starts_with('<') {
        let (tag, after) = rest.split_once('>')?;
        if !tag
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || b"</".contains(&byte))
        {
            return None;
        }
        rest = after.trim_start_matches('>').trim_start();
    }
    let mut place = Place::Trace;
    if let Some(after) = rest.strip_prefix('(') {
        if after.starts_with("[<") {
            place = Place::Unreliable;
            rest = after;
        }
    }
    rest = without_addresses(rest);
    if let Some(after) = rest.strip_prefix("? ") {
        place = Place::Unreliable;
        rest = after.trim_start();
    }
    if memchr(b'(', rest.as_bytes()).is_some() && rest.contains("(unreliable)") {
        place = Place::Unreliable;
    }
    let symbol = symbol_at(rest)?;
    Some(Frame {
        symbol: symbol.to_string(),
        place,
    })
}

/// Strips up to three addresses: `[<ffffffff81000000>]`, `[c000000000123456]`.
fn without_addresses(mut text: &str) -> &str {
    for _ in 0..3 {
        let Some((address, after)) = text.strip_prefix('[').and_then(|text| text.split_once(']'))
        else {
            break;
        };
        let digits = address.trim_start_matches('<').trim_end_matches('>');
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits.len() < 8 && digits != "0" || !is_hex {
            break;
        }
        text = after.trim_start();
    }
    text
}

/// Returns the symbol before an offset, a source line, or arm's `from CALLER`.
fn symbol_at(text: &str) -> Option<&str> {
    let text = without_addresses(text.trim_start());
    // MIPS and RISC-V print a bare address. s390 and arm put the symbol in parentheses.
    let text = match text.split_once(' ') {
        Some((word, rest)) if word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) => {
            rest.trim_start()
        }
        _ => text,
    };
    let (text, is_in_parentheses) = match text.strip_prefix('(') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut scan = Scan::new(text);
    let symbol = scan.run(|byte| byte.is_ascii_alphanumeric() || b"_.$@".contains(&byte));
    let first = symbol.bytes().next()?;
    if first.is_ascii_digit() || symbol.len() > 512 {
        return None;
    }
    let rest = scan.rest();
    let is_symbol = rest.starts_with("+0x")
        || (is_in_parentheses && rest.starts_with(") from "))
        || rest.starts_with(" from ") && rest.contains("+0x")
        || is_source(rest);
    is_symbol.then_some(symbol)
}

/// Returns whether a source line of `decode_stacktrace.sh` follows: ` kernel/fork.c:12 [inline]`.
fn is_source(text: &str) -> bool {
    if !text.starts_with(' ') {
        return false;
    }
    let text = text.trim_start_matches([' ', '(']);
    let word = text.split([' ', ')']).next().unwrap_or_default();
    if memchr(b'.', word.as_bytes()).is_none() {
        return false;
    }
    [".c:", ".h:", ".S:", ".rs:"].iter().any(|mark| {
        word.find(mark).is_some_and(|at| {
            let line = word.get(at + mark.len()..).unwrap_or_default();
            line.starts_with(|first: char| first.is_ascii_digit() || first == '?')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::part;

    fn parsed(text: &str) -> (String, Place) {
        let frame = frame(text).unwrap_or_else(|| panic!("no frame: {text:?}"));
        (frame.function(), frame.place)
    }

    #[test]
    fn frames_of_every_architecture_are_parsed() {
        for text in [
            "synchronize_rcu+0x14/0x20",
            "synchronize_rcu+0x14/0x20 [rust_rcu_demo]",
            "synchronize_rcu.part.0+0x14/0x20",
            "synchronize_rcu.cold+0x14/0x20",
            "[<ffffffff81000000>] synchronize_rcu+0x14/0x20",
            "[<c0010dc0>] (synchronize_rcu) from [<c000d3a0>] (show_stack+0x10/0x14)",
            "[<c0010dc0>] (synchronize_rcu+0x0/0xf8) from [<c000d3a0>] (show_stack+0x10/0x14)",
            "synchronize_rcu from show_stack+0x10/0x14",
            "[c000000001234560] [c0000000000abcd0] synchronize_rcu+0x14/0x20",
            "[<0000000000112233>] synchronize_rcu+0x14/0x20 ",
            "[<80123456>] synchronize_rcu+0x14/0x20",
            "<IRQ>  [<ffffffff81000000>] synchronize_rcu+0x14/0x20",
            "<<EOE>>  [<ffffffff81000000>] synchronize_rcu+0x14/0x20",
            "synchronize_rcu kernel/rcu/tree.c:3367 [inline]",
            "synchronize_rcu (kernel/rcu/tree.c:3367 (discriminator 2))",
            "synchronize_rcu+0x14/0x20 (P)",
        ] {
            let expected = ("synchronize_rcu".to_string(), Place::Trace);
            assert_eq!(parsed(text), expected, "{text}");
        }
        for text in [
            "? synchronize_rcu+0x14/0x20",
            "[<ffffffff81000000>] ? synchronize_rcu+0x14/0x20",
            "[c000000001234560] [c0000000000abcd0] synchronize_rcu+0x14/0x20 (unreliable)",
            "([<0000000000112233>] synchronize_rcu+0x14/0x20)",
            "? __pfx_synchronize_rcu+0x10/0x10",
        ] {
            let expected = ("synchronize_rcu".to_string(), Place::Unreliable);
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn program_counters_of_every_architecture_are_parsed() {
        for text in [
            "RIP: 0010:foo+0x12/0x20",
            "RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] foo+0x12/0x20",
            "RIP: e030:foo+0x12/0x20 [bar]",
            "RIP  [<ffffffff81000000>] foo+0x12/0x20",
            "EIP: foo+0x12/0x20",
            "EIP is at foo+0x12/0x20",
            "PC is at foo+0x12/0x20",
            "pc : foo+0x12/0x20",
            "NIP [c0000000000abcd0] foo+0x12/0x20",
            "epc : foo+0x12/0x20",
            "epc   : 80123456 foo+0x12/0x20",
            "ERA: 9000000000223d44 foo+0x12/0x20",
            "Krnl PSW : 0704c00180000000 0000000000112233 (foo+0x12/0x20)",
            "--- interrupt: 901 at foo+0x12/0x20",
        ] {
            let expected = Part::Frame(Frame {
                symbol: "foo".to_string(),
                place: Place::Registers,
            });
            assert_eq!(part(text), Some(expected), "{text}");
        }
        assert_eq!(part("RIP: 0033:0x7f12a4c0"), Some(Part::UserMode));
    }
}
