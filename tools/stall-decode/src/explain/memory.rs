// SPDX-License-Identifier: GPL-2.0

//! Explains failed allocations and the OOM killer.

use super::{in_function, tasks, Explanation};
use crate::event::{Culprit, Event};
use crate::scan::Scan;

/// Requests above this order (8 pages) are costly: the allocator gives up early.
const COSTLY_ORDER: u64 = 3;
/// A killed process below this size did not fill the memory.
const SMALL_VICTIM_KB: u64 = 65_536;

pub(super) fn allocation_summary(event: &Event) -> String {
    let order = event.evidence.memory.order;
    let what = match order {
        0 => "one page".to_string(),
        _ => format!("2^{order} contiguous pages"),
    };
    let for_fault = match event.field("needed by") {
        Some(_) => " for a page fault",
        None => "",
    };
    format!(
        "An allocation of {what} by {}{for_fault} failed{}: {}.",
        tasks(event),
        in_function(event),
        verdict(event).0
    )
}

/// The reason of a failed allocation, with its explanation.
fn verdict(event: &Event) -> (String, Reason) {
    let memory = &event.evidence.memory;
    let flags = memory.flags.as_str();
    let allowed: Vec<_> = memory
        .zones
        .iter()
        .filter(|zone| suits(&zone.name, flags))
        .collect();
    let plenty = allowed
        .iter()
        .filter(|zone| zone.free_kb > zone.high_kb.max(zone.min_kb));
    let richest = plenty.max_by_key(|zone| zone.free_kb);
    let can_wait = can_wait(flags);
    let is_free = |order: u64| richest.filter(|zone| order == 0 || zone.has_block == Some(true));
    if event.field("vmalloc").is_some() {
        let text = "vmalloc() found no address space or no pages for it".to_string();
        return (text, Reason::Vmalloc);
    }
    if let Some(zone) = is_free(memory.order) {
        let text = format!(
            "memory was not short: zone {} had {} kB free",
            zone.name, zone.free_kb
        );
        return (text, Reason::NotShort);
    }
    if flags.contains("__GFP_NORETRY") && memory.order <= COSTLY_ORDER {
        let text = "the caller asked to give up at once".to_string();
        return (text, Reason::NoRetry);
    }
    let is_dma = flags.replace("GFP_DMA32", "").contains("GFP_DMA");
    if memory.zones.is_empty() && is_dma {
        let text = "the only zone that suits (GFP_DMA) has no such page".to_string();
        return (text, Reason::Zone);
    }
    if memory.order > 0 && (richest.is_some() || memory.zones.is_empty()) {
        let text = match memory.zones.is_empty() {
            true => "free memory is probably fragmented; the log does not show its state",
            false => "free memory is fragmented",
        };
        return (text.to_string(), Reason::Fragmented);
    }
    if !can_wait {
        return (
            "the allocation cannot wait for reclaim".to_string(),
            Reason::CannotWait,
        );
    }
    if memory.order > 0 {
        return (
            "no block of that size is free".to_string(),
            Reason::Fragmented,
        );
    }
    (
        "no free page of the requested kind".to_string(),
        Reason::Short,
    )
}

/// Returns whether an allocation with these flags may wait for reclaim.
///
/// Kernels before 4.6 print numbers only: 0x10 is __GFP_WAIT until 4.3, 0x400000 its successor.
fn can_wait(flags: &str) -> bool {
    if flags.contains('(') {
        return !flags.contains("GFP_ATOMIC") && !flags.contains("GFP_NOWAIT");
    }
    let number = Scan::new(flags).hex();
    number.is_none_or(|number| number & 0x40_0010 != 0)
}

/// Returns whether an allocation with these flags may use a zone.
fn suits(zone: &str, flags: &str) -> bool {
    let is_limited = flags.contains("GFP_DMA");
    let is_dma = zone.contains(" DMA");
    !is_limited || is_dma
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    NotShort,
    Fragmented,
    CannotWait,
    Short,
    Zone,
    NoRetry,
    Vmalloc,
}

