// SPDX-License-Identifier: GPL-2.0

//! Recognises virtual machines by the name of the hardware.

/// Parts of the names of virtual machines.
const VIRTUAL: [&str; 24] = [
    "QEMU",
    "KVM",
    "Xen",
    "VMware",
    "VirtualBox",
    "innotek",
    "Virtual Machine",
    "Bochs",
    "BHYVE",
    "Amazon EC2",
    "Google Compute",
    "Google Google",
    "Alibaba",
    "OpenStack",
    "Droplet",
    "Hetzner",
    "oVirt",
    "RHEV",
    "Nutanix",
    "Parallels",
    "dummy-virt",
    "riscv-virtio",
    "OxVM",
    "Hyper-V",
];

/// Returns whether a line names a virtual machine: `Hardware name: QEMU Standard PC`.
pub(super) fn is_virtual(text: &str) -> bool {
    let is_machine = VIRTUAL.iter().any(|name| text.contains(name));
    // Some clouds rent whole machines, which are not virtual.
    (is_machine || text.starts_with("Hypervisor detected")) && !text.contains(".metal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_virtual_machines_are_known() {
        for (text, expected) in [
            (
                "Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16",
                true,
            ),
            (
                "Hardware name: Microsoft Corporation Virtual Machine/Virtual Machine",
                true,
            ),
            (
                "Hardware name: Amazon EC2 t3a.2xlarge/, BIOS 1.0 10/16/2017",
                true,
            ),
            (
                "Hardware name: Amazon EC2 m5.metal/Not Specified, BIOS 1.0",
                false,
            ),
            (
                "Hardware name: DigitalOcean Droplet, BIOS 20161103 11/03/2016",
                true,
            ),
            ("Hypervisor detected: KVM", true),
            (
                "Hardware name: Dell Inc. PowerEdge R440/04JN2K, BIOS 2.13.3",
                false,
            ),
            ("Hardware name: Raspberry Pi 5 Model B Rev 1.0 (DT)", false),
        ] {
            assert_eq!(is_virtual(text), expected, "{text}");
        }
    }
}
