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
    /// The symbol as printed, without its offset; the address if the kernel has no symbol for it.
    pub(crate) symbol: String,
    pub(crate) place: Place,
    /// The module of the function.
    pub(crate) module: Option<String>,
}

impl Frame {
    /// Returns the function's readable name. An address is followed by its module.
    pub(crate) fn function(&self) -> String {
        match &self.module {
            Some(module) if self.is_address() => format!("{} [{module}]", self.symbol),
            _ => symbol::function(&self.symbol),
        }
    }

    /// Returns whether the kernel printed an address instead of a symbol. For a module without
    /// symbols of functions, it prints the only symbol that it knows.
    pub(crate) fn is_address(&self) -> bool {
        self.symbol.starts_with("0x") || self.symbol == "__this_module"
    }

    fn new(found: Found<'_>, place: Place) -> Self {
        Self {
            symbol: found.symbol.to_string(),
            place,
            module: found.module.map(str::to_string),
        }
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
        || scan.eat("NIP: ")
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
    let found = symbol_at(scan.rest())?;
    Some(Part::Frames(Frame::new(found, Place::Registers), None))
}

/// Parses a line of a trace.
pub(crate) fn frame(text: &str) -> Option<Frame> {
    frames(text).map(|(frame, _)| frame)
}

/// Parses a line of a trace, and the caller that 32-bit ARM prints on the same line.
pub(super) fn frames(text: &str) -> Option<(Frame, Option<Frame>)> {
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
    rest = without_addresses(without_link(rest));
    if let Some(after) = rest.strip_prefix("? ") {
        place = Place::Unreliable;
        rest = after.trim_start();
    }
    if memchr(b'(', rest.as_bytes()).is_some() && rest.contains("(unreliable)") {
        place = Place::Unreliable;
    }
    let found = symbol_at(rest)?;
    // No call returns to the start of a function: the word is left over, or a pointer to it.
    if found.is_start && found.from.is_none() {
        place = Place::Unreliable;
    }
    let caller = found
        .from
        .and_then(symbol_at)
        .map(|caller| Frame::new(caller, place));
    Some((Frame::new(found, place), caller))
}

/// Strips the rest of a link into which a bug tracker turned the brackets of a frame:
/// `(<ffffffff810c026a>])  [? check_events+0x12/0x20`.
fn without_link(text: &str) -> &str {
    let link = text
        .strip_prefix("(<")
        .and_then(|rest| rest.split_once(">])"));
    let rest = link.map_or(text, |(_, rest)| rest.trim_start());
    let inside = rest.strip_prefix('[').filter(|inside| {
        let name = inside.split_once("+0x").map_or("", |(name, _)| name);
        let name = name.trim_start_matches("? ");
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
    });
    inside.unwrap_or(rest)
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

/// A symbol found in a line.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    symbol: &'a str,
    module: Option<&'a str>,
    /// The text after ARM's ` from `.
    from: Option<&'a str>,
    /// Whether the offset is 0.
    is_start: bool,
}

/// Parses the symbol before an offset, a source line, a module, or ARM's `from CALLER`.
fn symbol_at(text: &str) -> Option<Found<'_>> {
    let text = without_addresses(text.trim_start());
    // MIPS and RISC-V print a bare address. s390 and arm put the symbol in parentheses.
    let text = match text.split_once(' ') {
        Some((word, rest)) if word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) => {
            rest.trim_start()
        }
        _ => text,
    };
    if text.starts_with("0x") {
        return address_of_module(text);
    }
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
    let has_offset = scan.rest().starts_with("+0x");
    let is_start = scan.rest().starts_with("+0x0/");
    if has_offset {
        scan.run(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    }
    let is_decoded = !has_offset && is_source(scan.rest());
    let module = module_at(scan.rest());
    if module.is_some() {
        scan.until("]");
    }
    let from = scan.rest().trim_start_matches(')').strip_prefix(" from ");
    let from = from.filter(|from| is_in_parentheses || from.contains("+0x"));
    let is_symbol = has_offset || is_decoded || from.is_some();
    is_symbol.then_some(Found {
        symbol,
        module,
        from,
        is_start,
    })
}

