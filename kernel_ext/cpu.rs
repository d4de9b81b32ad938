// SPDX-License-Identifier: GPL-2.0

//! Online CPUs, calls on another CPU, and CPU hotplug.
//!
//! C headers: [`include/linux/cpu.h`](srctree/include/linux/cpu.h),
//! [`include/linux/smp.h`](srctree/include/linux/smp.h)

#![expect(unsafe_code, reason = "calls C functions")]

use core::ptr;
use kernel::{bindings, cpu::nr_cpu_ids, error::to_result, prelude::*};

/// Returns the online CPUs. Each is checked when the iterator reaches it.
///
/// Context: any.
pub fn online() -> impl Iterator<Item = u32> + Clone {
    (0..nr_cpu_ids()).filter(|cpu| is_online(*cpu))
}

/// Returns whether a CPU is online. The answer may be outdated at once.
///
/// Context: any.
pub fn is_online(cpu: u32) -> bool {
    let mask = &raw mut bindings::__cpu_online_mask;
    // SAFETY: The mask is a static with a bit for each CPU below `nr_cpu_ids`. The bit is read
    // atomically.
    cpu < nr_cpu_ids() && unsafe { bindings::cpumask_test_cpu(cpu as i32, mask) }
}

/// Runs `work` in an interrupt of a CPU and waits for its end: C's `smp_call_function_single()`.
///
/// Errors: `ENXIO` if the CPU is not online. Context: process context with interrupts on. `work`
/// runs with interrupts off; it must not sleep and must be short.
#[allow(clippy::useless_conversion, reason = "C's flag is an int before 7.3")]
pub fn interrupt<F: FnOnce() + Send>(cpu: u32, work: F) -> Result {
    let mut work = Some(work);
    // SAFETY: `call` gets a pointer to an `Option<F>`, which outlives `call`: this function
    // waits for the end of `call`.
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
/// `work` points to an `Option<F>`, to which the call has exclusive access.
unsafe extern "C" fn call<F: FnOnce()>(work: *mut c_void) {
    // SAFETY: `work` points to an `Option<F>`, to which this call has exclusive access.
    let work = unsafe { &mut *work.cast::<Option<F>>() };
    if let Some(work) = work.take() {
        work();
    }
}

/// Returns `EOPNOTSUPP`, which the kernel crate of 6.18 lacks.
pub fn unsupported() -> Error {
    Error::from_errno(-(bindings::EOPNOTSUPP as c_int))
}

/// Whether the kernel can take CPUs offline.
pub const CAN_HOTPLUG: bool = cfg!(CONFIG_HOTPLUG_CPU);

/// Takes a CPU offline: C's `remove_cpu()`.
///
/// Errors: `EPERM` if the CPU must stay online, `ENODEV` if it does not exist, `EOPNOTSUPP` without
/// `CONFIG_HOTPLUG_CPU`, and other errors of C. Context: may sleep, for long.
pub fn take_offline(cpu: u32) -> Result {
    hotplug(cpu, Direction::Down)
}

/// Brings a CPU online: C's `add_cpu()`.
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
    // SAFETY: Any number is valid. The result is null for a CPU without a device.
    if unsafe { bindings::get_cpu_device(cpu) }.is_null() {
        return Err(ENODEV);
    }
    // SAFETY: The CPU has a device, as checked above. Most architectures never remove it; the
    // others take the same lock as these functions to remove it.
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
