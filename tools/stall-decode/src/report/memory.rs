// SPDX-License-Identifier: GPL-2.0

//! Lack of memory, which callbacks queued behind a stall may cause: `mm/page_alloc.c`,
//! `mm/oom_kill.c`.

use super::{event_of_task, task_named, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind, Task, Zone};
use crate::scan::{number_after, Scan};
use crate::stack::Frame;

/// Zones kept per report.
const MAX_ZONES: usize = 16;

/// Zones of kernels without NUMA, whose lines name no node.
const ZONES: [&str; 4] = ["DMA", "DMA32", "Normal", "HighMem"];

const CGROUP: &str = "the limit of a memory cgroup, not of the machine";

/// Functions that run the OOM killer although no allocation failed, and their callers.
const REQUESTS: [(&str, &str); 2] = [
    ("moom_callback", "a person or program, by SysRq f"),
    ("bpf_out_of_memory", "a BPF program, for a memory cgroup"),
];

/// The score of a process that uses much of the memory. Since 2.6.36, 1000 is all of it.
const MUCH: u64 = 300;

pub(crate) static FAMILY: Family = Family {
    headers: &[
        "page allocation failure",
        " invoked oom-killer",
        "ut of memory: Kill",
        "ut of memory: kill",
        "Killed process ",
        "oom-kill:constraint=",
    ],
    details: &[
        "ill process ",
        "illed process ",
        "oom-kill:",
        "slab_unreclaimable:",
        "Mem-Info:",
        "active_anon:",
        "Node ",
        "lowmem_reserve",
        "[ pid ]",
        "Tasks state",
        "oom_reaper:",
        "pages RAM",
        "VM_FAULT_OOM",
        " free:",
        "KB",
        "kB = ",
    ],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
};

fn header(text: &str) -> Option<Event> {
    if let Some((before, after)) = text.split_once("page allocation failure") {
        let order = Scan::after(after, "order:")?.number()?;
        // Some logs have lost the name of the task.
        let mut event = match before.trim_end().trim_end_matches(':') {
            "" => Event::new(EventKind::PageAllocationFailure),
            comm => event_of_task(EventKind::PageAllocationFailure, comm, None),
        };
        let pages = 1u64.checked_shl(order.try_into().ok()?).unwrap_or(0);
        let meaning = format!("2^{order} = {pages} contiguous pages were requested");
        event.add_field("order", order.to_string(), meaning);
        mode(&mut event, after, "mode:");
        nodemask(&mut event, after);
        event.evidence.memory.order = order;
        return Some(event);
    }
    if let Some((comm, after)) = text.split_once(" invoked oom-killer") {
        if !after.contains("gfp_mask=") && !after.contains("gfp=") {
            return None;
        }
        let mut event = Event::new(EventKind::Oom);
        event.add_field("invoked by", comm, "the task whose allocation failed");
        mode(&mut event, after, "gfp_mask=");
        nodemask(&mut event, after);
        event.evidence.memory.order = number_after(after, "order=").unwrap_or(0);
        return Some(event);
    }
    // The first lines are missing: the line on the killed task begins the report.
    let mut event = Event::new(EventKind::Oom);
    event.header_missing = true;
    if text.contains("oom-kill:constraint=") {
        constraint(&mut event, text);
        return (!event.tasks.is_empty()).then_some(event);
    }
    if !text.contains("ut of memory") && !text.contains("total-vm:") {
        return None;
    }
    killed(&mut event, text)?;
    Some(event)
}

fn mode(event: &mut Event, text: &str, key: &str) {
    let Some(mut scan) = Scan::after(text, key) else {
        return;
    };
    let value = scan.run(|byte| byte != b',' && byte != b' ');
    event.evidence.memory.flags = value.to_string();
    let meaning = if value.contains("GFP_ATOMIC") {
        "the kind of allocation: it cannot wait, so the allocator cannot reclaim memory for it"
    } else {
        "the kind of allocation"
    };
    event.add_field(key.trim_end_matches([':', '=']), value, meaning);
}

