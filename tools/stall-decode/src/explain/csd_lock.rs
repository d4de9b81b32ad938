// SPDX-License-Identifier: GPL-2.0

//! Explains CPUs that do not answer cross-CPU calls.

use super::{called, cpus, hints, in_function, lacks_code, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    let waiter = event
        .detected_by
        .map_or("A CPU".to_string(), |cpu| format!("CPU {cpu}"));
    let call = event
        .symbol
        .as_ref()
        .map_or(String::new(), |symbol| format!(" to run {symbol}()"));
    let seconds = event.seconds.unwrap_or_default();
    let ended = if event.ended {
        "; it answered later"
    } else {
        ""
    };
    format!(
        "{} did not answer {waiter}, which waits for it{call} for {seconds} s{}{ended}.",
        cpus(event),
        in_function(event),
    )
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let cpu = cpus(event);
    let state = event
        .field("state")
        .map_or("", |field| field.value.as_str());
    if state.starts_with("handling ") && state != "handling this request" {
        let function = state.trim_start_matches("handling ");
        out.cause(format!(
            "{cpu} is still in an earlier cross-CPU call, {function}, which does not return"
        ))
        .advise("Shorten that function: it runs with interrupts disabled.");
    } else if state == "handling this request" {
        out.cause(format!(
            "the called function runs on {cpu} and does not return"
        ))
        .advise("Look at that function: it runs with interrupts disabled.");
    } else if hints::spins_for_lock(event) {
        let place = event.culprit_frame.as_deref().map_or(cpu, called);
        out.spins(&place, event)
            .cause("it spins with interrupts disabled, so that it answers no call");
    } else {
        out.cause(format!("{cpu} has interrupts disabled, or does not run: a loop under spin_lock_irqsave(), firmware, or a host that stopped the vCPU"))
            .advise(format!("Look for the stack of {cpu} in this log. In a virtual machine, check the host. The CPU that reported only waits."));
    }
    out.hint(event);
    if !event.frames.is_empty() && lacks_code(event) {
        out.without_stack(event);
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn the_silent_cpu_is_to_blame_not_the_one_that_waits() {
        let event = only(
            "csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000003 ns for CPU#02 do_nothing+0x0/0x20(0x0).\n\
             \tcsd: CSD lock (#1) unresponsive.\n",
        );
        assert!(
            event.summary.starts_with("CPU 2 did not answer CPU 0"),
            "{}",
            event.summary
        );
        assert!(event.causes[0].starts_with("CPU 2 has interrupts disabled"));
        let event = only(
            "csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000003 ns for CPU#02 do_nothing+0x0/0x20(0x0).\n\
             \tcsd: CSD lock (#1) handling prior slow_call+0x0/0x20(0x0) request.\n",
        );
        assert!(event.causes[0].contains("slow_call"), "{:?}", event.causes);
    }
}
