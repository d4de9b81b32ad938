// SPDX-License-Identifier: GPL-2.0

//! Properties for any input: the decoder does not panic, has bounded memory, and its events do not
//! depend on wrapping or on how the log is read.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::{env, fs};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, Index};
use stall_decode::{Decoder, Event, Timeline};

fn folder() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
}

/// Reads the logs of the corpus as lines.
fn corpus() -> Vec<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .expect("there is a corpus")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("it can be read");
    let lines = |log: Vec<u8>| {
        log.split(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    paths.iter().map(|path| lines(read(path))).collect()
}

/// Decodes lines, and checks the properties of every event.
fn decode<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    let mut count = 0;
    for line in lines {
        decoder.line(line);
        count += 1;
        events.extend(std::iter::from_fn(|| decoder.event()));
    }
    decoder.finish();
    events.extend(std::iter::from_fn(|| decoder.event()));
    assert!(!decoder.is_open());
    let mut timeline = Timeline::new();
    for event in &events {
        check(event, count);
        timeline.add(event);
    }
    assert!(timeline.svg().ends_with("</svg>"));
    events
}

fn check(event: &Event, lines: u64) {
    assert!(
        (1..=lines).contains(&event.line),
        "line {} of {lines}",
        event.line
    );
    assert!(event.incident > 0 && event.boot > 0, "{event:?}");
    assert!(
        !event.summary.is_empty() && !event.causes.is_empty() && !event.advice.is_empty(),
        "{event:?}"
    );
    // Limits bound the memory of a report.
    for (name, length, limit) in [
        ("cpus", event.cpus.len(), 64),
        ("tasks", event.tasks.len(), 65),
        ("details", event.cpu_details.len(), 64),
        ("frames", event.frames.len(), 32),
        ("locks", event.locks.len(), 32),
        ("fields", event.fields.len(), 256),
        ("causes", event.causes.len(), 16),
        ("advice", event.advice.len(), 16),
    ] {
        assert!(length <= limit, "{length} {name}: {event:?}");
    }
    let json = serde_json::to_string(event).expect("JSON");
    let back: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(back["kind"], event.kind.name());
    assert!(
        json.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "not printable: {json}"
    );
}

fn slices(lines: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    lines.iter().map(Vec::as_slice)
}

/// Returns whether the next line may be a piece of this one, which a mail or terminal wrapped: it
/// lacks the stamp or indent that this one has.
fn may_continue(line: &[u8], next: Option<&Vec<u8>>) -> bool {
    // Without the quotation marks of a mail.
    let text = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let mut rest: &str = &line;
        while let Some(quoted) = rest.strip_prefix('>') {
            rest = quoted.strip_prefix(' ').unwrap_or(quoted);
        }
        rest.to_owned()
    };
    let is_marked = |line: &str| {
        let start: String = line.chars().take(60).collect();
        let has_stamp = start.split('[').skip(1).any(|rest| {
            let stamp = rest.split(']').next().unwrap_or_default();
            // `[docker:57]` is no stamp.
            let has_time = stamp.contains('.') || stamp.contains(':') && stamp.contains(' ');
            has_time && stamp.contains(|c: char| c.is_ascii_digit())
        });
        let unquoted = start.trim_start_matches(['>', '|']);
        has_stamp || start.contains("kernel:") || unquoted.starts_with("  ")
    };
    let (line, next) = (text(line), next.map_or(String::new(), |next| text(next)));
    line.len() >= 30 && is_marked(&line) && !is_marked(&next)
}

/// Returns an unrelated line with the stamp or indent of another line.
fn like(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let start: String = text.chars().take(60).collect();
    let stamp = start.find("kernel:").map(|at| at + "kernel:".len());
    let stamp = stamp.or_else(|| start.find("] ").map(|at| at + 1));
    let blanks = start.len() - start.trim_start().len();
    let prefix = start.get(..stamp.unwrap_or(blanks)).unwrap_or_default();
    format!("{prefix} an unrelated line").into_bytes()
}

