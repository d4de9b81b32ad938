// SPDX-License-Identifier: GPL-2.0

//! Compares the stacks of one task in several reports of an incident.
//!
//! The frames outside of the loop stay, and the frames inside of it change. So the innermost frame
//! that all stacks have in common is the function that loops, or the function that it calls forever.

use crate::event::{Event, EventKind};
use crate::functions::Class;

/// Tasks whose stacks are kept per incident.
const MAX_STACKS: usize = 16;

/// Seconds between two stacks that are samples of their own.
const MIN_DISTANCE: f64 = 1.0;

/// The frames that all stacks of a task have in common.
#[derive(Debug)]
struct Common {
    pid: u32,
    /// Functions, outermost first.
    frames: Vec<String>,
    stacks: u64,
    /// The time of the newest stack.
    clock: Option<f64>,
}

/// The common frames of all tasks of an incident.
#[derive(Debug, Default)]
pub(super) struct CommonFrames(Vec<Common>);

impl CommonFrames {
    /// Adds the stack of an event, and sets the function that it has in common with earlier ones.
    pub(super) fn add(&mut self, event: &mut Event) {
        let runs = event.kind.is_stall()
            || matches!(event.kind, EventKind::SoftLockup | EventKind::HardLockup);
        let (true, Some(_), Some(pid)) = (runs, &event.culprit_frame, running_task(event)) else {
            return;
        };
        let clock = event.time.as_ref().map(|time| time.clock);
        let outermost_first = event.frames.iter().rev();
        let Some(known) = self.0.iter_mut().find(|known| known.pid == pid) else {
            if self.0.len() < MAX_STACKS {
                self.0.push(Common {
                    pid,
                    frames: outermost_first.cloned().collect(),
                    stacks: 1,
                    clock,
                });
            }
            return;
        };
        let distance = clock.zip(known.clock).map(|(now, before)| now - before);
        if distance.is_some_and(|distance| distance < MIN_DISTANCE) {
            return;
        }
        let pairs = known.frames.iter().zip(outermost_first);
        let length = pairs.take_while(|(known, frame)| known == frame).count();
        known.frames.truncate(length);
        known.stacks += 1;
        known.clock = clock;
        let is_code = |frame: &&String| {
            event.culprit_frame.as_ref() == Some(*frame) || Class::of(frame) == Class::Other
        };
        event.common_frame = known.frames.iter().rfind(is_code).cloned();
        event.evidence.common_stacks = known.stacks;
    }
}

/// Returns the task that the stack of an event shows. The idle task runs on every CPU.
fn running_task(event: &Event) -> Option<u32> {
    let mut tasks = event.tasks.iter();
    let named = tasks.find(|task| task.comm.is_some())?;
    named.pid.filter(|&pid| pid != 0)
}

#[cfg(test)]
mod tests {
    use crate::tests::decode;

    fn lockup(second: u64, frames: &str) -> String {
        let frames = frames
            .split(' ')
            .map(|frame| format!("[{second:5}.000002]  {frame}+0x1/0x2\n"));
        format!(
            "[{second:5}.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [scrub:57]\n\
             [{second:5}.000001] CPU: 1 PID: 57 Comm: scrub Not tainted 6.18.15 #1\n\
             [{second:5}.000001] RIP: 0010:_raw_spin_lock+0x1/0x2\n{}",
            frames.collect::<String>()
        )
    }

    #[test]
    fn the_innermost_common_frame_of_several_reports_is_the_loop() {
        let log = lockup(100, "free_extent scrub_extents scrub_ioctl do_syscall_64")
            + &lockup(
                128,
                "compare_extent scrub_extents scrub_ioctl do_syscall_64",
            )
            + &lockup(
                156,
                "compare_extent scrub_extents scrub_ioctl do_syscall_64",
            );
        let events = decode(&log);
        let found: Vec<_> = events
            .iter()
            .map(|event| {
                (
                    event.culprit_frame.as_deref(),
                    event.common_frame.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (Some("free_extent"), None),
                (Some("compare_extent"), Some("scrub_extents")),
                (Some("compare_extent"), Some("scrub_extents")),
            ]
        );
        let causes = events[2].causes.join(" ");
        assert!(
            causes.contains("scrub_extents() is in all 3 stacks"),
            "{causes}"
        );
    }

    #[test]
    fn stacks_of_one_moment_or_of_two_tasks_are_no_evidence() {
        let first = lockup(100, "free_extent scrub_extents");
        let other = lockup(128, "free_extent scrub_extents")
            .replace(":57]", ":58]")
            .replace("PID: 57", "PID: 58");
        for second in [lockup(100, "compare_extent scrub_extents"), other] {
            let events = decode(&format!("{first}{second}"));
            assert!(
                events.iter().all(|event| event.common_frame.is_none()),
                "{events:#?}"
            );
        }
    }
}
