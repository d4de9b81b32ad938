// SPDX-License-Identifier: GPL-2.0

//! Tests on lines that Linux 6.18 printed. The formats of 7.3 are the same.

use super::cause::Cause;
use super::demo::{findings, Scene};
use super::event::{Event, Node};
use super::lanes::lanes;
use super::picture::{svg, WIDTH};
use super::record::{Line, Record};
use super::recording::Recording;
use super::report;
use super::style::Style;
use super::words::{self, Topic};

/// One grace period of a guest with two CPUs. CPU 0 switches contexts, a tick interrupts CPU 1.
const ONE: &str = include_str!("tests/gp.trace");

/// The scenes of docs/rcu, recorded with `--raw`.
const IDLE: &str = include_str!("../../../../docs/rcu/traces/idle.trace");
const PREEMPTED: &str = include_str!("../../../../docs/rcu/traces/preempted.trace");
const READER: &str = include_str!("../../../../docs/rcu/traces/reader.trace");
const EXPEDITED: &str = include_str!("../../../../docs/rcu/traces/expedited.trace");
const CALL: &str = include_str!("../../../../docs/rcu/traces/call.trace");

fn record(line: &str) -> Record {
    match Line::parse(line) {
        Line::Record(record) => record,
        other => panic!("{line}: {other:?}"),
    }
}

fn recording(text: &str) -> Recording {
    let mut recording = Recording::new(true);
    for line in text.lines() {
        recording.add(line);
    }
    recording
}

fn words(line: &str) -> String {
    words::describe(&record(line), 0).1
}

#[test]
fn a_line_has_time_cpu_task_and_event() {
    let record = record("     rcu_preempt-14      [001] d..1.    21.616474: rcu_grace_period: rcu_preempt -203 start");
    assert_eq!((record.us, record.cpu, record.pid), (21_616_474, 1, 14));
    assert_eq!(record.task, "rcu_preempt");
    let what = "start".to_string();
    assert_eq!(record.event, Event::RcuGracePeriod { gp_seq: -203, what });
}

#[test]
fn lines_of_the_function_tracer_of_7_3_have_five_flags_and_no_event() {
    for (line, task, expected) in [
        (
            "     rcu_preempt-17      [001] .....    43.210187: rcu_gp_init <-rcu_gp_kthread",
            "rcu_preempt",
            "starts a grace period: rcu_gp_init()",
        ),
        (
            "     rcu_preempt-17      [001] .....    43.219305: rcu_gp_cleanup <-rcu_gp_kthread",
            "rcu_preempt",
            "ends the grace period: rcu_gp_cleanup()",
        ),
        (
            "          <idle>-0       [000] ..s1.    43.221970: rcu_do_batch <-rcu_core",
            "<idle>",
            "begins to invoke callbacks: rcu_do_batch()",
        ),
        (
            "            head-116     [001] .ls..    43.221743: rcu_do_batch <-rcu_core",
            "head",
            "begins to invoke callbacks: rcu_do_batch()",
        ),
    ] {
        assert_eq!(record(line).task, task);
        assert_eq!(words(line), expected);
    }
}

#[test]
fn the_name_of_a_task_may_look_like_a_cpu() {
    let line = "  a [12] b-c [1]-77      [003] d..1.     9.000001: rcu_fqs: rcu_preempt 7 2 dti";
    let record = record(line);
    assert_eq!(
        (record.task.as_str(), record.pid, record.cpu),
        ("a [12] b-c [1]", 77, 3)
    );
}

#[test]
fn the_name_of_a_task_does_not_control_the_terminal() {
    let line = "  \x1b[2Jx-77      [003] d..1.     9.000001: rcu_fqs: rcu_preempt 7 2 dti\r";
    let record = record(line);
    assert_eq!(record.task, "?[2Jx");
    assert!(matches!(record.event, Event::RcuFqs { what, .. } if what == "dti"));
}

