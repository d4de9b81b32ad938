// SPDX-License-Identifier: GPL-2.0

// Two callbacks for one object: call_srcu()'s list is corrupted, and the object freed twice.

fn retire(old: SrcuRetired<'_, Config>) {
    old.call_srcu();
    old.call_srcu();                                     // VIOLATION: E0382
}
