// SPDX-License-Identifier: GPL-2.0

//! Headings of stack dumps: the lines that name CPU, task and kernel.

use memchr::memmem;

use super::{frame, Part};
use crate::scan::{name_and_pid, small_after, Scan};

/// A line that starts a dump, or names its CPU or task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) taint: Option<String>,
    /// The idle function of a CPU whose dump the kernel skipped.
    pub(crate) idle_at: Option<String>,
    /// Whether the line only announces a dump with a heading of its own.
    pub(crate) announces: bool,
    /// Whether the line names a PREEMPT_RT kernel.
    pub(crate) is_realtime: bool,
}

impl Heading {
    /// Parses `WARNING: CPU: 1 PID: 57 at …`; since 7.0 `WARNING: file:line at …, CPU#1: comm/57`.
    pub(crate) fn of_warning(text: &str) -> Option<Self> {
        if let Some(Part::Heading(heading)) = super::part(text) {
            return Some(heading);
        }
        let mut scan = Scan::after(text, ", CPU#")?;
        let cpu = scan.small()?;
        scan.expect(": ")?;
        let (comm, pid) = name_and_pid(scan.rest(), '/')?;
        Some(Self {
            announces: true,
            cpu: Some(cpu),
            pid: Some(pid),
            comm: Some(comm.to_string()),
            ..Self::default()
        })
    }
}

/// Parses `CPU: 1 UID: 0 PID: 57 Comm: foo Not tainted 6.18.0 #1 PREEMPT`.
pub(super) fn cpu(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let cpu = scan.expect("CPU: ")?.spaces().small()?;
    let mut heading = Heading {
        cpu: Some(cpu),
        ..Heading::default()
    };
    heading.pid = small_after(scan.rest(), "PID: ");
    if let Some(comm) = Scan::after(scan.rest(), "Comm: ") {
        heading.comm = Some(comm_before_taint(comm.rest()));
    }
    (heading.taint, heading.kernel) = taint_and_kernel(scan.rest());
    heading.is_realtime = is_realtime(scan.rest(), heading.kernel.as_deref());
    Some(Part::Heading(heading))
}

/// Returns whether a version is that of PREEMPT_RT: `#1 SMP PREEMPT_RT`, `6.1.0-18-rt-amd64`.
pub(crate) fn is_realtime(version: &str, kernel: Option<&str>) -> bool {
    let is_rt = |part: &str| {
        part.strip_prefix("rt")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    version.contains("PREEMPT_RT")
        || version.contains("PREEMPT RT")
        || kernel.is_some_and(|kernel| kernel.split(['-', '+', '.']).any(is_rt))
}

/// Parses `Pid: 57, comm: foo Not tainted 3.2.0 #1` of kernels before 3.10.
pub(super) fn legacy_cpu(text: &str) -> Option<Part> {
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

/// Parses `WARNING: CPU: 1 PID: 57 at file:line func+0x1/0x2`.
pub(super) fn warning(text: &str) -> Option<Part> {
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
    without_cut_taint(comm).trim().to_string()
}

/// Strips the begin of the taint, if the line was cut inside it.
fn without_cut_taint(comm: &str) -> &str {
    let mut lengths = (" Not".len()..=" Not tainted".len()).rev();
    let cut = lengths.find_map(|length| comm.strip_suffix(" Not tainted".get(..length)?));
    cut.unwrap_or(comm)
}

/// Parses the taint, and the release before `#1-Ubuntu`.
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

/// Returns whether a word is a kernel release, such as `5.15.0-91-generic`.
pub(crate) fn looks_like_release(word: &str) -> bool {
    let mut scan = Scan::new(word);
    scan.number().is_some() && scan.eat(".") && scan.number().is_some()
}

/// Parses `NMI backtrace for cpu 1`; if idle, with ` skipped: idling at native_safe_halt+0xe/0x10`.
pub(super) fn nmi(text: &str) -> Option<Part> {
    let mut scan = Scan::new(text);
    let cpu = scan.expect("NMI backtrace for cpu ")?.small()?;
    let idle_at = Scan::after(scan.rest(), "idling at ")
        .map(|at| frame(at.rest()).map_or(at.rest().trim().to_string(), |frame| frame.symbol));
    Some(Part::Heading(Heading {
        cpu: Some(cpu),
        idle_at,
        announces: true,
        ..Heading::default()
    }))
}

/// Parses `Task dump for CPU 1:`.
pub(super) fn task_dump(text: &str) -> Option<Part> {
    let cpu = Scan::new(text).expect("Task dump for CPU ")?.small()?;
    Some(Part::Heading(Heading {
        cpu: Some(cpu),
        announces: true,
        ..Heading::default()
    }))
}

/// Parses `task:foo             state:D stack:0     pid:57    tgid:57    ppid:1`.
pub(super) fn task(text: &str) -> Option<Part> {
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

/// Parses `foo       D ffff88003fd83e40     0    57      1 0x00000000` of kernels before 5.10.
pub(super) fn legacy_task(text: &str) -> Option<Part> {
    // The last word rejects most other lines: it holds the flags, unless a mail cut them off.
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
        // `I15016`: state and free stack without a blank between them.
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

/// Parses `Process foo (pid: 57, task: 000000003b2a0000` of s390, MIPS and arm.
pub(super) fn process(text: &str) -> Option<Part> {
    let (comm, rest) = text.strip_prefix("Process ")?.split_once(" (pid: ")?;
    Some(Part::Heading(Heading {
        pid: Some(Scan::new(rest).small()?),
        comm: Some(comm.trim().to_string()),
        ..Heading::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::part;

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
}