pub(super) fn explain_allocation(event: &Event, out: &mut Explanation) {
    let memory = &event.evidence.memory;
    match verdict(event).1 {
        Reason::NotShort => not_short(event, out),
        Reason::Fragmented => {
            let cause = match memory.zones.is_empty() {
                true => format!("memory is probably fragmented: no 2^{} pages in a row were free. The log does not show how many are free", memory.order),
                false => format!("memory is fragmented: pages are free, but no 2^{} of them in a row", memory.order),
            };
            out.cause(cause)
                .advise("Allocate smaller blocks (kvmalloc(), order 0, scatter lists), and handle the failure. `echo 1 > /proc/sys/vm/compact_memory` compacts memory; a larger vm.min_free_kbytes helps.");
            if memory.flags.contains("__GFP_NORETRY") {
                out.cause("the caller expects the failure (__GFP_NORETRY) and falls back to smaller blocks")
                    .advise("Harmless if rare; the caller should add __GFP_NOWARN.");
            }
            if !can_wait(&memory.flags) {
                out.cause(
                    "the caller cannot wait, so that the allocator could not compact memory for it",
                );
            }
            if memory.order > COSTLY_ORDER {
                out.cause("the request is costly (above 8 pages): the allocator gives up early");
            }
        }
        Reason::CannotWait => {
            let flag = match memory.flags.contains("GFP_NOWAIT") {
                true => "GFP_NOWAIT",
                false => "GFP_ATOMIC",
            };
            out.cause(format!("the caller cannot wait ({flag}), and a burst has used up the free pages: the allocator could not reclaim for it"))
                .advise("A driver that handles the failure drops a packet and goes on: harmless if rare. Raise vm.min_free_kbytes, or refill from a context that may wait.");
        }
        Reason::Zone => {
            out.cause("the allocation may only use the zone for DMA, which is small, full or absent; the log does not show its state")
                .advise("Check whether the device needs that zone. A crash kernel needs memory below 4 GB (crashkernel=...,low).");
        }
        Reason::NoRetry => {
            out.cause("the caller asked the allocator to give up without a second try (__GFP_NORETRY), so that it has another way and falls back: it frees memory of its own, or takes less")
                .advise("Harmless if rare; the caller should add __GFP_NOWARN. If it repeats, the machine has too little memory: look for what uses it.");
        }
        Reason::Vmalloc => {
            out.blame(Culprit::Unknown, "the size of the area, or the range of addresses")
                .cause("vmalloc() failed, not the page allocator: a size of 0, a range of addresses that is full (modules, vmalloc=), or no pages for so large an area")
                .advise("Look at the size in the line on vmalloc before this report, and at the free memory. If memory is free, check the size and the range: vmalloc= enlarges it on 32 bits.");
        }
        Reason::Short => {
            out.cause("memory is short")
                .advise("Find what uses the memory: slab_unreclaimable, the table of tasks, `q=` in RCU's reports.");
        }
    }
    if event.field("VM_FAULT_OOM").is_some() {
        out.cause("the kernel repeats the page fault until an allocation succeeds: the task makes no progress");
    }
    if event.field("slab_unreclaimable").is_some() && verdict(event).1 == Reason::Short {
        out.cause("objects that wait for a grace period count as used: look for a stall before this report");
    }
}

/// Explains an allocation that failed although memory was free.
fn not_short(event: &Event, out: &mut Explanation) {
    let nodes = event.field("nodemask");
    match nodes {
        Some(nodes) => out.cause(format!("a memory policy restricted the allocation to node {}, and the allocator found no usable zone there although one is free: the node or zone list passed to it was wrong", nodes.value)),
        None => out.cause("the allocator was asked for a node or zone that it could not use, although memory is free: a wrong node number, a cpuset or a memory policy"),
    };
    out.advise("Do not look for a shortage of memory. Look at the code that selects the node for this allocation: a memory policy, a cpuset, alloc_pages_node() with a wrong node, or a change of policy_node().");
}

