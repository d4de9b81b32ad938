// SPDX-License-Identifier: GPL-2.0

//! An interrupt that takes long, while the CPU that has sent it does other work.
//!
//! C header: [`include/linux/smp.h`](srctree/include/linux/smp.h)

use crate::kernel_ext::{cpu, delay::sleep_ms};
use core::{
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{bindings, error::to_result, prelude::*};

/// The work of an interrupt, and whether it is done.
struct Interrupt<'a, F> {
    work: &'a F,
    is_done: AtomicBool,
}

/// Runs `work` in an interrupt of a CPU, calls `meanwhile` at the same time, and waits for both.
///
/// A waiting `smp_call_function_single()` would keep both CPUs busy.
///
/// Errors: `ENXIO` if the CPU is not online. Context: process context with interrupts on. `work`
/// runs with interrupts off; if `cpu` is this CPU, before `meanwhile`.
#[allow(clippy::useless_conversion, reason = "C's flag is an int before 7.3")]
pub(in crate::stall) fn interrupt_meanwhile<F: Fn() + Sync>(
    cpu: u32,
    work: &F,
    meanwhile: impl FnOnce(),
) -> Result {
    let interrupt = Interrupt {
        work,
        is_done: AtomicBool::new(false),
    };
    // SAFETY: `call` gets a pointer to an `Interrupt<'_, F>`. It stays valid: this function neither
    // returns nor unwinds before `is_done` is set.
    to_result(unsafe {
        bindings::smp_call_function_single(
            cpu as c_int,
            Some(call::<F>),
            ptr::from_ref(&interrupt).cast_mut().cast(),
            false.into(),
        )
    })?;
    meanwhile();
    // ORDERING: Acquire: pairs with the release in `call()`, whose accesses to `interrupt` have
    // ended then.
    while !interrupt.is_done.load(Ordering::Acquire) {
        sleep_ms(1);
    }
    // `call()` may still execute its last instructions, and the module must not be unloaded before
    // it returns. The CPU handles another interrupt only after that.
    let _ = cpu::interrupt(cpu, || {});
    Ok(())
}

/// # Safety
///
/// `interrupt` points to an `Interrupt<'_, F>` that lives until it is done.
unsafe extern "C" fn call<F: Fn()>(interrupt: *mut c_void) {
    // SAFETY: `interrupt` points to an `Interrupt<'_, F>` that stays valid until `is_done` is set,
    // below.
    let interrupt = unsafe { &*interrupt.cast::<Interrupt<'_, F>>() };
    (interrupt.work)();
    // ORDERING: Release: pairs with the acquire in `interrupt_meanwhile()`, which then ends the
    // life of `interrupt`.
    interrupt.is_done.store(true, Ordering::Release);
}