#[test]
fn each_event_of_the_recorded_lines_is_known() {
    for text in [ONE, IDLE, PREEMPTED, READER, EXPEDITED, CALL] {
        for line in text.lines().filter(|line| !line.is_empty()) {
            match Line::parse(line) {
                Line::Record(record) => match record.event {
                    // Frees without a callback; they are shown as they are.
                    Event::Other { name, .. } => {
                        assert!(name.starts_with("rcu_invoke_k"), "{line}")
                    }
                    _ => {}
                },
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}

#[test]
fn masks_and_nodes_are_hexadecimal_and_decimal() {
    let record = record("          rcuctl-57      [001] d.s1.    15.646140: rcu_quiescent_state_report: rcu_preempt -387 2>10 0 0 15 1");
    let node = Node {
        level: 0,
        first_cpu: 0,
        last_cpu: 15,
    };
    assert_eq!(
        record.event,
        Event::RcuQuiescentStateReport {
            gp_seq: -387,
            mask: 2,
            left: 16,
            node,
            has_tasks: true
        }
    );
}

#[test]
fn segments_have_lengths_and_unsigned_numbers() {
    let record = record("    stall_waiter-64      [000] d..1.    21.944111: rcu_segcb_stats: SegCBQueued seglen: (DONE=0, WAIT=1, NEXT_READY=0, NEXT=2) gp_seq: (DONE=0, WAIT=18446744073709551400, NEXT_READY=18446744073709551400, NEXT=0)");
    let what = "SegCBQueued".to_string();
    assert_eq!(
        record.event,
        Event::RcuSegcbStats {
            what,
            lengths: [0, 1, 0, 2],
            gp_seqs: [0, -216, -216, 0]
        }
    );
}

#[test]
fn lost_events_are_counted_and_other_text_is_ignored() {
    assert_eq!(
        Line::parse("CPU:1 [LOST 123 EVENTS]"),
        Line::Lost {
            cpu: 1,
            events: 123
        }
    );
    assert_eq!(
        Line::parse("CPU:0 [LOST EVENTS]"),
        Line::Lost { cpu: 0, events: 1 }
    );
    for text in [
        "",
        "# tracer: nop",
        "<...>-5 [000] d..1. soon: rcu_fqs: x",
        "x [000] ",
    ] {
        assert_eq!(Line::parse(text), Line::Ignored, "{text}");
    }
}

#[test]
fn an_unknown_text_of_a_known_event_is_shown_as_it_is() {
    let line = "  a-1      [000] d..1.     9.000001: rcu_fqs: rcu_preempt seven 2 dti";
    assert_eq!(words(line), "rcu_fqs: rcu_preempt seven 2 dti");
}

#[test]
fn words_name_nodes_numbers_and_functions() {
    for (event, expected) in [
        (
            "rcu_grace_period_init: rcu_preempt 397 0 0 1 3",
            "grace period 397: the root (CPUs 0-1) waits for CPUs 0, 1",
        ),
        (
            "rcu_quiescent_state_report: rcu_preempt 397 1>2 0 0 1 0",
            "reports CPU 0 to the root (CPUs 0-1); it waits for CPU 1",
        ),
        (
            "rcu_quiescent_state_report: rcu_preempt 397 0>0 0 0 1 0",
            "reports the last blocked task to the root (CPUs 0-1); it waits for nothing more",
        ),
        (
            "rcu_callback: rcu_preempt rhp=000000006f168847 func=radix_tree_node_rcu_free 2",
            "queues callback radix_tree_node_rcu_free; 2 on this CPU",
        ),
        (
            "rcu_exp_grace_period: rcu_preempt 0x4c start",
            "starts the expedited grace period with the end 0x4c",
        ),
        (
            "rcu_sr_normal: rcu_preempt rhp=0x000000008e8b65da event=request",
            "begins synchronize_rcu()",
        ),
        (
            "rcu_gp_init <-rcu_gp_kthread",
            "starts a grace period: rcu_gp_init()",
        ),
    ] {
        assert_eq!(
            words(&format!("  a-1      [000] d..1.     9.000001: {event}")),
            expected
        );
    }
}

#[test]
fn in_a_tree_of_two_levels_the_root_waits_for_nodes() {
    let line =
        "  a-1      [000] d..1.     9.000001: rcu_grace_period_init: rcu_preempt 397 0 0 7 3";
    let (topic, text) = words::describe(&record(line), 1);
    assert_eq!(topic, Topic::GracePeriod);
    assert_eq!(
        text,
        "grace period 397: the root (CPUs 0-7) waits for nodes 0, 1"
    );
}

#[test]
fn a_grace_period_has_its_cpus_with_times_and_causes() {
    let recording = recording(ONE);
    let [period] = recording.periods() else {
        panic!("{:?}", recording.periods());
    };
    assert_eq!((period.gp_seq, period.duration_us()), (-387, Some(30_364)));
    assert_eq!(
        period.requested.as_ref().map(|by| by.task.as_str()),
        Some("rcuctl")
    );
    let parts: Vec<_> = period
        .cpus
        .values()
        .map(|part| (part.cause, part.reported_us))
        .collect();
    assert_eq!(
        parts,
        [
            (Some(Cause::ContextSwitch), Some(15_660_686)),
            (Some(Cause::Tick), Some(15_646_140))
        ]
    );
    assert!(period.waits_for(0) && period.waits_for(1) && !period.waits_for(2));
    assert_eq!(period.scans_us, [(15_645_511, 15_645_588)]);
}

#[test]
fn a_request_during_a_grace_period_is_for_the_next_one() {
    let line = |us: u32, text: &str| {
        format!("  a-{us}      [000] d..1.     1.{us:06}: rcu_grace_period: rcu_preempt {text}\n")
    };
    let text = line(1, "4 newreq")
        + &line(2, "5 start")
        + &line(3, "5 newreq")
        + &line(4, "5 end")
        + &line(5, "9 start")
        + &line(6, "9 end");
    let recording = recording(&text);
    let requests: Vec<_> = recording
        .periods()
        .iter()
        .map(|period| period.requested.as_ref().map(|by| by.pid))
        .collect();
    assert_eq!(requests, [Some(1), Some(3)]);
}

#[test]
fn a_report_names_the_request_and_each_event_once() {
    let recording = recording(ONE);
    let text = report::text(&recording.periods()[0], recording.records(), Style::plain());
    assert!(
        text.starts_with(
            "Grace period -387: 30.364 ms, requested 0.661 ms before by rcuctl (pid 58) on CPU 0\n"
        ),
        "{text}"
    );
    for part in [
        "starts grace period",
        "ends grace period",
        "waits for CPUs 0, 1",
        "it waits for nothing more",
    ] {
        assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    }
}

#[test]
fn each_recorded_scene_shows_what_it_says_and_no_other_scene() {
    for (scene, text) in [
        (Scene::Reader, READER),
        (Scene::Preempted, PREEMPTED),
        (Scene::Expedited, EXPEDITED),
        (Scene::Call, CALL),
        (Scene::Idle, IDLE),
    ] {
        let scenery = recording(text);
        let (period, findings) = findings::of(scene, &scenery);
        assert!(
            findings.iter().all(|finding| finding.is_seen),
            "{scene:?}: {findings:?}"
        );
        assert!(period.is_some());
        // A short grace period without the scene.
        let one = recording(ONE);
        let (_, findings) = findings::of(scene, &one);
        assert!(
            findings.iter().any(|finding| !finding.is_seen),
            "{scene:?}: {findings:?}"
        );
    }
}

#[test]
fn bars_of_a_lane_do_not_overlap_and_end_after_their_begin() {
    for text in [ONE, IDLE, PREEMPTED, READER, EXPEDITED, CALL] {
        let recording = recording(text);
        let lanes = lanes(&recording, 0, u64::MAX / 2);
        assert!(lanes.iter().any(|lane| lane.name == "CPU 0"), "{lanes:?}");
        for lane in lanes {
            for pair in lane.bars.windows(2) {
                assert!(
                    pair[0].until_us <= pair[1].from_us,
                    "{}: {pair:?}",
                    lane.name
                );
            }
        }
    }
}

#[test]
fn a_picture_escapes_the_names_of_tasks() {
    let text = ONE.replace("rcuctl-58 ", "<b>&\"-58 ");
    let recording = recording(&text);
    let picture = svg(&recording, None, WIDTH).to_string();
    assert!(
        picture.contains("&lt;b&gt;&amp;") && !picture.contains("<b>"),
        "{picture}"
    );
    assert!(
        picture.contains("data-name=\"&lt;b&gt;&amp;&apos;\""),
        "{picture}"
    );
}

#[test]
fn lines_of_two_boots_and_numbers_beyond_all_ranges_are_shown() {
    let big = u64::MAX;
    let line = |us: u32, text: &str| format!("  a-1      [000] d..1.     5.{us:06}: {text}\n");
    let text = line(0, "rcu_grace_period: rcu_preempt 5 start")
        + &line(1, &format!("rcu_quiescent_state_report: p 5 {big:x}>{big:x} 0 4294967290 4294967295 1"))
        + &line(2, &format!("rcu_quiescent_state_report: p 5 {big:x}>0 0 0 4294967295 1"))
        + &line(3, &format!("rcu_segcb_stats: x seglen: (DONE={0}, WAIT={0}, NEXT_READY=0, NEXT=0) gp_seq: (DONE=0, WAIT=0, NEXT_READY=0, NEXT=0)", i64::MAX))
        + "  a-1      [000] d..1.     99999999999.000000: rcu_fqs: rcu_preempt 5 2 dti\n"
        + &line(9, "rcu_grace_period: rcu_preempt 5 end").replace(" 5.", " 1.")
        + ONE;
    let recording = recording(&text);
    let period = &recording.periods()[0];
    assert_eq!((period.duration_us(), period.cpus.len()), (Some(0), 64 + 6));
    report::text(period, recording.records(), Style::plain());
    let last = recording.records().last().map(|record| record.us);
    for since_us in [None, Some(0), last] {
        svg(&recording, since_us, WIDTH);
    }
    let late = line(0, "rcu_sr_normal: p rhp=1 event=request") + &ONE.replace("15.6", "2.6");
    svg(&self::recording(&late), Some(5_000_000), WIDTH);
}

#[test]
fn events_that_are_only_printed_need_no_memory() {
    let mut recording = Recording::new(false);
    let level = "  a-1 [000] d..1. 1.000001: rcu_grace_period_init: rcu_preempt 397 1 0 7 3";
    for line in ONE.lines().chain([level]) {
        recording.add(line);
    }
    assert_eq!(recording.leaf_level(), 1);
    assert!(recording.records().is_empty() && recording.periods().is_empty());
    assert_eq!(recording.lost(), 0);
}

#[test]
fn a_reader_whose_end_was_lost_blocks_once() {
    let line = |us: u32, text: &str| format!("  a-7      [000] d..1.     1.{us:06}: {text}\n");
    let text = line(1, "rcu_preempt_task: rcu_preempt 4 7")
        + &line(2, "rcu_grace_period: rcu_preempt 9 start")
        + &line(3, "rcu_preempt_task: rcu_preempt 9 7")
        + &line(4, "rcu_unlock_preempted_task: rcu_preempt 9 7")
        + &line(5, "rcu_grace_period: rcu_preempt 9 end");
    let recording = recording(&text);
    let blocked = &recording.periods()[0].blocked;
    let from_us: Vec<_> = blocked.iter().map(|task| task.from_us).collect();
    assert_eq!(from_us, [1_000_003]);
}