pub(super) fn oom_summary(event: &Event) -> String {
    let requester = event.field("requested by");
    let reason = match event.message {
        _ if requester.is_some() => "it was requested".to_string(),
        Some(_) => "a memory cgroup reached its limit".to_string(),
        None => match event.field("constraint") {
            Some(field) => format!("{}, and those were full", field.meaning),
            None if lacks_state(event) => {
                "no page could be freed; the log ends before the state of memory".to_string()
            }
            None => "memory ran out".to_string(),
        },
    };
    let by = event.field("invoked by");
    let by = by.map_or(String::new(), |by| format!(" for {}", by.value));
    match event.tasks.is_empty() {
        true => format!("The OOM killer ran{by}: {reason}."),
        false => format!("The OOM killer killed {}: {reason}.", tasks(event)),
    }
}

/// Returns whether the log shows neither the state of memory nor what the OOM killer did.
fn lacks_state(event: &Event) -> bool {
    let memory = &event.evidence.memory;
    let is_known = memory.ram_kb.is_some() || memory.victim_kb.is_some() || memory.is_killed;
    !is_known
        && memory.zones.is_empty()
        && event.tasks.is_empty()
        && event.field("slab_unreclaimable").is_none()
}

/// Returns the kernel's largest cache of objects, if it uses much of the memory.
fn large_slab(event: &Event) -> Option<&(String, u64)> {
    const LARGE_KB: u64 = 512 * 1024;
    let memory = &event.evidence.memory;
    let limit = memory.ram_kb.map_or(LARGE_KB, |ram| ram / 3);
    memory
        .largest_slab
        .as_ref()
        .filter(|(_, size)| *size > limit)
}

