// SPDX-License-Identifier: GPL-2.0

//! What the kernel crate lacks about CPUs: which are there, having one do something, and hotplug.
//!
//! C headers: [`include/linux/cpu.h`](srctree/include/linux/cpu.h),
//! [`include/linux/smp.h`](srctree/include/linux/smp.h)

use core::ptr;
use kernel::{bindings, cpu::nr_cpu_ids, error::to_result, prelude::*};

/// The CPUs that are online at the moment that each is asked for.
///
/// Context: any.
pub fn online() -> impl Iterator<Item = u32> + Clone {
    (0..nr_cpu_ids()).filter(|cpu| is_online(*cpu))
}

/// Whether a CPU is online; it may be otherwise at once.
///
/// Context: any.
pub fn is_online(cpu: u32) -> bool {
    let mask = &raw mut bindings::__cpu_online_mask;
    // SAFETY: The mask lives for ever, is large enough for this CPU, and is read atomically.
    cpu < nr_cpu_ids() && unsafe { bindings::cpumask_test_cpu(cpu as i32, mask) }
}

/// Has a CPU do `work` in an interrupt and waits for its end: C's `smp_call_function_single()`.
///
/// Errors: `ENXIO` if the CPU is not online. Context: process context with interrupts on; `work` runs with
/// interrupts off, and must neither sleep nor take long.
pub fn interrupt<F: FnOnce() + Send>(cpu: u32, work: F) -> Result {
    let mut work = Some(work);
    // SAFETY: `call` takes what `work` is, and has come to its end when this returns.
    to_result(unsafe {
        bindings::smp_call_function_single(
            cpu as i32,
            Some(call::<F>),
            ptr::from_mut(&mut work).cast(),
            true.into(),
        )
    })
}

/// # Safety
///
/// `work` points to an `Option<F>` that nobody else uses during the call.
unsafe extern "C" fn call<F: FnOnce()>(work: *mut c_void) {
    // SAFETY: As the caller promises.
    let work = unsafe { &mut *work.cast::<Option<F>>() };
    if let Some(work) = work.take() {
        work();
    }
}

/// `EOPNOTSUPP`, which the kernel crate of 6.18 does not know.
pub fn unsupported() -> Error {
    Error::from_errno(-(bindings::EOPNOTSUPP as c_int))
}

/// Whether this kernel can take CPUs offline.
pub const CAN_HOTPLUG: bool = cfg!(CONFIG_HOTPLUG_CPU);

/// Takes a CPU offline: C's `remove_cpu()`.
///
/// Errors: `EPERM` for one that must stay, `ENODEV` for one that is not there, `EOPNOTSUPP` without
/// `CONFIG_HOTPLUG_CPU`, and whatever else C has. Context: may sleep, for long.
pub fn take_offline(cpu: u32) -> Result {
    hotplug(cpu, Direction::Down)
}

/// Brings a CPU back: C's `add_cpu()`.
///
/// Errors and context: as [`take_offline`].
pub fn bring_online(cpu: u32) -> Result {
    hotplug(cpu, Direction::Up)
}

enum Direction {
    Down,
    Up,
}

#[cfg(CONFIG_HOTPLUG_CPU)]
fn hotplug(cpu: u32, direction: Direction) -> Result {
    // SAFETY: No requirement; null for a CPU that has no device.
    if unsafe { bindings::get_cpu_device(cpu) }.is_null() {
        return Err(ENODEV);
    }
    // SAFETY: The CPU has a device, which was just asked for and is there for ever on most architectures; those
    // that remove CPUs for good take the same lock as these functions.
    to_result(unsafe {
        match direction {
            Direction::Down => bindings::remove_cpu(cpu),
            Direction::Up => bindings::add_cpu(cpu),
        }
    })
}

#[cfg(not(CONFIG_HOTPLUG_CPU))]
fn hotplug(_cpu: u32, _direction: Direction) -> Result {
    Err(unsupported())
}