/// Parses `nodemask=0,cpuset=/,mems_allowed=0-1`.
fn nodemask(event: &mut Event, text: &str) {
    let Some(mut mask) = Scan::after(text, "nodemask=") else {
        return;
    };
    let nodes = mask.until(",cpuset=").unwrap_or_else(|| mask.word());
    let nodes = nodes.trim_end_matches(',');
    if !nodes.is_empty() && nodes != "(null)" {
        let meaning = "the only NUMA nodes that a memory policy allows for this allocation";
        event.add_field("nodemask", nodes, meaning);
        event.evidence.memory.has_nodemask = true;
    }
    if let Some(allowed) = Scan::after(text, "mems_allowed=") {
        let allowed = allowed.rest().split(' ').next().unwrap_or_default();
        let meaning = "the NUMA nodes that the task's cpuset allows";
        event.add_field("mems_allowed", allowed, meaning);
    }
}

/// Parses `Node 0 Normal free:1kB boost:0kB min:2kB low:3kB high:4kB`, and the list of free blocks
/// `Node 0 Normal: 515*4kB (UME) 5*8kB (UME) = 116202628kB`.
fn zone(event: &mut Event, text: &str) {
    let memory = &mut event.evidence.memory;
    // Kernels without NUMA print no node in the zone's line: `Normal free:1kB min:2kB`.
    let without_node;
    let rest = match text.strip_prefix("Node ") {
        Some(rest) => rest,
        None => {
            without_node = format!("0 {text}");
            without_node.as_str()
        }
    };
    let mut words = rest.split(' ');
    let (Some(node), Some(name)) = (words.next(), words.next()) else {
        return;
    };
    if let Some(name) = name.strip_suffix(':') {
        let wanted = 4u64
            .checked_shl(memory.order.min(32) as u32)
            .unwrap_or(u64::MAX);
        let has_block = rest.split(' ').any(|word| {
            let block = word.split_once('*');
            block.is_some_and(|(count, size)| {
                let size = size.trim_end_matches("kB").parse().unwrap_or(0);
                count != "0" && size >= wanted
            })
        });
        let zones = memory.zones.iter_mut();
        for zone in zones.filter(|zone| zone.name == format!("{node} {name}")) {
            zone.has_block = Some(has_block);
        }
        return;
    }
    let (Some(free), Some(min)) = (number_after(rest, " free:"), number_after(rest, " min:"))
    else {
        return;
    };
    if memory.zones.len() < MAX_ZONES {
        memory.zones.push(Zone {
            name: format!("{node} {name}"),
            free_kb: free,
            min_kb: min,
            high_kb: number_after(rest, " high:").unwrap_or(min),
            has_block: None,
        });
        let value = format!("{free} kB free, min {min} kB");
        let meaning = match free > min {
            true => "above its watermark: this zone had memory",
            false => "below its watermark: only emergencies may use the rest",
        };
        event.add_field(format!("zone {node} {name}"), value, meaning);
    }
}

/// Parses `Out of memory: Killed process 57 (hog) total-vm:1kB`.
fn killed(event: &mut Event, text: &str) -> Option<()> {
    let mut scan =
        Scan::after(text, "illed process ").or_else(|| Scan::after(text, "ill process "))?;
    let pid = scan.small()?;
    let has_name = scan.eat(" (");
    if !has_name && !scan.eat(", UID ") {
        return None;
    }
    let comm = name_in_brackets(scan.rest());
    // `57, UID 0, (hog) total-vm:1kB`
    let comm = match has_name {
        true => comm,
        false => comm.and_then(|rest| Some(rest.split_once('(')?.1)),
    };
    if let Some(score) = number_after(text, " score ") {
        event.evidence.memory.score = score;
    }
    let is_killed = text.contains("illed process ");
    let is_other = !event.tasks.iter().any(|task| task.pid == Some(pid));
    // Old kernels announce a process, and may kill its child instead.
    if is_other && is_killed && !event.evidence.memory.is_killed && !text.contains("ut of memory") {
        let uses_much = (MUCH..=1000).contains(&event.evidence.memory.score);
        event.evidence.memory.chosen = event.tasks.pop().filter(|_| uses_much);
        event.tasks.clear();
    }
    // Each run of the OOM killer is an event of its own.
    let is_next = text.contains("ut of memory") || event.evidence.memory.is_killed;
    if is_other && !event.tasks.is_empty() && is_next {
        return None;
    }
    event.evidence.memory.is_killed |= is_killed;
    event.add_task(Task {
        pid: Some(pid),
        comm: comm.map(str::to_string),
        ..Task::default()
    });
    if text.contains("cgroup out of memory") {
        event.message = Some(CGROUP.to_string());
    }
    if let Some(mut rss) = Scan::after(text, "anon-rss:") {
        if event.field("anon-rss").is_none() {
            let value = rss.word().trim_end_matches(',');
            event.evidence.memory.victim_kb = Scan::new(value).number();
            let meaning = "anonymous memory used by the killed process";
            event.add_field("anon-rss", value, meaning);
        }
    }
    Some(())
}

