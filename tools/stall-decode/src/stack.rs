// SPDX-License-Identifier: GPL-2.0

//! Stack dumps: of which CPU and task they are, and their frames, in the forms of the architectures.

use memchr::{memchr, memmem};
use rustc_demangle::demangle;

use crate::rust_name;
use crate::scan::{number_after, Scan};

/// Frames that are kept of a dump.
const MAX_FRAMES: usize = 64;

/// Names that are longer say nothing to people.
const MAX_NAME: usize = 500;

/// How a frame came into its dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The program counter of saved registers: where the CPU was when it was interrupted.
    Registers,
    /// A return address.
    Trace,
    /// Something that looked like a return address, which may be left over from earlier calls.
    Unreliable,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The symbol as printed, without offset.
    pub(crate) symbol: String,
    pub(crate) place: Place,
}

impl Frame {
    /// The function, for people: demangled, without the compiler's suffixes.
    pub(crate) fn function(&self) -> String {
        function(&self.symbol)
    }
}

/// What a dump is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// The CPU or task that the report is about, or one of them.
    #[default]
    Plain,
    /// The grace-period kthread.
    GpKthread,
    /// The CPU that the grace-period kthread ran on last.
    GpKthreadCpu,
    /// Who allocated an object.
    Allocated,
    /// Who freed an object.
    Freed,
    /// Who queued the work or the callback that freed an object.
    Queued,
}

/// A dump: a CPU's or task's heading, and a stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dump {
    pub(crate) role: Role,
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) state: Option<String>,
    /// The dump was left out, as the CPU was idle there.
    pub(crate) idle_at: Option<String>,
    /// Registers were of user mode.
    pub(crate) in_user: bool,
    pub(crate) frames: Vec<Frame>,
    /// A trace was begun, so that the next heading is another dump's.
    pub(crate) has_trace: bool,
}

impl Dump {
    pub(crate) fn push(&mut self, frame: Frame) {
        // Repeated lines of a log repeat frames; nothing calls itself at the same place that often.
        if self.frames.len() < MAX_FRAMES && self.frames.last() != Some(&frame) {
            self.frames.push(frame);
        }
    }
}

/// A line that starts a dump or says whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) taint: Option<String>,
    pub(crate) idle_at: Option<String>,
    /// The line only announces a dump, whose own heading follows.
    pub(crate) announces: bool,
}

/// What a line has to do with stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Heading(Heading),
    /// `Call Trace:`
    Trace,
    Frame(Frame),
    /// Registers of user mode.
    User,
}

/// Recognises a line of a dump.
pub(crate) fn part(text: &str) -> Option<Part> {
    let first = text.bytes().next()?;
    let found = match first {
        b'C' => call_trace(text).or_else(|| cpu_heading(text)),
        b'N' => nmi_heading(text).or_else(|| registers(text)),
        b'T' => task_dump(text).or_else(|| legacy_task(text)),
        b't' => task_heading(text).or_else(|| legacy_task(text)),
        b'S' if text.starts_with("Sending NMI") => return None,
        b'B' if text.starts_with("Backtrace") => Some(Part::Trace),
        b'P' => process(text).or_else(|| registers(text)),
        b'R' | b'E' | b'p' | b'e' | b'K' | b'-' => registers(text),
        b'W' => warning(text),
        _ => None,
    };
    found
        .or_else(|| frame(text).map(Part::Frame))
        .or_else(|| legacy_task(text))
        .or_else(|| old_heading(text))
}

fn call_trace(text: &str) -> Option<Part> {
    (text.starts_with("Call Trace:") || text.starts_with("Call trace:") || text == "CallTrace:")
        .then_some(Part::Trace)
}

/// `CPU: 1 UID: 0 PID: 57 Comm: foo Not tainted 6.18.0 #1 PREEMPT`
fn cpu_heading(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let cpu = scan.expect("CPU: ")?.spaces().small()?;
    let mut heading = Heading {
        cpu: Some(cpu),
        ..Heading::default()
    };
    heading.pid = number_after(scan.rest(), "PID: ").and_then(|pid| pid.try_into().ok());
    if let Some(comm) = Scan::after(scan.rest(), "Comm: ") {
        heading.comm = Some(comm_before_taint(comm.rest()));
    }
    (heading.taint, heading.kernel) = taint_and_kernel(scan.rest());
    Some(Part::Heading(heading))
}

/// `Pid: 57, comm: foo Not tainted 3.2.0 #1`, which kernels before 3.10 print.
fn old_heading(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let pid = scan.expect("Pid: ")?.small()?;
    let comm = scan.expect(", comm: ")?.rest();
    let (taint, kernel) = taint_and_kernel(comm);
    Some(Part::Heading(Heading {
        pid: Some(pid),
        comm: Some(comm_before_taint(comm)),
        taint,
        kernel,
        ..Heading::default()
    }))
}

