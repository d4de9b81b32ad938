// SPDX-License-Identifier: GPL-2.0

//! Stack dumps: headings that name CPU and task, and frames.

mod frame;
mod heading;
mod rust_name;
mod symbol;

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
    pub(crate) frames: Vec<Frame>,
    /// Whether a trace has begun, so that another heading starts another dump.
    pub(crate) has_trace: bool,
}

impl Dump {
    /// Adds a frame.
    pub(crate) fn push(&mut self, frame: Frame) {
        if self.frames.len() >= MAX_FRAMES {
            return;
        }
        // Some architectures print the registers again after the trace.
        let is_repeated_start = frame.place == Place::Registers
            && self.frames.first().is_some_and(|first| {
                first.place == Place::Registers && first.symbol == frame.symbol
            });
        // Doubled log lines double frames. Direct recursion has equal frames too, but is rare in
        // the kernel.
        if !is_repeated_start && self.frames.last() != Some(&frame) {
            self.frames.push(frame);
        }
    }
}

/// A line of a stack dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Heading(Heading),
    /// `Call Trace:`
    Trace,
    Frame(Frame),
    /// Registers of user mode.
    UserMode,
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
        b'W' => heading::warning(text),
        _ => None,
    };
    found
        .or_else(|| frame(text).map(Part::Frame))
        .or_else(|| heading::legacy_task(text))
        .or_else(|| heading::legacy_cpu(text))
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
