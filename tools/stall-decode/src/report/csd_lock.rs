// SPDX-License-Identifier: GPL-2.0

//! CPUs that do not answer cross-CPU calls: `csd_lock_wait_toolong()` in `kernel/smp.c`.

use super::{lockup, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::Scan;
use crate::stack;

const STUCK: &str = " non-responsive CSD lock (#";

pub(crate) static FAMILY: Family = Family {
    headers: &[STUCK],
    details: &["CSD lock (#", "Sending NMI", "to the NMI: "],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete: lockup::complete,
    origin: Origin::Interrupt,
};

/// Parses `csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000003 ns for CPU#02
/// flush+0x0/0x10(0x0).`
fn header(text: &str) -> Option<Event> {
    let mut scan = Scan::after(text, STUCK)?;
    let mut event = Event::new(EventKind::CsdLock);
    let number = scan.number()?;
    event.add_field(
        "CSD lock",
        format!("#{number}"),
        "reports with this number belong together",
    );
    scan.until(" on CPU#")?;
    event.detected_by = scan.small();
    scan.until("waiting ")?;
    event.seconds = Some((scan.number()? as f64 / 1e8).round() / 10.0);
    scan.until(" for CPU#")?;
    event.add_cpu(scan.small()?);
    event.symbol = stack::frame(scan.spaces().rest()).map(|frame| frame.function());
    Some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    if report.parse_nmi_request(text) {
        return true;
    }
    let own = report.event.field("CSD lock");
    let own = own.map(|field| format!("CSD lock ({}) ", field.value));
    if text.contains(STUCK) || !own.is_some_and(|own| text.contains(&own)) {
        return false;
    }
    let Some(rest) = text
        .split_once("CSD lock (#")
        .and_then(|(_, rest)| rest.split_once(") "))
    else {
        return false;
    };
    let (rest, event) = (rest.1, &mut report.event);
    if rest.starts_with("unresponsive") {
        let meaning =
            "the CPU handles no cross-CPU call: its interrupts are disabled, or it does not run";
        event.add_field("state", "unresponsive", meaning);
    } else if let Some(prior) = rest.strip_prefix("handling prior ") {
        let meaning = "the CPU still handles an earlier call: that function does not return";
        let prior = prior.trim_end_matches(" request.");
        event.add_field("state", format!("handling {prior}"), meaning);
    } else if rest.starts_with("handling this request") {
        let meaning = "the CPU runs the called function, which does not return";
        event.add_field("state", "handling this request", meaning);
    } else if rest.starts_with("got unstuck") {
        event.ended = true;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::only;

    #[test]
    fn a_stuck_csd_lock_names_the_silent_cpu_and_the_call() {
        let event = only(
            "csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000003 ns for CPU#02 do_flush_tlb_all+0x0/0x20(0x0).\n\
             \tcsd: CSD lock (#1) unresponsive.\n\
             Sending NMI from CPU 0 to CPUs 2:\n\
             NMI backtrace for cpu 2\n\
             CPU: 2 UID: 0 PID: 57 Comm: spinner Not tainted 6.18.15 #1\n\
             RIP: 0010:spin+0x1/0x2 [demo]\n",
        );
        assert_eq!(event.kind, EventKind::CsdLock);
        assert_eq!(
            (event.cpus.as_slice(), event.detected_by),
            (&[2][..], Some(0))
        );
        assert_eq!(event.seconds, Some(5.0));
        assert_eq!(event.symbol.as_deref(), Some("do_flush_tlb_all"));
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
        assert!(event
            .field("state")
            .is_some_and(|state| state.value == "unresponsive"));
    }
}
