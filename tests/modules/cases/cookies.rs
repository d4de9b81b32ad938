// SPDX-License-Identifier: GPL-2.0

//! Polled cookies tell the truth.

use super::{ensure, rcu, spin_ms, Outcome, HOLD_MS};
use kernel::{new_spinlock, prelude::*, sync::Arc};
use rcu::{read_lock, FullGracePeriod, GracePeriod, Overlap};

pub(super) fn a_cookie_is_not_complete_while_a_reader_is_held() -> Outcome {
    for take in [
        GracePeriod::start,
        GracePeriod::start_expedited,
        GracePeriod::snapshot,
    ] {
        let guard = read_lock();
        let cookie = take();
        spin_ms(HOLD_MS);
        ensure!(!cookie.is_complete());
        drop(guard);
        cookie.wait();
        ensure!(cookie.is_complete());
        cookie.wait_expedited();
    }
    Ok(())
}

pub(super) fn a_full_cookie_is_not_complete_while_a_reader_is_held() -> Outcome {
    for take in [
        FullGracePeriod::start,
        FullGracePeriod::start_expedited,
        FullGracePeriod::snapshot,
    ] {
        let guard = read_lock();
        let cookie = take();
        spin_ms(HOLD_MS);
        ensure!(!cookie.is_complete());
        drop(guard);
        cookie.wait();
        ensure!(cookie.is_complete());
    }
    Ok(())
}

pub(super) fn a_cookie_from_inside_a_reader_is_never_complete_at_its_end() -> Outcome {
    for round in 0..300 {
        let guard = read_lock();
        let cookie = GracePeriod::start();
        let full = FullGracePeriod::snapshot();
        for _ in 0..round * 10 {
            core::hint::spin_loop();
        }
        ensure!(!cookie.is_complete());
        ensure!(!full.is_complete());
        drop(guard);
    }
    Ok(())
}

pub(super) fn a_completed_cookie_is_complete() -> Outcome {
    let _guard = read_lock();
    ensure!(GracePeriod::completed().is_complete());
    ensure!(FullGracePeriod::completed().is_complete());
    Ok(())
}

pub(super) fn an_overlap_holds_up_a_grace_period_to_its_end() -> Outcome {
    let lock = Arc::pin_init(new_spinlock!(()), GFP_KERNEL)?;
    let section = Overlap::new();
    let cookie = GracePeriod::start();
    for _ in 0..4 {
        section.lock(&lock);
        spin_ms(HOLD_MS);
        ensure!(!cookie.is_complete());
        section.read_lock();
        spin_ms(HOLD_MS);
        ensure!(!cookie.is_complete());
    }
    drop(section);
    cookie.wait();
    Ok(())
}

pub(super) fn a_spin_lock_holds_up_a_grace_period() -> Outcome {
    let lock = Arc::pin_init(new_spinlock!(()), GFP_KERNEL)?;
    let held = lock.lock();
    let cookie = GracePeriod::start();
    // Long enough for a grace period of a CPU that spins without a lock.
    spin_ms(4 * HOLD_MS);
    ensure!(!cookie.is_complete());
    drop(held);
    cookie.wait();
    Ok(())
}
