// SPDX-License-Identifier: GPL-2.0

//! Notes below the figures: limits of the machine, and the meaning of the rows.

use super::report::{Report, Row};
use crate::cpu_list;
use crate::parameters::Parameters;

const CPUINFO: &str = "/proc/cpuinfo";

/// A machine whose instructions take other times than on hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Machine {
    Emulated,
    UserMode,
}

impl Machine {
    fn of(cpuinfo: &str) -> Option<Self> {
        if cpuinfo.contains("User Mode Linux") {
            Some(Self::UserMode)
        } else {
            cpuinfo.contains("QEMU TCG").then_some(Self::Emulated)
        }
    }

    fn note(self) -> String {
        let name = match self {
            Self::Emulated => "QEMU emulates this machine",
            Self::UserMode => "This kernel is user-mode Linux",
        };
        format!(
            "{name}: its atomic operations and preemption take other times than on hardware. An \
             uncontended rwlock may beat RCU here. On hardware, and with several readers, RCU wins."
        )
    }
}

/// Returns the notes on a report. `requested` is the number of readers that an option names.
pub fn notes(parameters: &impl Parameters, report: &Report, requested: Option<u32>) -> Vec<String> {
    if report.rows.is_empty() {
        return Vec::new();
    }
    let online = cpu_list::online(parameters).map(|(cpus, _)| cpus.len());
    let fewer = requested
        .zip(online.ok())
        .and_then(|(requested, online)| fewer_readers(requested, online));
    // Other processors than x86 are not recognized.
    let cpuinfo = parameters.read(CPUINFO).unwrap_or_default();
    let machine = Machine::of(&cpuinfo).map(Machine::note);
    let notes = [fewer, contention(report), machine];
    notes.into_iter().flatten().collect()
}

fn fewer_readers(requested: u32, online: usize) -> Option<String> {
    let is_fewer = u32::try_from(online).is_ok_and(|online| online < requested);
    is_fewer.then(|| {
        let cpus = if online == 1 { "CPU is" } else { "CPUs are" };
        format!(
            "{requested} readers were requested, but {online} {cpus} online: each reader needs a \
             CPU of its own, so no row has more than {online}."
        )
    })
}

/// The meaning of the numbers of readers, if a measurement of sections has several.
fn contention(report: &Report) -> Option<String> {
    let readers = |row: &Row| row.label("readers").map(str::to_string);
    let many = report.rows.iter().filter_map(readers).find(|n| n != "1")?;
    let is_section = report.kind == "read";
    is_section.then(|| {
        format!(
            "Rows with 1 reader show the cost without contention. Rows with {many} readers show \
             whether readers slow each other down: RCU readers share no cache line."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::run::Report as _;

    const REPORT: &str = "state idle\nresult done\nruns 1\nkind read\n\
                          row kind=rcu readers=1 median=2\nrow kind=rcu readers=2 median=2";

    fn notes_of(report: &str, cpuinfo: &str, requested: Option<u32>) -> Vec<String> {
        let fake = Fake::new().with(|module| {
            let cpuinfo = (CPUINFO.to_string(), cpuinfo.to_string());
            module.values.extend([cpuinfo]);
        });
        let report = Report::parse(report).expect("a report");
        notes(&fake, &report, requested)
    }

    #[test]
    fn more_readers_than_cpus_are_named() {
        let text = notes_of(REPORT, "", Some(99)).join("\n");
        assert!(
            text.starts_with("99 readers were requested, but 2 CPUs are online"),
            "{text}"
        );
        for enough in [None, Some(1), Some(2)] {
            let text = notes_of(REPORT, "", enough).join("\n");
            assert!(!text.contains("requested"), "{text}");
        }
    }

    #[test]
    fn an_emulated_machine_and_user_mode_linux_are_named() {
        for (cpuinfo, name) in [
            ("vendor_id\t: User Mode Linux", Some("user-mode Linux")),
            (
                "model name\t: QEMU TCG CPU version 2.5+",
                Some("QEMU emulates"),
            ),
            ("model name\t: Intel(R) Xeon(R) Processor", None),
        ] {
            let text = notes_of(REPORT, cpuinfo, None).join("\n");
            assert_eq!(
                text.contains("rwlock may beat RCU"),
                name.is_some(),
                "{text}"
            );
            assert!(text.contains(name.unwrap_or_default()), "{text}");
        }
    }

    #[test]
    fn one_and_several_readers_are_explained() {
        let text = notes_of(REPORT, "", None).join("\n");
        assert!(
            text.contains("Rows with 1 reader show") && text.contains("with 2 readers"),
            "{text}"
        );
        let single = "state idle\nkind read\nrow kind=rcu readers=1 median=2";
        assert_eq!(notes_of(single, "", None), Vec::<String>::new());
        let other = REPORT.replace("kind read", "kind lookup");
        assert_eq!(notes_of(&other, "", None), Vec::<String>::new());
    }

    #[test]
    fn a_report_without_figures_has_no_notes() {
        let text = "state idle\nresult none\nkind read";
        assert_eq!(
            notes_of(text, "User Mode Linux", Some(99)),
            Vec::<String>::new()
        );
    }
}