/// Returns the text before the bracket that closes a name. The name may have brackets of its own.
fn name_in_brackets(text: &str) -> Option<&str> {
    let ends = [") total-vm:", ") score ", "), UID "];
    let found = ends.iter().find_map(|end| text.split_once(end));
    let (name, _) = found.or_else(|| text.split_once(')'))?;
    Some(name)
}

/// Parses `oom-kill:constraint=CONSTRAINT_NONE,…,task=hog,pid=57,uid=0`.
fn constraint(event: &mut Event, text: &str) {
    if text.contains("CONSTRAINT_MEMCG") {
        event.message = Some(CGROUP.to_string());
    }
    for (constraint, meaning) in [
        (
            "CONSTRAINT_CPUSET",
            "the task's cpuset allows only some NUMA nodes",
        ),
        (
            "CONSTRAINT_MEMORY_POLICY",
            "a memory policy allows only some NUMA nodes",
        ),
    ] {
        if text.contains(constraint) {
            event.add_field("constraint", constraint, meaning);
        }
    }
    let comm = Scan::after(text, ",task=").map(|comm| comm.rest());
    let comm = comm.and_then(|comm| comm.split_once(",pid="));
    if let (Some((comm, pid)), true) = (comm, event.tasks.is_empty()) {
        event.add_task(task_named(comm, Scan::new(pid).small()));
    }
}

/// Parses `btrfs_extent_map     3207098KB    3375622KB` of the list of the kernel's caches.
fn slab(event: &mut Event, text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(name), Some(used), Some(total), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let size = |word: &str| word.strip_suffix("KB")?.parse::<u64>().ok();
    let (Some(_), Some(total)) = (size(used), size(total)) else {
        return false;
    };
    let largest = &mut event.evidence.memory.largest_slab;
    if event.kind == EventKind::Oom && largest.as_ref().is_none_or(|(_, known)| *known < total) {
        *largest = Some((name.to_string(), total));
    }
    event.kind == EventKind::Oom
}

fn detail(report: &mut Report, text: &str) -> bool {
    if slab(&mut report.event, text) {
        return true;
    }
    let event = &mut report.event;
    if event.kind == EventKind::Oom {
        if killed(event, text).is_some() {
            return true;
        }
        if text.starts_with("oom-kill:") {
            constraint(event, text);
            return true;
        }
    }
    if text.contains("slab_unreclaimable:") && event.field("slab_unreclaimable").is_none() {
        if let Some(value) = number_after(text, "slab_unreclaimable:") {
            let unit = if text.contains("kB") { "kB" } else { " pages" };
            let meaning = "kernel memory that cannot be reclaimed; it includes objects that wait for a grace period";
            event.add_field("slab_unreclaimable", format!("{value}{unit}"), meaning);
        }
        return true;
    }
    let is_zone = |name: &&str| {
        text.strip_prefix(*name)
            .is_some_and(|rest| rest.starts_with([' ', ':']))
    };
    if text.starts_with("Node ") || ZONES.iter().any(is_zone) {
        zone(event, text);
        return true;
    }
    if let Some((pages, _)) = text.split_once(" pages RAM") {
        event.evidence.memory.ram_kb = pages.trim().parse().ok().map(|pages: u64| pages * 4);
        return true;
    }
    if text.contains("VM_FAULT_OOM leaked out to the #PF handler") {
        let meaning = "the page fault that needed the memory is repeated: the task loops in it until an allocation succeeds";
        event.add_field("VM_FAULT_OOM", "leaked out to the #PF handler", meaning);
        return true;
    }
    text.starts_with("Mem-Info:")
        || text.starts_with("active_anon:")
        || text.starts_with("lowmem_reserve")
        || text.starts_with("[ pid ]")
        || text.starts_with("Tasks state")
        || text.starts_with("oom_reaper:")
}

