// SPDX-License-Identifier: GPL-2.0

//! Tests of cause, blame and advice of stalls.

use crate::tests::only;

fn stall(detail: &str) -> crate::Event {
    only(&format!(
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
         rcu: \t{detail}\n\
         rcu: \t(detected by 0, t=5252 jiffies, g=9, q=3 ncpus=2)\n"
    ))
}

fn first_cause(detail: &str) -> String {
    stall(detail).causes.remove(0)
}

#[test]
fn the_fields_of_a_cpu_select_the_first_cause() {
    let looping = first_cause(
        "1-....: (5240 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/2 fqs=9",
    );
    assert!(looping.contains("without rescheduling"), "{looping}");
    let irqs_off =
        first_cause("1-...!: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9");
    assert!(irqs_off.contains("interrupts disabled"), "{irqs_off}");
    let few =
        first_cause("1-....: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9");
    assert!(few.contains("few clock interrupts"), "{few}");
    let idle = first_cause("1-....: (2 ticks this GP) idle=1234/0/0x0 softirq=1/1 fqs=9");
    assert!(idle.contains("not to blame"), "{idle}");
    let task = first_cause("Tasks blocked on level-0 rcu_node (CPUs 0-1): P57/1:b..l");
    assert!(task.contains("inside rcu_read_lock()"), "{task}");
    let no_culprit = first_cause("nothing");
    assert!(no_culprit.contains("lists no CPU or task"), "{no_culprit}");
}
