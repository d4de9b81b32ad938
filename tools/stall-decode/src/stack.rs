// SPDX-License-Identifier: GPL-2.0

//! Stack dumps: headings that name CPU and task, and frames.

mod frame;
mod heading;
mod rust_name;
mod symbol;

use std::sync::Arc;

use crate::backtrace::{Backtrace, Origin};
use crate::functions::Class;
pub(crate) use frame::{frame, Frame, Place};
pub(crate) use heading::{looks_like_release, taint_and_kernel, Heading};
pub(crate) use symbol::{base, function};

/// Frames kept per dump.
const MAX_FRAMES: usize = 64;

/// The subject of a dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// A CPU or task that the report is about.
    #[default]
    Subject,
    /// The grace-period kthread.
    GpKthread,
    /// The CPU on which the grace-period kthread last ran.
    GpKthreadCpu,
    /// The CPU that reported the stall of others.
    Detector,
    /// The task that holds a lock.
    Holder,
    /// A worker of a pool that makes no progress.
    Worker,
    /// The allocation of an object.
    Allocated,
    /// The free of an object.
    Freed,
    /// The queueing of the work or callback that freed an object.
    Queued,
}

/// The stack of a CPU or task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dump {
    pub(crate) role: Role,
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) state: Option<String>,
    /// The idle function of a CPU whose dump the kernel skipped.
    pub(crate) idle_at: Option<String>,
    /// Shared, because each report copies the dumps that it blames.
    pub(crate) frames: Arc<Vec<Frame>>,
    /// Whether a trace has begun, so that another heading starts another dump.
    pub(crate) has_trace: bool,
    /// Whether the registers show user mode.
    pub(crate) is_in_user_mode: bool,
    /// Whether the kernel printed the stack of a task, not that of a CPU.
    pub(crate) is_of_task: bool,
    /// The work item that a worker runs.
    pub(crate) work: Option<Work>,
    /// Seconds by which the clock of the dump's CPU is behind that of the reporting CPU.
    pub(crate) clock_behind: Option<f64>,
    /// Whether the kernel that printed it is PREEMPT_RT.
    pub(crate) is_realtime: bool,
    /// Whether another CPU's dump was printed at the same time, without caller IDs.
    pub(crate) is_mixed: bool,
    /// The caller that the last line named. The next line normally repeats it.
    pub(crate) caller: Option<Frame>,
    /// The backtrace of the complete dump, for reports of one origin.
    pub(crate) backtrace: Option<Arc<(Origin, Backtrace)>>,
}

/// The work item that a worker runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) queue: String,
    /// The function of the work item; none if the worker is idle.
    pub(crate) function: Option<String>,
    pub(crate) module: Option<String>,
}

impl Dump {
    /// Adds a frame, and the caller that the line names.
    pub(crate) fn push(&mut self, frame: Frame, caller: Option<Frame>) {
        self.finish(Some(&frame));
        // Some architectures print the registers again after the trace.
        let is_repeated_start = frame.place == Place::Registers
            && self.frames.first().is_some_and(|first| {
                first.place == Place::Registers && first.symbol == frame.symbol
            });
        if !is_repeated_start && self.frames.len() < MAX_FRAMES {
            Arc::make_mut(&mut self.frames).push(frame);
        }
        self.caller = caller;
    }

    /// Adds the caller that the last line named, unless `next` is that function.
    pub(crate) fn finish(&mut self, next: Option<&Frame>) {
        let Some(caller) = self.caller.take() else {
            return;
        };
        let is_next = next.is_some_and(|next| next.symbol == caller.symbol);
        if !is_next && self.frames.len() < MAX_FRAMES {
            Arc::make_mut(&mut self.frames).push(caller);
        }
    }
}

/// A line of a stack dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Heading(Heading),
    /// `Call Trace:`
    Trace,
    /// A frame, and its caller if the line names it.
    Frames(Frame, Option<Frame>),
    /// `Workqueue: events foo_work [foo]`
    Work(Work),
    /// Registers of user mode.
    UserMode,
    /// `(unreliable)`, which a mail program wrapped.
    Unreliable,
}

/// Parses a line of a trace that has only the name of a function, without its offset.
pub(crate) fn bare_frame(text: &str) -> Option<Part> {
    let (name, is_guess) = match text.trim().strip_prefix("? ") {
        Some(name) => (name, true),
        None => (text.trim(), false),
    };
    let (name, module) = match name.split_once(" [") {
        Some((name, module)) => (name, Some(module.strip_suffix(']')?)),
        None => (name, None),
    };
    let is_name = |text: &str| {
        text.len() >= 4
            && !text.starts_with(|first: char| first.is_ascii_digit())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
    };
    let is_kernel = name.bytes().any(|byte| byte == b'_') || Class::of(name) != Class::Other;
    (is_name(name) && is_kernel).then(|| {
        let frame = Frame {
            symbol: name.to_string(),
            place: match is_guess {
                true => Place::Unreliable,
                false => Place::Trace,
            },
            module: module.map(str::to_string),
        };
        Part::Frames(frame, None)
    })
}

/// Parses a line of a stack dump.
pub(crate) fn part(text: &str) -> Option<Part> {
    let first = text.bytes().next()?;
    let found = match first {
        b'C' => call_trace(text).or_else(|| heading::cpu(text)),
        b'N' => heading::nmi(text).or_else(|| frame::registers(text)),
        b'T' => heading::task_dump(text).or_else(|| heading::legacy_task(text)),
        b't' => heading::task(text).or_else(|| heading::legacy_task(text)),
        b'S' if text.starts_with("Sending NMI") => return None,
        b'B' if text.starts_with("Backtrace") => Some(Part::Trace),
        b'P' => heading::process(text).or_else(|| frame::registers(text)),
        b'R' | b'E' | b'p' | b'e' | b'K' | b'-' => frame::registers(text),
        b'(' if text.trim_end() == "(unreliable)" => Some(Part::Unreliable),
        b'W' => heading::warning(text).or_else(|| work(text).map(Part::Work)),
        _ => None,
    };
    found
        .or_else(|| frame::frames(text).map(|(frame, caller)| Part::Frames(frame, caller)))
        .or_else(|| heading::legacy_task(text))
        .or_else(|| heading::legacy_cpu(text))
}

/// Parses `Workqueue: events foo_work [foo]`; an idle worker has ` 0x0` as function.
fn work(text: &str) -> Option<Work> {
    let rest = text.strip_prefix("Workqueue: ")?.trim();
    let (queue, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut scan = crate::scan::Scan::new(rest.trim_start());
    let name = scan.run(|byte| byte.is_ascii_alphanumeric() || b"_.$".contains(&byte));
    let is_idle = queue == "0x0" || name == "0x0" || name.is_empty();
    let module = scan.spaces().rest().strip_prefix('[');
    Some(Work {
        queue: queue.to_string(),
        function: (!is_idle).then(|| function(name)),
        module: module.and_then(|module| Some(module.split_once(']')?.0.to_string())),
    })
}

fn call_trace(text: &str) -> Option<Part> {
    (text.starts_with("Call Trace:") || text.starts_with("Call trace:") || text == "CallTrace:")
        .then_some(Part::Trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_are_no_part_of_a_dump() {
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