fn complete(report: &mut Report) {
    if report.event.kind == EventKind::PageAllocationFailure {
        report.add_current_task(Origin::Caller);
        name_user_of_page_fault(report);
        return;
    }
    let dump = report
        .subject_dumps()
        .find(|dump| !dump.frames.is_empty())
        .cloned();
    if let Some(dump) = dump {
        let has = |name: &str| dump.frames.iter().any(|frame| frame.symbol == name);
        // The line on the constraint may be lost.
        let is_of_cgroup = |frame: &Frame| {
            let name = frame.symbol.as_str();
            name == "mem_cgroup_out_of_memory" || name.starts_with("mem_cgroup_oom_synchronize")
        };
        if dump.frames.iter().any(is_of_cgroup) {
            report.event.message = Some(CGROUP.to_string());
        }
        if let Some((_, by)) = REQUESTS.iter().find(|(function, _)| has(function)) {
            report
                .event
                .add_field("requested by", *by, "no allocation failed");
        }
        report.add_stack(&dump, Origin::Caller);
    }
}

/// Notes that user mode needed the memory, by a page fault. No kernel code is then to blame.
fn name_user_of_page_fault(report: &mut Report) {
    let event = &mut report.event;
    let mut frames = event.frames.iter();
    let is_fault = frames.any(|frame| frame == "handle_mm_fault" || frame == "do_user_addr_fault");
    if is_fault {
        let meaning = "the task touched memory that has no page yet";
        event.add_field("needed by", "a page fault", meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn the_line_on_the_constraint_is_a_report_if_it_is_alone() {
        let event = only("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=a,mems_allowed=0,global_oom,task_memcg=/b,task=java,pid=57,uid=0\n");
        assert_eq!(event.tasks[0].pid, Some(57));
        assert!(event.header_missing && event.message.is_none());
    }

    #[test]
    fn uncertain_frames_of_a_cgroup_name_its_limit() {
        let event = only(
            "java invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0\n\
             ? dump_header+0x70/0x1e5\n\
             ? mem_cgroup_oom_synchronize+0x4e8/0x550\n",
        );
        assert!(event.causes[0].contains("cgroup"), "{:?}", event.causes);
    }

    #[test]
    fn a_failed_page_allocation_names_task_and_order() {
        let event = only(
            "kworker/u8:2: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)\n\
             CPU: 1 UID: 0 PID: 57 Comm: kworker/u8:2 Not tainted 6.18.15 #1\n\
             Call Trace:\n\
             dump_stack_lvl+0x1/0x2\n\
             warn_alloc+0x1/0x2\n\
             __alloc_pages_noprof+0x1/0x2\n\
             grow+0x1/0x2 [demo]\n\
             Mem-Info:\n\
             slab_reclaimable:1 slab_unreclaimable:23456\n",
        );
        assert_eq!(event.kind, EventKind::PageAllocationFailure);
        assert_eq!((event.tasks[0].pid, event.tasks.len()), (Some(57), 1));
        assert_eq!(event.culprit_frame.as_deref(), Some("grow"));
        let slab = event
            .fields
            .iter()
            .find(|field| field.name == "slab_unreclaimable");
        assert_eq!(slab.map(|field| field.value.as_str()), Some("23456 pages"));
    }

    #[test]
    fn the_task_killed_for_memory_is_named() {
        let event = only(
            "hog invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0\n\
             oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=big one,pid=58,uid=0\n\
             Out of memory: Killed process 58 (big one) total-vm:1kB, anon-rss:2kB, file-rss:3kB\n",
        );
        assert_eq!(event.kind, EventKind::Oom);
        assert_eq!(event.tasks.len(), 1);
        let killed = &event.tasks[0];
        assert_eq!(
            (killed.comm.as_deref(), killed.pid),
            (Some("big one"), Some(58))
        );
        let event = only("Out of memory: Kill process 58 (big) score 899 or sacrifice child\n");
        assert!(event.header_missing);
        assert_eq!(event.tasks[0].comm.as_deref(), Some("big"));
    }

    #[test]
    fn a_name_may_have_brackets() {
        for (text, comm) in [
            ("Killed process 57 ((resolved)) total-vm:1kB", "(resolved)"),
            ("Killed process 57, UID 0, (hog) total-vm:1kB", "hog"),
            ("Killed process 57 (hog), UID 0, total-vm:1kB", "hog"),
        ] {
            let event = only(&format!("Out of memory: {text}, anon-rss:2kB\n"));
            assert_eq!(event.tasks[0].comm.as_deref(), Some(comm), "{text}");
        }
    }

    #[test]
    fn prose_about_memory_is_no_report() {
        assert!(decode("it invoked oom-killer again\n").is_empty());
        assert!(decode("page allocation failure: what now\n").is_empty());
    }
}