/// `WARNING: CPU: 1 PID: 57 at file:line func+0x1/0x2`
fn warning(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let cpu = scan.expect("WARNING: CPU: ")?.small()?;
    let pid = scan.expect(" PID: ")?.small()?;
    Some(Part::Heading(Heading {
        cpu: Some(cpu),
        pid: Some(pid),
        announces: true,
        ..Heading::default()
    }))
}

fn comm_before_taint(text: &str) -> String {
    let end = [" Not tainted", " Tainted:", " Kdump: loaded"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    let comm = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    comm.trim().to_string()
}

/// The taint and the release of a line that has them: the release stands before `#1-Ubuntu`.
pub(crate) fn taint_and_kernel(text: &str) -> (Option<String>, Option<String>) {
    let clean = text.find("Not tainted").map(|at| at + "Not tainted".len());
    let tainted = text.find("Tainted: ").map(|at| at + "Tainted: ".len());
    let Some(from) = clean.or(tainted) else {
        return (None, None);
    };
    let rest = text.get(from..).unwrap_or_default();
    let version = rest.find(" #");
    let before = rest.get(..version.unwrap_or(rest.len())).unwrap_or(rest);
    let (flags, kernel) = match before.trim_end().rsplit_once(' ') {
        Some((flags, kernel)) if looks_like_release(kernel) => (flags, Some(kernel.to_string())),
        _ if looks_like_release(before.trim()) => ("", Some(before.trim().to_string())),
        _ => (before, None),
    };
    let taint = match clean {
        Some(_) => Some("Not tainted".to_string()),
        None => Some(flags.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
    };
    (taint, kernel)
}

/// Whether a word is a kernel's release, such as `5.15.0-91-generic`.
pub(crate) fn looks_like_release(word: &str) -> bool {
    let mut scan = Scan::new(word);
    scan.number().is_some() && scan.eat(".") && scan.number().is_some()
}

/// `NMI backtrace for cpu 1`, `NMI backtrace for cpu 1 skipped: idling at native_safe_halt+0xe/0x10`
fn nmi_heading(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let cpu = scan.expect("NMI backtrace for cpu ")?.small()?;
    let idle_at = Scan::after(scan.rest(), "idling at ").map(|at| {
        let frame = frame(at.rest());
        frame.map_or(at.rest().trim().to_string(), |frame| frame.symbol)
    });
    Some(Part::Heading(Heading {
        cpu: Some(cpu),
        idle_at,
        announces: true,
        ..Heading::default()
    }))
}

/// `Task dump for CPU 1:`
fn task_dump(text: &str) -> Option<Part> {
    let cpu = Scan::new(text).expect("Task dump for CPU ")?.small()?;
    Some(Part::Heading(Heading {
        cpu: Some(cpu),
        announces: true,
        ..Heading::default()
    }))
}

/// `task:foo             state:D stack:0     pid:57    tgid:57    ppid:1`
fn task_heading(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let comm = scan.expect("task:")?.until(" state:")?.trim();
    let state = char::from(scan.byte()?);
    let pid = Scan::after(scan.rest(), "pid:").and_then(|mut pid| pid.spaces().small());
    Some(Part::Heading(Heading {
        pid,
        comm: Some(comm.to_string()),
        state: Some(state.to_string()),
        ..Heading::default()
    }))
}

/// `foo             D ffff88003fd83e40     0    57      1 0x00000000`, which kernels before 5.10 print.
fn legacy_task(text: &str) -> Option<Part> {
    // Cheap to refuse: they all end in flags, unless a mail cut them off.
    let mut before = text.trim_end();
    let (rest, flags) = last_word(before)?;
    match flags.strip_prefix("0x") {
        Some(flags) if (4..=16).contains(&flags.len()) && is_hex(flags) => before = rest,
        Some(_) => return None,
        None if memmem::find(text.as_bytes(), b" running task ").is_none() => return None,
        None => (),
    }
    let (before, ppid) = last_word(before)?;
    ppid.parse::<u32>().ok()?;
    let (before, pid) = last_word(before)?;
    let pid: u32 = pid.parse().ok()?;
    let (mut before, free) = last_word(before)?;
    let mut state = None;
    if free.parse::<u32>().is_err() {
        // `I15016`: no blank was left between them.
        let digits = free.get(1..)?;
        digits.parse::<u32>().ok()?;
        state = free.get(..1);
    }
    if state.is_none() {
        if let Some((rest, word)) = last_word(before) {
            if word.len() >= 8 && is_hex(word) {
                before = rest;
            }
        }
        before = before.strip_suffix("task").unwrap_or(before).trim_end();
        before = before.strip_suffix("running").unwrap_or(before).trim_end();
        let (rest, word) = last_word(before)?;
        (before, state) = (rest, Some(word));
    }
    let state = state.filter(|state| state.len() == 1 && "RSDTtXZPIKWx?".contains(state))?;
    Some(Part::Heading(Heading {
        pid: Some(pid),
        comm: Some(before.trim().to_string()),
        state: Some(state.to_string()),
        ..Heading::default()
    }))
}

fn last_word(text: &str) -> Option<(&str, &str)> {
    let (before, word) = text.rsplit_once([' ', '\t'])?;
    Some((before.trim_end(), word))
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `Process foo (pid: 57, task: 000000003b2a0000`: s390, MIPS and arm name the task so.
fn process(text: &str) -> Option<Part> {
    let (comm, rest) = text.strip_prefix("Process ")?.split_once(" (pid: ")?;
    Some(Part::Heading(Heading {
        pid: Some(Scan::new(rest).small()?),
        comm: Some(comm.trim().to_string()),
        ..Heading::default()
    }))
}

/// Where saved registers say the CPU was.
fn registers(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    // A processor in user mode has the lowest bits of its code segment set.
    if scan.eat("RIP: ") || scan.eat("EIP: ") {
        let mut ahead = scan;
        let segment = ahead.word();
        if segment.starts_with("0033:") || segment.starts_with("0023:") {
            return Some(Part::User);
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
    let symbol = symbol(scan.rest())?;
    Some(Part::Frame(Frame {
        symbol: symbol.to_string(),
        place: Place::Registers,
    }))
}

/// A line of a stack: any architecture, any age.
pub(crate) fn frame(text: &str) -> Option<Frame> {
    let mut rest = text.trim_start();
    // `<IRQ>`, `<<EOE>>`
    while rest.starts_with('<') {
        let (tag, behind) = rest.split_once('>')?;
        if !tag
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || b"</".contains(&byte))
        {
            return None;
        }
        rest = behind.trim_start_matches('>').trim_start();
    }
    let mut place = Place::Trace;
    if let Some(behind) = rest.strip_prefix('(') {
        if behind.starts_with("[<") {
            place = Place::Unreliable;
            rest = behind;
        }
    }
    rest = without_addresses(rest);
    if let Some(behind) = rest.strip_prefix("? ") {
        place = Place::Unreliable;
        rest = behind.trim_start();
    }
    if memchr(b'(', rest.as_bytes()).is_some() && rest.contains("(unreliable)") {
        place = Place::Unreliable;
    }
    let symbol = symbol(rest)?;
    Some(Frame {
        symbol: symbol.to_string(),
        place,
    })
}

/// Without `[<ffffffff81000000>]` and `[c000000000123456]`, once or twice.
fn without_addresses(mut text: &str) -> &str {
    for _ in 0..3 {
        let Some(behind) = text.strip_prefix('[') else {
            break;
        };
        let Some((address, behind)) = behind.split_once(']') else {
            break;
        };
        let digits = address.trim_start_matches('<').trim_end_matches('>');
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits.len() < 8 && digits != "0" || !hexadecimal {
            break;
        }
        text = behind.trim_start();
    }
    text
}

/// The symbol at the start of a text, if what follows shows that it is one: an offset, a source's line, or
/// the caller in arm's form.
fn symbol(text: &str) -> Option<&str> {
    let text = without_addresses(text.trim_start());
    // MIPS and RISC-V print the address bare; s390 and arm put the symbol into parentheses.
    let text = match text.split_once(' ') {
        Some((word, rest)) if word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) => {
            rest.trim_start()
        }
        _ => text,
    };
    let (text, parenthesised) = match text.strip_prefix('(') {
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
        || (parenthesised && rest.starts_with(") from "))
        || rest.starts_with(" from ") && has_offset(rest)
        || is_source(rest);
    is_symbol.then_some(symbol)
}

fn has_offset(text: &str) -> bool {
    text.contains("+0x")
}

/// ` kernel/fork.c:12 [inline]`, ` (kernel/fork.c:12)`, as scripts put it into logs.
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

/// A symbol as people write it.
pub(crate) fn function(symbol: &str) -> String {
    if symbol.starts_with("_R") || symbol.starts_with("_ZN") {
        let name = format!("{:#}", demangle(symbol));
        if name != symbol && name.is_ascii() && name.len() < MAX_NAME {
            return rust_name::readable(&name);
        }
    }
    base(symbol).to_string()
}

/// A symbol without what the compiler added: `.cold`, `.isra.0`, `.constprop.0`.
pub(crate) fn base(symbol: &str) -> &str {
    let symbol = symbol.strip_prefix("__pfx_").unwrap_or(symbol);
    match symbol.find('.') {
        Some(0) => symbol.get(1..).unwrap_or(symbol),
        Some(at) => symbol.get(..at).unwrap_or(symbol),
        None => symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn the_frame(text: &str) -> (String, Place) {
        let frame = frame(text).unwrap_or_else(|| panic!("no frame: {text:?}"));
        (frame.function(), frame.place)
    }

    #[test]
    fn frames_of_every_architecture() {
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
            assert_eq!(the_frame(text), expected, "{text}");
        }
        for text in [
            "? synchronize_rcu+0x14/0x20",
            "[<ffffffff81000000>] ? synchronize_rcu+0x14/0x20",
            "[c000000001234560] [c0000000000abcd0] synchronize_rcu+0x14/0x20 (unreliable)",
            "([<0000000000112233>] synchronize_rcu+0x14/0x20)",
            "? __pfx_synchronize_rcu+0x10/0x10",
        ] {
            let expected = ("synchronize_rcu".to_string(), Place::Unreliable);
            assert_eq!(the_frame(text), expected, "{text}");
        }
    }

    #[test]
    fn registers_say_where_the_cpu_was() {
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
        assert_eq!(part("RIP: 0033:0x7f12a4c0"), Some(Part::User));
    }

    #[test]
    fn headings_name_cpu_and_task() {
        let heading = |text| match part(text) {
            Some(Part::Heading(heading)) => heading,
            other => panic!("{text:?} is {other:?}"),
        };
        let found = heading("CPU: 1 UID: 0 PID: 57 Comm: my prog Tainted: G        W  O       6.18.15 #1 PREEMPT(full)");
        assert_eq!((found.cpu, found.pid), (Some(1), Some(57)));
        assert_eq!(found.comm.as_deref(), Some("my prog"));
        assert_eq!(found.kernel.as_deref(), Some("6.18.15"));
        assert_eq!(found.taint.as_deref(), Some("G W O"));
        let found =
            heading("CPU: 0 PID: 0 Comm: swapper/0 Not tainted 5.4.0-42-generic #46-Ubuntu");
        assert_eq!(found.comm.as_deref(), Some("swapper/0"));
        assert_eq!(found.kernel.as_deref(), Some("5.4.0-42-generic"));
        assert_eq!(found.taint.as_deref(), Some("Not tainted"));
        let found = heading("Pid: 57, comm: foo Not tainted 3.2.0-4-amd64 #1 Debian");
        assert_eq!(
            (found.pid, found.kernel.as_deref()),
            (Some(57), Some("3.2.0-4-amd64"))
        );
        for text in [
            "task:kworker/0:1     state:D stack:0     pid:57    tgid:57    ppid:2      flags:0x00004000",
            "task:kworker/0:1     state:D stack:    0 pid:   57 ppid:     2 flags:0x00004000",
            "kworker/0:1     D ffff88003fd83e40     0    57      2 0x00000000",
            "kworker/0:1     D    0    57      2 0x80004000",
            "kworker/0:1     D15016    57      2 0x80004000",
        ] {
            let found = heading(text);
            assert_eq!(found.pid, Some(57), "{text}");
            assert_eq!(found.comm.as_deref(), Some("kworker/0:1"), "{text}");
            assert_eq!(found.state.as_deref(), Some("D"), "{text}");
        }
        let found = heading("swapper/1       R  running task        0     0      1 0x00200000");
        assert_eq!(found.comm.as_deref(), Some("swapper/1"));
        for text in [
            "my prog         R running      0    57      1 0x00000002",
            "my prog         R  running task        0    57      1",
            "Process my prog (pid: 57, task: 000000003b2a0000, ksp: 000000003b2ab8c0)",
        ] {
            let found = heading(text);
            assert_eq!(
                (found.comm.as_deref(), found.pid),
                (Some("my prog"), Some(57)),
                "{text}"
            );
        }
        assert_eq!(heading("NMI backtrace for cpu 3").cpu, Some(3));
        let found = heading("NMI backtrace for cpu 3 skipped: idling at native_safe_halt+0xe/0x10");
        assert_eq!(found.idle_at.as_deref(), Some("native_safe_halt"));
        assert_eq!(heading("Task dump for CPU 2:").cpu, Some(2));
    }

    #[test]
    fn functions_of_rust_are_readable() {
        let mangled = "_RNvNtCs1234_13rust_rcu_demo5stall4spin";
        assert_eq!(function(mangled), "rust_rcu_demo::stall::spin");
    }

    #[test]
    fn other_lines_are_no_frames() {
        for text in [
            "",
            "usb 1-1: new high-speed USB device",
            "Modules linked in: nfs(O) ext4",
            "Code: 00 00 <0f> 0b",
            "RAX: 0000000000000000 RBX: ffff888000000000",
            "INFO: task foo:1 blocked for more than 120 seconds.",
            "message from host",
            "12: 34",
            "[<zz>] foo",
        ] {
            assert_eq!(part(text), None, "{text:?}");
        }
    }
}
