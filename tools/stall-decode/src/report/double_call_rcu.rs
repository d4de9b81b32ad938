// SPDX-License-Identifier: GPL-2.0

//! An `rcu_head` that is queued twice: `debug_rcu_head_queue()` in `kernel/rcu/rcu.h`,
//! `lib/debugobjects.c`.

use super::{Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::Scan;
use crate::stack;

pub(crate) static FAMILY: Family = Family {
    headers: &[
        "ODEBUG: activate active",
        "Double-freed C",
        "Double-freed c",
    ],
    details: &["(): Double-freed ", " start "],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
};

fn header(text: &str) -> Option<Event> {
    let mut event = Event::new(EventKind::DoubleCallRcu);
    // `ODEBUG: activate active (active state 1) object: 0 object type: rcu_head hint: 0x0`
    if text.contains("ODEBUG: activate active") {
        if !text.contains("object type: rcu_head") {
            return None;
        }
        event.message = Some("the rcu_head was already queued".to_string());
        return Some(event);
    }
    // `__call_rcu_common(): Double-freed CB 00000000c0ffee00->free_it+0x0/0x10 [demo]()!!!`
    let rest = Scan::after(text, "(): Double-freed ")?.rest();
    event.message = Some("the callback was already queued".to_string());
    if let Some((_, callback)) = rest.split_once("->") {
        let function = stack::frame(callback).map(|frame| frame.function());
        event.symbol = function.or_else(|| callback.split("()").next().map(str::to_string));
    }
    Some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    // The same error is reported again after `ODEBUG:`.
    let Some(rest) = Scan::after(text, "(): Double-freed ") else {
        return text.starts_with("slab ") && text.contains(" start ");
    };
    if report.event.symbol.is_some() {
        return false;
    }
    if let Some((_, callback)) = rest.rest().split_once("->") {
        report.event.symbol = stack::frame(callback).map(|frame| frame.function());
    }
    true
}

fn complete(report: &mut Report) {
    report.add_current_task(Origin::Caller);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn both_messages_of_one_double_call_are_one_event() {
        let event = only(
            "------------[ cut here ]------------\n\
             ODEBUG: activate active (active state 1) object: 00000000c0ffee00 object type: rcu_head hint: 0x0\n\
             WARNING: CPU: 0 PID: 57 at lib/debugobjects.c:615 debug_print_object+0x1/0x2\n\
             CPU: 0 UID: 0 PID: 57 Comm: updater Not tainted 6.18.15 #1\n\
             RIP: 0010:debug_print_object+0x1/0x2\n\
             Call Trace:\n\
             <TASK>\n\
             debug_object_activate+0x1/0x2\n\
             __call_rcu_common+0x1/0x2\n\
             retire_twice+0x1/0x2 [demo]\n\
             ---[ end trace 0000000000000000 ]---\n\
             __call_rcu_common(): Double-freed CB 00000000c0ffee00->free_it+0x0/0x10 [demo]()!!!   slab kmalloc-64 start ffff8881 pointer offset 0 size 64\n",
        );
        assert_eq!(event.kind, EventKind::DoubleCallRcu);
        assert_eq!(event.tasks[0].comm.as_deref(), Some("updater"));
        assert_eq!(event.culprit_frame.as_deref(), Some("retire_twice"));
        assert_eq!(event.symbol.as_deref(), Some("free_it"));
    }

    #[test]
    fn the_double_freed_message_alone_names_the_callback() {
        let event =
            only("__call_rcu_common(): Double-freed CB 00000000c0ffee00->free_it+0x0/0x10()!!!\n");
        assert_eq!(event.symbol.as_deref(), Some("free_it"));
        let event = only("kvfree_call_rcu(): Double-freed call. rcu_head 00000000c0ffee00\n");
        assert_eq!(event.kind, EventKind::DoubleCallRcu);
    }

    #[test]
    fn debugobjects_reports_of_other_types_are_ignored() {
        assert!(decode("ODEBUG: activate active (active state 0) object: 0 object type: work_struct hint: f+0x1/0x2\n").is_empty());
    }
}