/// Parses ` [foo]`, ` [foo@000000001b568c00+0x11000]`, ` [foo 5ad1b0]`, ` [foo(O)]`.
fn module_at(text: &str) -> Option<&str> {
    let inside = text.strip_prefix(" [")?;
    let mut scan = Scan::new(inside);
    let name = scan.run(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let ends = matches!(scan.peek(), Some(b']' | b'@' | b' ' | b'('));
    (ends && !name.is_empty() && name != "inline").then_some(name)
}

/// Parses an address in a module whose symbols the kernel lacks: `0xffffffffa081d01b [foo]`.
fn address_of_module(text: &str) -> Option<Found<'_>> {
    let digits = text.get(2..)?.bytes();
    let digits = digits.take_while(u8::is_ascii_hexdigit).count();
    let (symbol, rest) = text.split_at_checked(digits + 2)?;
    let module = module_at(rest);
    (digits >= 8 && module.is_some()).then_some(Found {
        symbol,
        module,
        from: None,
        is_start: false,
    })
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
    fn a_frame_at_the_start_of_a_function_is_unreliable() {
        let place = |text: &str| parsed(text).1;
        assert_eq!(place("foo+0x0/0x398"), Place::Unreliable);
        assert_eq!(place("foo+0x4/0x398"), Place::Trace);
        let old_arm = "[<c0010dc0>] (foo+0x0/0xf8) from [<c000d3a0>] (show_stack+0x10/0x14)";
        assert_eq!(place(old_arm), Place::Trace);
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
            "(<ffffffff810c026a>])  [synchronize_rcu+0x14/0x20",
            "<IRQ>  [synchronize_rcu+0x14/0x20",
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
            let Some(Part::Frames(frame, None)) = part(text) else {
                panic!("no frame: {text}");
            };
            assert_eq!(
                (frame.symbol.as_str(), frame.place),
                ("foo", Place::Registers),
                "{text}"
            );
        }
        assert_eq!(part("RIP: 0033:0x7f12a4c0"), Some(Part::UserMode));
    }

    #[test]
    fn modules_are_parsed_with_and_without_symbols() {
        for (text, function, module) in [
            ("loop+0x1/0x2 [foo]", "loop", Some("foo")),
            ("loop+0x1/0x2 [foo 5ad1b0c2]", "loop", Some("foo")),
            ("loop+0x1/0x2 [foo(O)]", "loop", Some("foo")),
            ("loop+0x1/0x2", "loop", None),
            ("loop (kernel/fork.c:12) [inline]", "loop", None),
            (
                "0xffffffffa081d200 [foo@000000001b568c00+0x11000]",
                "0xffffffffa081d200 [foo]",
                Some("foo"),
            ),
            (
                "[<ffffffffa081d200>] ? 0xffffffffa081d1ff [foo]",
                "0xffffffffa081d1ff [foo]",
                Some("foo"),
            ),
        ] {
            let frame = frame(text).unwrap_or_else(|| panic!("no frame: {text}"));
            assert_eq!(
                (frame.function().as_str(), frame.module.as_deref()),
                (function, module),
                "{text}"
            );
        }
        assert_eq!(frame("0x7f12a4c0ffee"), None);
    }

    #[test]
    fn arm_prints_the_caller_on_the_same_line() {
        for (text, function, caller) in [
            (
                "[<7f4ba618>] (foo_loop [foo]) from [<7f4ba718>] (foo_ioctl+0x80/0xe4 [foo])",
                "foo_loop",
                "foo_ioctl",
            ),
            (
                "[<7f4ba618>] (foo_loop+0x0/0x10 [foo]) from [<80300000>] (vfs_ioctl+0x80/0xe4)",
                "foo_loop",
                "vfs_ioctl",
            ),
            (
                "[<c0019e08>](foo_loop+0x0/0x118) from [<c001a16c>](show_stack+0x18/0x1c)",
                "foo_loop",
                "show_stack",
            ),
            (
                "foo_loop [foo] from foo_ioctl+0x80/0xe4 [foo]",
                "foo_loop",
                "foo_ioctl",
            ),
            ("foo_loop from foo_ioctl+0x80/0xe4", "foo_loop", "foo_ioctl"),
        ] {
            let (frame, from) = frames(text).unwrap_or_else(|| panic!("no frame: {text}"));
            let from = from.unwrap_or_else(|| panic!("no caller: {text}"));
            assert_eq!(
                (frame.function().as_str(), from.function().as_str()),
                (function, caller)
            );
        }
    }
}
