// SPDX-License-Identifier: GPL-2.0

//! Voluntary context switches in a reader: the warning of `rcu_note_context_switch()`.

use super::{Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::Scan;

pub(crate) static FAMILY: Family = Family {
    headers: &[
        MESSAGE,
        "rcu_note_context_switch+0x",
        "rcu_preempt_note_context_switch+0x",
    ],
    details: &["Voluntary context switch within RCU"],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
};

const MESSAGE: &str = "Voluntary context switch within RCU read-side critical section";

fn header(text: &str) -> Option<Event> {
    let mut event = Event::new(EventKind::VoluntaryContextSwitch);
    if is_message(text) {
        return Some(event);
    }
    // Older kernels print no message, and architectures other than x86 print it after the warning.
    if !is_warning(text) {
        return None;
    }
    let mut scan = Scan::after(text, " at ")?;
    let location = scan.word();
    event.location = location.contains(':').then(|| location.to_string());
    Some(event)
}

fn is_message(text: &str) -> bool {
    // Prose continues after the message.
    let rest = text.trim_start_matches('-').strip_prefix(MESSAGE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('!'))
}

fn is_warning(text: &str) -> bool {
    let is_in_rcu =
        text.contains("kernel/rcu/tree_plugin.h:") || text.contains("kernel/rcutree_plugin.h:");
    text.starts_with("WARNING: ") && is_in_rcu
}

fn detail(report: &mut Report, text: &str) -> bool {
    let mut dumps = report.dumps.iter();
    let has_dump = dumps.any(|dump| dump.comm.is_some() || !dump.frames.is_empty());
    !has_dump && is_message(text)
}

fn complete(report: &mut Report) {
    report.add_current_task(Origin::Caller);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn x86_prints_the_message_before_the_warning() {
        let event = only(
            "------------[ cut here ]------------\n\
             Voluntary context switch within RCU read-side critical section!\n\
             WARNING: CPU: 1 PID: 57 at kernel/rcu/tree_plugin.h:332 rcu_note_context_switch+0x1/0x2\n\
             CPU: 1 UID: 0 PID: 57 Comm: reader Not tainted 6.18.15 #1\n\
             RIP: 0010:rcu_note_context_switch+0x1/0x2\n\
             Call Trace:\n\
             <TASK>\n\
             __schedule+0x1/0x2\n\
             schedule+0x1/0x2\n\
             schedule_timeout+0x1/0x2\n\
             msleep+0x1/0x2\n\
             nap+0x1/0x2 [demo]\n\
             ---[ end trace 0000000000000000 ]---\n",
        );
        assert_eq!(event.kind, EventKind::VoluntaryContextSwitch);
        assert_eq!((event.line, event.cpus.as_slice()), (2, &[1][..]));
        assert_eq!(event.tasks[0].comm.as_deref(), Some("reader"));
        assert_eq!(event.culprit_frame.as_deref(), Some("nap"));
    }

    #[test]
    fn other_architectures_print_the_message_after_the_warning() {
        let event = only(
            "WARNING: CPU: 1 PID: 57 at kernel/rcu/tree_plugin.h:332 rcu_note_context_switch+0x1/0x2\n\
             Voluntary context switch within RCU read-side critical section!\n\
             CPU: 1 PID: 57 Comm: reader Not tainted 6.1.0 #1\n",
        );
        assert_eq!((event.line, event.cpus.as_slice()), (1, &[1][..]));
        assert_eq!(event.tasks.len(), 1);
    }

    #[test]
    fn message_and_warning_joined_on_one_line_are_parsed() {
        let event = only(
            "Voluntary context switch within RCU read-side critical section! WARNING: kernel/rcu/tree_plugin.h:332 at rcu_note_context_switch+0x4c4/0x508, CPU#1: bash/817\n",
        );
        assert_eq!(
            (event.cpus.as_slice(), event.tasks[0].pid),
            (&[1][..], Some(817))
        );
    }

    #[test]
    fn prose_about_context_switches_is_no_report() {
        let prose = "A Voluntary context switch within RCU read-side critical section is a bug\n";
        assert!(decode(prose).is_empty());
    }
}