/// Parts of reports, for random combinations.
const WORDS: &[&str] = &[
    "[  100.000000] ",
    "[  100.000001][    C1] ",
    "[   99.5] [  T12] ",
    "Nov 21 10:00:00 host kernel: ",
    "2026-11-21T10:00:00+00:00 host kernel: ",
    "6,339,5140900,-,caller=C1;",
    "> ",
    "rcu: ",
    "INFO: rcu_preempt self-detected stall on CPU",
    "INFO: rcu_sched detected stalls on CPUs/tasks:",
    "INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { ",
    "INFO: rcu_tasks detected stalls on tasks:",
    " } 23 jiffies s: 57 root: 0x2/.",
    "\t3-...!: (20 ticks this GP) idle=6a84/1/0x4000000000000000 softirq=1/2 fqs=3",
    "\t(t=5250 jiffies g=289 q=2 ncpus=4)",
    "(detected by 1, t=18446744073709551615 jiffies, g=-9223372036854775808, q=1)",
    "Tasks blocked on level-0 rcu_node (CPUs 0-3): P57/1:b..l P58",
    "rcu_preempt kthread starved for -1 jiffies! g5 f0x2 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=-1",
    "RCU grace-period kthread stack dump:",
    "Stack dump where RCU GP kthread last ran:",
    "task:rcu_preempt state:I stack:0 pid:16 tgid:16 ppid:2 flags:0x0",
    "NMI backtrace for cpu 3",
    "CPU: 3 UID: 0 PID: 57 Comm: foo Not tainted 6.18.15 #1",
    "RIP: 0010:spin+0x1/0x2 [demo]",
    "Call Trace:",
    " <IRQ> ",
    " [<ffffffff81000000>] ? synchronize_rcu+0x1/0x2",
    " __schedule+0x1/0x2",
    "BUG: KASAN: slab-use-after-free in look+0x1/0x2",
    "Freed by task 12:",
    "BUG: sleeping function called from invalid context at a.c:1",
    "BUG: scheduling while atomic: a/b/57/0x00000002",
    "INFO: task foo:57 blocked for more than 120 seconds.",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]",
    "WARNING: suspicious RCU usage",
    "net/core/dev.c:57 suspicious rcu_dereference_check() usage!",
    "WARNING: CPU: 1 PID: 57 at kernel/rcu/tree_plugin.h:332 rcu_note_context_switch+0x1/0x2",
    "ODEBUG: activate active (active state 1) object type: rcu_head hint: 0x0",
    "foo: page allocation failure: order:70, mode:0x0",
    "foo invoked oom-killer: gfp_mask=0x0",
    "Linux version 6.18.15",
    "=",
    "{\"log\":\"",
    "\\n",
    "\"}",
    "\u{1b}[31m",
    "\r",
    "\0",
    "é",
    " ",
    "(",
    "18446744073709551616",
];

