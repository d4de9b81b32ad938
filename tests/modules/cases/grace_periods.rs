// SPDX-License-Identifier: GPL-2.0

//! Grace periods and their cookies.

use super::{ensure, rcu, spawn_reader, spin_ms, Drops, Outcome, Tracked, HOLD_MS};
use kernel::{new_spinlock, prelude::*, sync::Arc};
use rcu::{read_lock, FullGracePeriod, GracePeriod, Overlap, Rcu, UniqueRcuBox};

fn is_incomplete_during_a_reader<C: Copy>(
    new_cookie: [fn() -> C; 3],
    is_complete: fn(C) -> bool,
    wait: fn(C),
) -> Outcome {
    for new_cookie in new_cookie {
        let guard = read_lock();
        let cookie = new_cookie();
        spin_ms(HOLD_MS);
        ensure!(!is_complete(cookie));
        drop(guard);
        wait(cookie);
        ensure!(is_complete(cookie));
    }
    Ok(())
}

/// Waits until the cookie reports the end of its grace period. If that was expedited, as all are
/// during boot, a cookie reports it after the next one.
fn wait_until_complete(cookie: GracePeriod) {
    for _ in 0..1000 {
        cookie.wait();
        if cookie.is_complete() {
            return;
        }
        GracePeriod::start();
    }
}

pub(super) fn cookie_is_incomplete_during_an_earlier_reader() -> Outcome {
    is_incomplete_during_a_reader(
        [
            GracePeriod::start,
            GracePeriod::start_expedited,
            GracePeriod::snapshot,
        ],
        GracePeriod::is_complete,
        wait_until_complete,
    )?;
    let cookie = GracePeriod::start();
    cookie.wait_expedited();
    wait_until_complete(cookie);
    ensure!(cookie.is_complete());
    Ok(())
}

pub(super) fn full_cookie_is_incomplete_during_an_earlier_reader() -> Outcome {
    is_incomplete_during_a_reader(
        [
            FullGracePeriod::start,
            FullGracePeriod::start_expedited,
            FullGracePeriod::snapshot,
        ],
        FullGracePeriod::is_complete,
        FullGracePeriod::wait,
    )
}

pub(super) fn cookie_of_a_reader_is_incomplete_until_its_end() -> Outcome {
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

pub(super) fn waits_of_cookies_end_after_an_earlier_reader() -> Outcome {
    let waits: [fn(); 3] = [
        || GracePeriod::start().wait(),
        || GracePeriod::start().wait_expedited(),
        || FullGracePeriod::start().wait(),
    ];
    let drops = Drops::new()?;
    let object = UniqueRcuBox::new(Tracked::new(1, &drops), GFP_KERNEL)?;
    let pointer = Arc::new(Rcu::new(object), GFP_KERNEL)?;
    for wait in waits {
        let (thread, reader) = spawn_reader(&pointer, Tracked::is_intact)?;
        wait();
        let has_ended = reader.has_ended_intact();
        drop(thread);
        ensure!(has_ended);
    }
    Ok(())
}

pub(super) fn completed_cookie_is_complete() -> Outcome {
    let _guard = read_lock();
    ensure!(GracePeriod::completed().is_complete());
    ensure!(FullGracePeriod::completed().is_complete());
    Ok(())
}

pub(super) fn overlap_delays_a_grace_period_until_its_end() -> Outcome {
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

pub(super) fn spin_lock_delays_a_grace_period() -> Outcome {
    let lock = Arc::pin_init(new_spinlock!(()), GFP_KERNEL)?;
    let held = lock.lock();
    let cookie = GracePeriod::start();
    // A grace period would end meanwhile if this CPU spun without the lock.
    spin_ms(4 * HOLD_MS);
    ensure!(!cookie.is_complete());
    drop(held);
    cookie.wait();
    Ok(())
}
