// SPDX-License-Identifier: GPL-2.0

//! Explains sleeping in atomic context.

use super::{called, in_function, lacks_code, lock, tasks, Explanation};
use crate::event::{Culprit, Event};
use crate::functions::Class;
use crate::scan::Scan;

pub(super) fn summary(event: &Event) -> String {
    let task = tasks(event);
    let at = in_function(event);
    let message = event.message.as_deref().unwrap_or_default();
    if message.starts_with("scheduling") {
        return format!("{task} called the scheduler{at} in atomic context.");
    }
    let location = event.location.as_ref();
    let location = location.map_or(String::new(), |location| {
        format!(" (checked at {location})")
    });
    format!("{task} called a function that may sleep{at} in atomic context{location}.")
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let value = |name: &str| event.field(name).map_or("", |field| field.value.as_str());
    let is_set = |name: &str| !matches!(value(name), "" | "0");
    let count = event.field("preempt_count");
    if count.is_some_and(|count| count.meaning.starts_with("negative")) {
        out.blame(Culprit::Unknown, "code that ran earlier; the stack shows only the code that noticed it")
            .cause("the preemption count is negative, an underflow: an earlier unlock without a lock, or a double preempt_enable(); the code that the stack shows is only the first to notice")
            .advise("Look for the extra unlock in code that the task ran before. CONFIG_DEBUG_PREEMPT reports it.");
        return;
    }
    if let Some(died) = event.field("died") {
        out.blame(
            Culprit::OtherEvent,
            "the crash before this report, in which the task died",
        )
        .cause(format!(
            "the task died in atomic context ({}): its exit sleeps there, which is a consequence",
            died.value
        ))
        .advise("Look at the crash (oops) earlier in the log, and ignore this report.");
        return;
    }
    let mut locks = event.locks.iter();
    if is_set("RCU nest depth") || locks.any(|lock| lock.contains("rcu_read_lock")) {
        if event.frames.iter().any(|frame| frame == "do_exit") {
            out.cause("the task exits with a reader still open: an rcu_read_unlock() is missing")
                .advise("Look for a path without rcu_read_unlock() in earlier code of the task; the stack only shows its exit.");
        } else {
            out.cause("the task sleeps inside rcu_read_lock()")
                .advise("Move the sleeping call out of the reader (acquire a reference first), or use SRCU.");
        }
    }
    realtime(event, out);
    if is_set("irqs_disabled()") {
        out.cause(
            "interrupts are disabled: by a lock acquired with _irqsave, or by an interrupt handler",
        );
    }
    if out.causes.is_empty() {
        out.cause(context(count.map_or("", |count| count.value.as_str())));
    }
    if let Some((name, at)) = held(event) {
        out.cause(format!(
            "{} acquired {name} before, which forbids to sleep",
            called(&at)
        ));
    }
    if lacks_code(event) {
        let count = count.map_or("", |count| count.value.as_str());
        out.blame(Culprit::Unknown, unseen(event, count));
        out.without_stack(event);
    }
    let function = value("Preemption disabled at");
    if !function.is_empty() {
        out.advise(format!("{function}() began the atomic section. End it before the call, or use a function that does not sleep."));
    }
    out.advise(instead(event));
}

/// The lock that makes the context atomic, and the function that acquired it.
///
/// Lockdep prints the wait type of each lock: 1 is an RCU reader, 2 a spinlock. With
/// CONFIG_PROVE_RAW_LOCK_NESTING, a spinlock has 3, and a mutex 4.
fn held(event: &Event) -> Option<(&str, String)> {
    let has = |kinds: &str| event.locks.iter().any(|line| line.contains(kinds));
    let spinlock = if has("{4:4}") { "{3:3}" } else { "{2:2}" };
    let mut locks = event.locks.iter().rev();
    let line = locks.find(|line| line.contains(spinlock) || line.contains("{1:"))?;
    let (name, at) = lock(line)?;
    Some((name, at?))
}