/// Generates lines of report parts and random bytes.
fn random_lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let word = prop_oneof![
        6 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(vec(word, 0..5).prop_map(|words| words.concat()), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_decoded(log in vec(any::<u8>(), 0..4000)) {
        decode(log.split(|&byte| byte == b'\n'));
    }

    #[test]
    fn random_combinations_of_report_parts_are_decoded(lines in random_lines()) {
        decode(slices(&lines));
    }

    /// Removes, doubles, cuts, overwrites and swaps lines.
    #[test]
    fn damaged_logs_are_decoded(
        log in any::<Index>(),
        damage in vec((any::<Index>(), 0..5u8, any::<Index>(), any::<u8>()), 0..40),
    ) {
        let logs = corpus();
        let mut lines: Vec<_> = log.get(&logs).clone();
        for (at, how, within, byte) in damage {
            let at = at.index(lines.len());
            match how {
                0 if lines.len() > 1 => { lines.remove(at); }
                1 => { let line = lines[at].clone(); lines.insert(at, line); }
                2 => { let end = within.index(lines[at].len() + 1); lines[at].truncate(end); }
                3 if !lines[at].is_empty() => { let place = within.index(lines[at].len()); lines[at][place] = byte; }
                _ => { let other = within.index(lines.len()); lines.swap(at, other); }
            }
        }
        decode(slices(&lines));
    }

    /// Interleaves two logs, as if two CPUs printed at the same time.
    #[test]
    fn interleaved_logs_are_decoded(a in any::<Index>(), b in any::<Index>(), turns in vec(any::<bool>(), 1..50)) {
        let logs = corpus();
        let (a, b): (&Vec<_>, &Vec<_>) = (a.get(&logs), b.get(&logs));
        let (mut first, mut second) = (slices(a), slices(b));
        let mut mixed = Vec::new();
        for turn in turns.iter().cycle().take(600) {
            mixed.extend(if *turn { first.next() } else { second.next() });
        }
        decode(mixed);
    }

    /// Inserts unrelated lines between those of a report.
    #[test]
    fn unrelated_lines_change_only_line_numbers(log in any::<Index>(), every in 2usize..7) {
        let logs = corpus();
        let lines: &Vec<_> = log.get(&logs);
        let alone = decode(slices(lines));
        let mut mixed: Vec<Vec<u8>> = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            mixed.push(line.clone());
            // Not between two pieces of a line that a mail cut or wrapped.
            let next = lines.get(number + 1);
            let is_cut = line.ends_with(b"=") || may_continue(line, next);
            // Nor between two equal lines: without times, the second one is a repetition.
            if number % every == 0 && !is_cut && next != Some(line) {
                mixed.push(like(line));
            }
        }
        let mixed = decode(slices(&mixed));
        let fact = |event: &Event| (event.kind, event.cpus.clone(), event.t_jiffies, event.gp_seq);
        let facts = |events: &[Event]| events.iter().map(fact).collect::<Vec<_>>();
        prop_assert_eq!(facts(&alone), facts(&mixed));
    }

    #[test]
    fn wrapping_each_line_changes_nothing(wrapper in select(&["> ", "\t", "Nov 21 10:00:00 host kernel: ", "<3>", "\u{1b}[0m"][..])) {
        let log = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)
[  100.000003] CPU: 1 PID: 57 Comm: foo Not tainted 6.18.15 #1
[  100.000004] RIP: 0010:spin+0x1/0x2 [demo]";
        let plain = decode(log.lines().map(str::as_bytes));
        let wrapped: Vec<_> = log.lines().map(|line| format!("{wrapper}{line}")).collect();
        let wrapped = decode(wrapped.iter().map(String::as_bytes));
        prop_assert_eq!(serde_json::to_value(plain).expect("JSON"), serde_json::to_value(wrapped).expect("JSON"));
    }

    #[test]
    fn the_size_of_the_read_buffer_changes_nothing(log in any::<Index>(), size in 1usize..5000) {
        let logs = corpus();
        let lines: &Vec<_> = log.get(&logs);
        let whole = lines.join(&b'\n');
        let mut events = Vec::new();
        let read = BufReader::with_capacity(size, &whole[..]);
        stall_decode::decode(read, |event| { events.push(event); Ok(()) }).expect("memory can be read");
        let lines = decode(whole.split(|&byte| byte == b'\n'));
        prop_assert_eq!(serde_json::to_value(events).expect("JSON"), serde_json::to_value(lines).expect("JSON"));
    }
}

/// Events must not accumulate while a log continues, or a live log would never show them.
#[test]
fn events_are_ready_before_the_log_ends() {
    let mut decoder = Decoder::new();
    let mut waiting = 0u64;
    let mut most = 0;
    for number in 0..5000u64 {
        let seconds = number * 3;
        for text in [
            format!("[{seconds:5}.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"),
            format!("[{seconds:5}.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3"),
            format!("[{seconds:5}.000002] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]"),
            format!("[{seconds:5}.000003] INFO: task foo{number}:{number} blocked for more than 120 seconds."),
        ] {
            decoder.line(text.as_bytes());
        }
        waiting += 3;
        while decoder.event().is_some() {
            waiting -= 1;
        }
        most = most.max(waiting);
    }
    assert!(most <= 20, "{most} events were delayed");
}