pub(super) fn explain_oom(event: &Event, out: &mut Explanation) {
    if let Some(field) = event.field("requested by") {
        out.blame(
            Culprit::Nobody,
            format!("nobody: {} requested it", field.value),
        )
        .cause(format!(
            "no allocation failed: {} requested to kill a task",
            field.value
        ))
        .advise("Find who requested it. The machine need not be short of memory.");
        return;
    }
    if event.message.is_some() {
        let who = match event.tasks.first() {
            Some(task) => format!("{task}, or another process of its cgroup"),
            None => "the processes of the cgroup; the log does not name the largest".to_string(),
        };
        out.blame(Culprit::Unknown, who)
            .cause("the processes of the cgroup use more memory than its limit")
            .advise("Raise the limit (memory.max), or find what grew in the cgroup.");
        return;
    }
    if let Some((name, size)) = large_slab(event) {
        out.blame(Culprit::Code, format!("the kernel code that allocates {name}"))
            .cause(format!("the kernel's own objects use the memory: {name} has {} MB", size / 1024))
            .advise(format!("Find what makes {name} grow: a leak, a cache without shrinker, or freed objects behind an RCU stall (/proc/slabinfo, slabtop). No process is at fault."));
        return;
    }
    if let Some(chosen) = &event.evidence.memory.chosen {
        out.blame(Culprit::Task, format!("{chosen}, which the OOM killer chose"))
            .cause(format!("{chosen} uses most of the memory. Kernels before 5.1 may kill a child in its place: {}", tasks(event)))
            .advise(format!("Look at what {chosen} uses, not at the child that was killed: it leaks, or is too large."));
        return;
    }
    if let Some(nodes) = event
        .field("nodemask")
        .filter(|_| event.field("constraint").is_none())
    {
        out.cause(format!("only the NUMA nodes {} count: a memory policy or a cpuset allows no others, although others may have memory", nodes.value))
            .advise("Widen the cpuset or the memory policy (numactl), or use less memory on these nodes.");
    }
    if event.field("constraint").is_some() {
        out.cause("the allowed NUMA nodes are full, although others may have memory")
            .advise("Widen the cpuset or the memory policy (numactl), or use less memory on these nodes.");
        return;
    }
    let memory = &event.evidence.memory;
    if memory.order > 0 {
        let (order, pages) = (
            memory.order,
            1u64.checked_shl(memory.order as u32).unwrap_or(0),
        );
        out.cause(format!("the allocation needed {pages} contiguous pages (order {order}): memory may be fragmented rather than full"))
            .advise("Compare the free blocks of each zone in the report with the order. Allocate smaller blocks (kvmalloc()), or compact memory.");
    }
    let is_small = memory.victim_kb.is_some_and(|victim| {
        victim < SMALL_VICTIM_KB && memory.ram_kb.is_none_or(|ram| victim < ram / 20)
    });
    if event.tasks.is_empty() || is_small {
        out.blame(
            Culprit::Unknown,
            "whoever uses the memory; the log does not show who",
        );
    }
    if is_small {
        let victim = memory.victim_kb.unwrap_or_default() / 1024;
        out.cause(format!("not the killed process: it used only {victim} MB of anonymous memory. Memory is elsewhere: in the kernel (slab_unreclaimable, page tables), in tmpfs (shmem), or in many small processes"))
            .advise("Look at slab_unreclaimable, shmem and the sum of the table of tasks. If an RCU stall precedes this report, fix the stall: objects accumulate behind it.");
    } else if lacks_state(event) {
        out.blame.sure = "guess";
        out.cause("the allocator found no free page and freed none; the log ends before the state of memory and the killed process, so that it does not say what uses the memory")
            .advise("Read the log from its source (dmesg, journalctl -k -b): Mem-Info and the table of tasks follow the stack.");
    } else {
        let cause = match (event.tasks.first(), memory.victim_kb) {
            (Some(task), Some(victim)) => format!(
                "processes use more memory than the machine has; {task} used {} MB: it leaks or is too large, or others use the rest",
                victim / 1024
            ),
            _ => "processes use more memory than the machine has".to_string(),
        };
        out.cause(cause)
            .advise("Look for the largest process in the table of tasks, and at slab_unreclaimable. If an RCU stall precedes this report, fix the stall.");
    }
    if event.field("slab_unreclaimable").is_some() {
        out.cause("the kernel's own memory grew: if slab_unreclaimable is large, look for an RCU stall, behind which freed objects accumulate");
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Culprit;
    use crate::tests::{decode, only};

    #[test]
    fn a_child_killed_in_place_of_the_process_is_not_to_blame() {
        let killed = |score: u32| {
            only(&format!(
                "node invoked oom-killer: gfp_mask=0x200da, order=0, oom_score_adj=0\n\
                 Out of memory: Kill process 12562 (node) score {score} or sacrifice child\n\
                 Killed process 12573 (node) total-vm:660944kB, anon-rss:76872kB, file-rss:0kB\n"
            ))
        };
        assert!(killed(786).blame.text.contains("12562"));
        assert!(!killed(62).blame.text.contains("12562"));
    }

    #[test]
    fn a_large_cache_of_the_kernel_is_named() {
        let event = only(
            "ip invoked oom-killer: gfp_mask=0xc2cc0(GFP_KERNEL), order=3, oom_score_adj=0\n\
             Unreclaimable slab info:\n\
             Name                      Used          Total\n\
             kmalloc-64            12KB         16KB\n\
             btrfs_extent_map     3207098KB    3375622KB\n",
        );
        assert!(
            event.blame.text.contains("btrfs_extent_map"),
            "{:?}",
            event.blame
        );
    }

    #[test]
    fn an_allocation_that_fails_with_free_memory_is_no_shortage() {
        let event = only(
            "bash: page allocation failure: order:0, mode:0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO), nodemask=0,cpuset=user.slice,mems_allowed=0-1\n\
             CPU: 78 PID: 57 Comm: bash Not tainted 6.4.0 #39\n\
             Call Trace:\n\
             warn_alloc+0x1/0x2\n\
             __alloc_pages+0x1/0x2\n\
             pte_alloc_one+0x1/0x2\n\
             handle_mm_fault+0x1/0x2\n\
             Mem-Info:\n\
             Node 0 Normal free:116203888kB boost:0kB min:44556kB low:174568kB high:304580kB reserved_highatomic:0KB\n",
        );
        assert!(
            event
                .summary
                .contains("one page by bash (pid 57) for a page fault"),
            "{}",
            event.summary
        );
        assert!(event
            .summary
            .contains("memory was not short: zone 0 Normal had 116203888 kB free"));
        assert!(event.causes[0].contains("restricted the allocation to node 0"));
        assert!(event.advice[0].starts_with("Do not look for a shortage"));
    }

    #[test]
    fn order_and_flags_select_the_reason() {
        let cause = |head: &str, free: &str| {
            let event = only(&format!(
                "rx: page allocation failure: {head}, nodemask=(null)\nNode 0 Normal free:{free}kB min:100kB low:200kB high:300kB\n"
            ));
            event.causes[0].clone()
        };
        assert!(cause("order:0, mode:0x20(GFP_ATOMIC)", "90").contains("cannot wait"));
        assert!(cause("order:4, mode:0xc0(GFP_KERNEL)", "9000").contains("fragmented"));
        assert!(cause("order:0, mode:0xc0(GFP_KERNEL)", "90").contains("memory is short"));
        let nameless = only("page allocation failure: order:0, mode:0x2080020(GFP_ATOMIC)\n");
        assert!(nameless.causes[0].contains("cannot wait"));
    }

    #[test]
    fn a_requested_kill_and_the_limit_of_a_cgroup_are_no_lack_of_memory() {
        let head = "foo invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n";
        let trace = |function: &str| {
            only(&format!(
                "{head}Call Trace:\nout_of_memory+0x1/0x2\n{function}+0x1/0x2\nfoo_work+0x1/0x2\n"
            ))
        };
        let event = trace("moom_callback");
        assert_eq!(event.blame.culprit, Culprit::Nobody);
        assert!(event.causes[0].contains("SysRq"), "{:?}", event.causes);
        assert!(trace("bpf_out_of_memory").causes[0].contains("BPF"));
        let event = trace("mem_cgroup_out_of_memory");
        assert!(event.summary.contains("memory cgroup reached its limit"));
        let event = trace("foo");
        assert!(event.summary.contains("ends before the state of memory"));
        assert!(event.causes[0].contains("does not say what uses the memory"));
    }

    #[test]
    fn a_caller_that_asked_not_to_retry_has_another_way() {
        let event = only("foo: page allocation failure: order:0, mode:0x14210d2(GFP_HIGHUSER|__GFP_NORETRY), nodemask=(null)\n");
        assert!(
            event.causes[0].contains("__GFP_NORETRY"),
            "{:?}",
            event.causes
        );
    }

    #[test]
    fn the_victim_of_a_full_cgroup_is_not_blamed_alone() {
        let event = only("Memory cgroup out of memory: Killed process 57 (hog) total-vm:1kB, anon-rss:900000kB\n");
        assert_eq!(event.blame.culprit, Culprit::Unknown);
        let event =
            only("Out of memory: Killed process 57 (small) total-vm:1kB, anon-rss:4288kB\n");
        assert_eq!(event.blame.culprit, Culprit::Unknown);
    }

    #[test]
    fn a_limited_zone_without_its_state_is_not_fragmented() {
        let event = only("foo: page allocation failure: order:1, mode:0xcc1(GFP_KERNEL|GFP_DMA), nodemask=(null)\n");
        assert!(
            event.causes[0].contains("zone for DMA"),
            "{:?}",
            event.causes
        );
    }

    #[test]
    fn each_killed_process_is_an_event_and_a_small_one_is_not_to_blame() {
        let events = decode(
            "Out of memory: Killed process 1 (small) total-vm:11964kB, anon-rss:4288kB, file-rss:3028kB\n\
             Out of memory: Killed process 2 (large) total-vm:91196400kB, anon-rss:64288000kB, file-rss:3028kB\n",
        );
        let victims: Vec<_> = events.iter().map(|event| event.tasks[0].pid).collect();
        assert_eq!(victims, [Some(1), Some(2)]);
        assert!(
            events[0].causes[0].contains("not the killed process"),
            "{:?}",
            events[0].causes
        );
        assert!(events[1].causes[0].contains("large (pid 2) used 62781 MB: it leaks"));
    }
}