/// What the code can do instead of the call that sleeps, by the helper that sleeps.
fn instead(event: &Event) -> String {
    let at = match &event.culprit_frame {
        Some(function) => called(function),
        None => "the caller".to_string(),
    };
    let has = |parts: &[&str]| {
        let mut frames = event.frames.iter();
        frames.any(|frame| parts.iter().any(|part| frame.contains(part)))
    };
    let inner = event
        .frames
        .iter()
        .take_while(|frame| Some(*frame) != event.culprit_frame.as_ref());
    let allocates = |frame: &String| Class::of(frame) == Class::Memory;
    if inner.clone().any(allocates) {
        format!("In {at}, allocate with GFP_ATOMIC, or before the atomic section.")
    } else if has(&[
        "copy_from_user",
        "copy_to_user",
        "might_fault",
        "get_user",
        "put_user",
    ]) {
        format!("In {at}, copy before or after the atomic section: an access to user memory may fault and sleep.")
    } else if has(&["mutex", "rwsem", "down_", "rt_spin_lock"]) {
        format!(
            "In {at}, use a spinlock instead, or acquire the lock outside of the atomic section."
        )
    } else if has(&["wait_for", "flush_", "synchronize_", "cancel_"]) {
        format!("In {at}, wait outside of the atomic section, or queue the rest to a work item.")
    } else if has(&["usleep", "msleep", "schedule_timeout", "hrtimer"]) {
        format!("In {at}, busy-wait with udelay() if the time is short, or sleep outside of the atomic section.")
    } else {
        format!("In {at}, move the call out of the atomic section, or use a function that does not sleep.")
    }
}

/// Names code that the log does not show, by the preemption count.
fn unseen(event: &Event, count: &str) -> String {
    let count = Scan::new(count).hex().unwrap_or_default();
    let task = tasks(event);
    match (count & 0x100, count & 0xf0000) {
        (_, 1..) => {
            format!("an interrupt handler that the log does not show; {task} was only interrupted")
        }
        (1.., _) => format!("a softirq that the log does not show; {task} was only interrupted"),
        _ => format!("code that {task} ran; the log does not show it"),
    }
}

/// What makes a context atomic, by its preemption count.
fn context(count: &str) -> &'static str {
    let count = Scan::new(count).hex().unwrap_or_default();
    match (count & 0xff00, count & 0xf0000) {
        (_, 1..) => "the code runs in a hard interrupt",
        (1.., _) => "the code runs in a softirq, or with softirqs disabled (spin_lock_bh())",
        _ => "a spinlock is held, preemption or softirqs are disabled, or this is an interrupt",
    }
}

/// Explains locks that sleep on PREEMPT_RT only.
fn realtime(event: &Event, out: &mut Explanation) {
    let is_sleeping_lock = |frame: &String| {
        [
            "rt_spin_lock",
            "rt_read_lock",
            "rt_write_lock",
            "rtlock_slowlock",
        ]
        .iter()
        .any(|start| frame.starts_with(start))
    };
    let place = event.location.as_deref().unwrap_or_default();
    let is_lock = event.frames.iter().any(is_sleeping_lock) || place.contains("spinlock_rt.c");
    if is_lock {
        out.cause("PREEMPT_RT: a spinlock_t is a sleeping lock there, so that it must not be acquired with preemption or interrupts disabled, or under a raw_spinlock_t")
            .advise("Use a raw_spinlock_t if the section is short, or acquire the spinlock_t outside of the section with disabled preemption or interrupts (no local_irq_save() or get_cpu() around it).");
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn the_lock_that_forbids_to_sleep_is_named() {
        let of = |inner: &str| {
            let event = only(&format!(
                "BUG: sleeping function called from invalid context at net/core/sock.c:3507\n\
                 in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 57, name: cat\n\
                 preempt_count: 1, expected: 0\n\
                 2 locks held by cat/57:\n\
                 \x20#0: 0012 (&p->lock){{+.+.}}-{{3:3}}, at: seq_read+0x1/0x2\n\
                 \x20#1: 0034 {inner}, at: foo_show+0x1/0x2 [foo]\n"
            ));
            event.causes.concat()
        };
        assert!(of("(&foo->lock){+.+.}-{2:2}").contains("foo_show() acquired &foo->lock before"));
        assert!(of("(rcu_read_lock){....}-{1:2}").contains("foo_show() acquired rcu_read_lock"));
        assert!(!of("(&foo->mutex){+.+.}-{3:3}").contains("acquired"));
        assert!(of("(&foo->mutex){+.+.}-{4:4}").contains("seq_read() acquired &p->lock"));
    }

    #[test]
    fn a_sleep_in_a_reader_and_under_a_spinlock_have_different_causes() {
        let event = only(
            "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283\n\
             in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 57, name: reader\n\
             preempt_count: 1, expected: 0\n\
             RCU nest depth: 1, expected: 0\n",
        );
        assert!(
            event.causes[0].contains("rcu_read_lock"),
            "{:?}",
            event.causes
        );
        let event = only(
            "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283\n\
             in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 57, name: reader\n\
             preempt_count: 1, expected: 0\n\
             RCU nest depth: 0, expected: 0\n",
        );
        assert!(event.causes[0].contains("spinlock"), "{:?}", event.causes);
    }
}
