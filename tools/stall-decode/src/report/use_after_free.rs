// SPDX-License-Identifier: GPL-2.0

//! Accesses to freed memory: KASAN (`mm/kasan/report.c`), KFENCE, SLUB's poison (`mm/slub.c`), and
//! crashes at poison addresses.

use super::{backtrace_of, task_named, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::functions::Class;
use crate::scan::{name_and_pid, Scan};
use crate::stack::{self, Role};

/// Functions of a stack kept in a field.
const MAX_FIELD_FRAMES: usize = 8;

/// An address in memory filled with SLUB's poison for freed objects.
const POISON: &str = "6b6b6b6b6b6b6b";

pub(crate) static FAMILY: Family = Family {
    headers: &[
        "BUG: KASAN: ",
        "BUG: KASan: ",
        "BUG: KFENCE: ",
        "Poison overwritten",
        POISON,
    ],
    details: &[
        " of size ",
        "at addr ",
        " by task ",
        "work creation:",
        "call_rcu()",
        "belongs to the cache",
        "The buggy address",
        "Memory state around",
        "INFO: Allocated in ",
        "INFO: Freed in ",
    ],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
};

fn header(text: &str) -> Option<Event> {
    let mut event = Event::new(EventKind::UseAfterFree);
    // Linux 4.0 to 4.5 print `BUG: KASan: use after free in look+0x1/0x2 at addr ffff888`.
    let sanitizer = ["BUG: KASAN: ", "BUG: KASan: ", "BUG: KFENCE: "]
        .into_iter()
        .find_map(|start| Scan::after(text, start));
    if let Some(scan) = sanitizer {
        let (what, place) = scan.rest().split_once(" in ").unwrap_or((scan.rest(), ""));
        if !what.replace('-', " ").contains("use after free") {
            return None;
        }
        event.message = Some(what.to_string());
        event.symbol = stack::frame(place).map(|frame| frame.function());
        return Some(event);
    }
    if text.contains("Poison overwritten") {
        // `BUG kmalloc-64 (Tainted: G B): Poison overwritten`
        let mut scan = Scan::after(text, "BUG ")?;
        let cache = scan.word().trim_end_matches(':');
        event.message = Some("the object was written after it was freed".to_string());
        event.add_field("cache", cache, "the slab cache of the object");
        return Some(event);
    }
    let is_crash = text.contains("general protection fault")
        || text.contains("nable to handle")
        || text.starts_with("Oops");
    is_crash.then(|| {
        event.message = Some("a pointer was read from freed memory (poison 6b6b6b6b)".to_string());
        event
    })
}

fn detail(report: &mut Report, text: &str) -> bool {
    // `Read of size 8 at addr ffff888 by task foo/57`
    if text.starts_with("Read of size")
        || text.starts_with("Write of size")
        || text.starts_with("Read at addr")
        || text.starts_with("Write at addr")
    {
        access(&mut report.event, text);
        return true;
    }
    for (start, role, name) in [
        ("INFO: Allocated in ", Role::Allocated, ""),
        ("INFO: Freed in ", Role::Freed, ""),
        ("Allocated by task ", Role::Allocated, "allocated by"),
        ("Freed by task ", Role::Freed, "freed by"),
        ("Last potentially related work creation:", Role::Queued, ""),
        (
            "Second to last potentially related work creation:",
            Role::Queued,
            "",
        ),
        ("Last call_rcu():", Role::Queued, ""),
        ("Last call_rcu() call stack:", Role::Queued, ""),
        ("Second to last call_rcu():", Role::Queued, ""),
    ] {
        if let Some(rest) = text.strip_prefix(start) {
            if let (false, Some(pid)) = (name.is_empty(), Scan::new(rest).small()) {
                report
                    .event
                    .add_field(name, format!("task {pid}"), "see the stack");
            }
            report.next_dump = Some(role);
            return true;
        }
    }
    if let Some(mut cache) = Scan::after(text, "belongs to the cache ") {
        report
            .event
            .add_field("cache", cache.word(), "the slab cache of the object");
        return true;
    }
    text.starts_with("The buggy address")
        || text.starts_with("Memory state around")
        || text.starts_with("freed by task")
        || text.starts_with("allocated by task")
}

fn access(event: &mut Event, text: &str) {
    let (what, by) = text.split_once(" by task ").unwrap_or((text, ""));
    event.add_field("access", what, "the access to freed memory");
    if let Some((comm, pid)) = name_and_pid(by, '/') {
        event.add_task(task_named(comm, Some(pid)));
    }
}

fn complete(report: &mut Report) {
    report.add_current_task(Origin::Caller);
    // The first line is certain, and a frame that may be left over is not.
    if report.event.culprit_frame.is_none() || report.event.culprit_doubt.is_some() {
        let named = report.event.symbol.as_deref();
        let is_own_code = named.is_some_and(|name| Class::of(name) == Class::Other);
        if is_own_code {
            report.event.culprit_frame.clone_from(&report.event.symbol);
            report.event.culprit_doubt = None;
        }
    }
    let roles = [
        (
            Role::Allocated,
            "allocated in",
            "the stack that allocated the object",
        ),
        (Role::Freed, "freed in", "the stack that freed the object"),
        (
            Role::Queued,
            "queued in",
            "the stack that queued the object to RCU or a work queue",
        ),
    ];
    for (role, name, meaning) in roles {
        if let Some(dump) = report.dump_of(role).cloned() {
            let mut frames = dump.frames.iter();
            let by_rcu = frames.any(|frame| runs_callbacks(&frame.symbol));
            let frames = backtrace_of(&dump, Origin::Caller).frames.into_iter();
            let frames = frames.filter(|frame| !frame.starts_with("kasan_"));
            let stack: Vec<_> = frames.take(MAX_FIELD_FRAMES).collect();
            let meaning = match (role, by_rcu) {
                (Role::Freed, true) => "RCU freed it after a grace period: the task that used it was in no reader, or found the object after its removal",
                _ => meaning,
            };
            report.event.add_field(name, stack.join(" < "), meaning);
        }
    }
}

/// Returns whether a function runs RCU callbacks.
fn runs_callbacks(symbol: &str) -> bool {
    const FUNCTIONS: [&str; 9] = [
        "rcu_do_batch",
        "rcu_core",
        "rcu_cblist",
        "kfree_rcu_work",
        "kvfree_rcu_list",
        "kvfree_rcu_bulk",
        "rcu_process_callbacks",
        "rcu_nocb",
        "srcu_invoke_callbacks",
    ];
    FUNCTIONS.iter().any(|name| symbol.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn kasan_reports_name_the_user_and_the_stacks_of_the_object() {
        let event = only(
            "==================================================================\n\
             BUG: KASAN: slab-use-after-free in look+0x1/0x2 [demo]\n\
             Read of size 8 at addr ffff888100 by task reader/57\n\
             CPU: 1 UID: 0 PID: 57 Comm: reader Not tainted 6.18.15 #1\n\
             Call Trace:\n\
             <TASK>\n\
             dump_stack_lvl+0x1/0x2\n\
             print_report+0x1/0x2\n\
             kasan_report+0x1/0x2\n\
             look+0x1/0x2 [demo]\n\
             kthread+0x1/0x2\n\
             </TASK>\n\
             Allocated by task 58:\n\
             kasan_save_stack+0x1/0x2\n\
             make+0x1/0x2 [demo]\n\
             Freed by task 0:\n\
             kasan_save_stack+0x1/0x2\n\
             kfree+0x1/0x2\n\
             rcu_do_batch+0x1/0x2\n\
             The buggy address belongs to the object at ffff888100\n\
             which belongs to the cache kmalloc-64 of size 64\n",
        );
        assert_eq!(event.kind, EventKind::UseAfterFree);
        assert_eq!(event.symbol.as_deref(), Some("look"));
        assert_eq!(event.culprit_frame.as_deref(), Some("look"));
        assert_eq!(
            (event.tasks[0].pid, event.cpus.as_slice()),
            (Some(57), &[1][..])
        );
        let field = |name: &str| {
            let field = event.fields.iter().find(|field| field.name == name);
            field.unwrap_or_else(|| panic!("no {name}: {:?}", event.fields))
        };
        assert!(field("freed in").meaning.contains("grace period"));
        assert_eq!(field("allocated in").value, "make");
        assert_eq!(field("cache").value, "kmalloc-64");
    }

    #[test]
    fn the_first_form_of_kasan_has_the_stacks_of_slub() {
        let event = only(
            "BUG: KASan: use after free in look+0x2c9/0x340 [demo] at addr ffff880d59947040\n\
             Read of size 8 by task ksoftirqd/2/15\n\
             INFO: Allocated in make+0xb3/0x350 [demo] age=14759 cpu=5 pid=27\n\
             \tmake+0xb3/0x350 [demo]\n\
             \t__slab_alloc+0x3f0/0x440\n",
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("look"));
        assert_eq!(event.tasks[0].pid, Some(15));
    }

    #[test]
    fn a_task_that_freed_the_object_itself_needs_no_grace_period() {
        let of = |pid: u32| {
            let event = only(&format!(
                "BUG: KASAN: use-after-free in look+0x8d/0x130 [demo]\n\
                 Read of size 4 at addr ffff888 by task rmmod/57\n\
                 Freed by task {pid}:\n"
            ));
            event.causes[0].clone()
        };
        assert!(of(57).contains("the same task freed the object"));
        assert!(!of(58).contains("the same task"));
    }

    #[test]
    fn the_first_line_wins_over_a_frame_that_may_be_left_over() {
        let event = only(
            "BUG: KASAN: use-after-free in look+0x2bbc/0x2ce0 at addr ffff8801\n\
             Call Trace:\n\
             dump_stack+0x67/0x94\n\
             kasan_report_error+0x4ae/0x4e0\n\
             ? left_over+0x56e/0xe30\n",
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("look"));
        assert_eq!(event.culprit_doubt, None);
    }

    #[test]
    fn kfence_poison_and_crashes_are_recognized() {
        for text in [
            "BUG: KFENCE: use-after-free read in look+0x1/0x2 [demo]\n",
            "BUG kmalloc-64 (Tainted: G    B  ): Poison overwritten\n",
            "general protection fault, probably for non-canonical address 0x6b6b6b6b6b6b6b6b: 0000 [#1] SMP\n",
            "BUG: unable to handle page fault for address: 6b6b6b6b6b6b6b8b\n",
        ] {
            assert_eq!(only(text).kind, EventKind::UseAfterFree, "{text}");
        }
        for text in [
            "BUG: KASAN: slab-out-of-bounds in look+0x1/0x2\n",
            "RAX: 6b6b6b6b6b6b6b6b RBX: 0000000000000000\n",
            "BUG: unable to handle page fault for address: 0000000000000000\n",
        ] {
            assert!(decode(text).is_empty(), "{text}");
        }
    }
}
