// SPDX-License-Identifier: GPL-2.0

//! An interrupt that takes as long as it likes, without its CPU being waited for.
//!
//! C header: [`include/linux/smp.h`](srctree/include/linux/smp.h)

use crate::kernel_ext::{cpu, delay::sleep_ms};
use core::{
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{bindings, error::to_result, prelude::*};

/// An interrupt's work, and whether it has been done.
struct Interrupt<'a, F> {
    work: &'a F,
    is_done: AtomicBool,
}

/// Has a CPU do `work` in an interrupt, does `meanwhile`, and waits for the end of both. `smp_call_function_single()`
/// alone would keep both CPUs busy.
///
/// Errors: `ENXIO` if the CPU is not online. Context: process context with interrupts on;
/// `work` runs with interrupts off, on this CPU if it is the same.
pub(in crate::stall) fn interrupt_meanwhile<F: Fn() + Sync>(
    cpu: u32,
    work: &F,
    meanwhile: impl FnOnce(),
) -> Result {
    let interrupt = Interrupt {
        work,
        is_done: AtomicBool::new(false),
    };
    // SAFETY: `call` takes what `interrupt` is, which lives until the work is done: this does not return before,
    // nor does it unwind.
    to_result(unsafe {
        bindings::smp_call_function_single(
            cpu as c_int,
            Some(call::<F>),
            ptr::from_ref(&interrupt).cast_mut().cast(),
            false.into(),
        )
    })?;
    meanwhile();
    // ORDERING: Acquire: the interrupt is done with what this function leaves.
    while !interrupt.is_done.load(Ordering::Acquire) {
        sleep_ms(1);
    }
    // The interrupt's last instructions are this module's too. One that comes after it sees it ended.
    let _ = cpu::interrupt(cpu, || {});
    Ok(())
}

/// # Safety
///
/// `interrupt` points to an `Interrupt<'_, F>` that lives until it is done.
unsafe extern "C" fn call<F: Fn()>(interrupt: *mut c_void) {
    // SAFETY: As the caller promises.
    let interrupt = unsafe { &*interrupt.cast::<Interrupt<'_, F>>() };
    (interrupt.work)();
    // ORDERING: Release: whoever sees this may have the memory back.
    interrupt.is_done.store(true, Ordering::Release);
}
