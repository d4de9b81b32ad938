// SPDX-License-Identifier: GPL-2.0

//! The stand-in behaves as the kernel crate and detects broken rules.

#![expect(unsafe_code, reason = "calls C functions")]

use kernel::{
    alloc::{failslab, AllocError, PushError, RemoveError},
    bindings,
    error::{code, Error},
    new_mutex,
    prelude::*,
    sync::{rcu::read_lock, Arc, Mutex},
    task::might_sleep,
};
use std::{
    panic::{self, catch_unwind, AssertUnwindSafe},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

fn panics(body: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

/// A value that counts its drops.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn sleeping_panics_until_the_last_guard_is_dropped() {
    might_sleep();
    let outer = read_lock();
    let inner = read_lock();
    assert!(panics(might_sleep));
    inner.unlock();
    assert!(panics(might_sleep));
    drop(outer);
    might_sleep();
}

#[test]
fn a_guard_affects_only_its_own_thread() {
    let _guard = read_lock();
    thread::spawn(might_sleep).join().unwrap();
}

#[test]
fn locking_a_mutex_under_a_guard_panics() {
    let mutex: Pin<KBox<Mutex<u32>>> = KBox::pin_init(new_mutex!(1), GFP_KERNEL).unwrap();
    *mutex.lock() += 1;
    let guard = read_lock();
    assert!(panics(|| drop(mutex.lock())));
    drop(guard);
    assert_eq!(*mutex.lock(), 2);
}

#[test]
fn gfp_kernel_panics_under_a_guard_and_gfp_atomic_does_not() {
    let _guard = read_lock();
    assert!(panics(|| drop(KBox::new(1, GFP_KERNEL))));
    assert!(panics(|| drop(KVec::<u8>::with_capacity(1, GFP_KERNEL))));
    assert!(panics(|| drop(Arc::new(1, GFP_KERNEL))));
    assert!(KBox::new(1, GFP_ATOMIC).is_ok());
    assert!(KBox::new(1, GFP_NOWAIT).is_ok());
}

#[test]
fn waits_under_a_guard_panic_instead_of_hanging() {
    let _guard = read_lock();
    // SAFETY: The only requirement is the context, whose check is under test.
    assert!(panics(|| unsafe { bindings::synchronize_rcu() }));
    // SAFETY: The only requirement is the context, whose check is under test.
    assert!(panics(|| unsafe { bindings::rcu_barrier() }));
    // SAFETY: The only requirement is the context, whose check is under test.
    assert!(panics(|| unsafe { bindings::schedule() }));
}

/// The callback catches the panics, because a panic in the callback thread would abort.
#[test]
fn sleeping_in_a_callback_panics() {
    static CHECKS: AtomicUsize = AtomicUsize::new(0);

    // The callback thread has no name. Its panics are expected.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name().is_some() {
            hook(info);
        }
    }));

    /// # Safety
    ///
    /// `head` came from `KBox::into_raw()`, and its owner has given it up to this call.
    unsafe extern "C" fn callback(head: *mut bindings::callback_head) {
        let sleeps = panics(might_sleep);
        // SAFETY: The only requirement is the context, whose check is under test.
        let waits = panics(|| unsafe { bindings::synchronize_rcu() });
        let allocates = panics(|| drop(KBox::new(1, GFP_KERNEL)));
        let reads = !panics(|| drop(read_lock()));
        let atomic = KBox::new(1, GFP_ATOMIC).is_ok();
        let all = [sleeps, waits, allocates, reads, atomic];
        CHECKS.fetch_add(all.iter().filter(|&&good| good).count(), Ordering::SeqCst);
        // SAFETY: By this function's requirements the head is a box without another owner.
        drop(unsafe { KBox::from_raw(head) });
    }

    let head = bindings::callback_head {
        next: core::ptr::null_mut(),
        func: None,
    };
    let head = KBox::into_raw(KBox::new(head, GFP_KERNEL).unwrap());
    // SAFETY: The box is valid and in no other queue. Only the callback owns it from here on.
    unsafe { bindings::call_rcu(head, Some(callback)) };
    // SAFETY: The only requirement is the context; this thread may sleep.
    unsafe { bindings::rcu_barrier() };
    assert_eq!(CHECKS.load(Ordering::SeqCst), 5);
}

#[test]
fn kvfree_call_rcu_requires_the_head_at_the_start() {
    let object = KBox::into_raw(KBox::new([0_usize; 8], GFP_KERNEL).unwrap());
    let behind = object.cast::<u8>().wrapping_add(16);
    // SAFETY: The function panics before it queues anything.
    assert!(panics(|| unsafe {
        bindings::kvfree_call_rcu(behind.cast(), object.cast());
    }));
    // SAFETY: The object is an allocation without an owner, with room for the head at its start.
    unsafe { bindings::kvfree_call_rcu(object.cast(), object.cast()) };
}

#[test]
fn kvfree_call_rcu_without_a_head_panics_under_a_guard() {
    let object = KBox::into_raw(KBox::new(1_u8, GFP_KERNEL).unwrap());
    let guard = read_lock();
    // SAFETY: The function panics before it queues anything.
    assert!(panics(|| unsafe {
        bindings::kvfree_call_rcu(core::ptr::null_mut(), object.cast());
    }));
    drop(guard);
    // SAFETY: The object is an allocation without an owner.
    unsafe { bindings::kvfree_call_rcu(core::ptr::null_mut(), object.cast()) };
}

#[test]
fn only_the_nth_allocation_fails() {
    for nth in 1..=3 {
        let injection = failslab::fail_nth(nth);
        for number in 1..=5 {
            assert_eq!(injection.has_fired(), number > nth);
            assert_eq!(KBox::new(number, GFP_KERNEL).is_err(), number == nth);
        }
    }
    let armed = failslab::fail_nth(1);
    drop(armed);
    assert!(KBox::new(1, GFP_KERNEL).is_ok());
    let _armed = failslab::fail_nth(1);
    thread::spawn(|| assert!(KBox::new(1, GFP_KERNEL).is_ok()))
        .join()
        .unwrap();
    assert!(panics(|| drop(failslab::fail_nth(1))));
}

#[test]
fn boxes_own_their_contents() {
    let drops = AtomicUsize::new(0);
    drop(KBox::new(Counted(&drops), GFP_KERNEL).unwrap());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let inner = KBox::into_inner(KBox::new(Counted(&drops), GFP_KERNEL).unwrap());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    drop(inner);
    let raw = KBox::into_raw(KBox::new(Counted(&drops), GFP_KERNEL).unwrap());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    // SAFETY: The pointer came from `into_raw()` above.
    drop(unsafe { KBox::from_raw(raw) });
    assert_eq!(drops.load(Ordering::SeqCst), 3);
    let _injection = failslab::fail_nth(1);
    assert!(KBox::new(Counted(&drops), GFP_KERNEL).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 4);
    // A value of size 0 needs no memory.
    KBox::new((), GFP_KERNEL).unwrap();
}

#[test]
fn allocations_are_aligned() {
    #[repr(align(64))]
    struct Line([u8; 64]);
    #[repr(align(4096))]
    struct Page([u8; 1]);
    for _ in 0..10 {
        let line = KBox::new(Line([7; 64]), GFP_KERNEL).unwrap();
        assert_eq!((&raw const *line).addr() % 64, 0);
        assert_eq!(line.0, [7; 64]);
        let page = KBox::new(Page([1]), GFP_KERNEL).unwrap();
        assert_eq!((&raw const *page).addr() % 4096, 0);
        assert_eq!(page.0, [1]);
    }
}

#[test]
fn arrays_grow_shrink_and_drop_their_elements() {
    let drops = AtomicUsize::new(0);
    let mut array = KVec::with_capacity(2, GFP_KERNEL).unwrap();
    assert_eq!(array.capacity(), 2);
    for _ in 0..2 {
        assert!(array.push_within_capacity(Counted(&drops)).is_ok());
    }
    let Err(PushError(back)) = array.push_within_capacity(Counted(&drops)) else {
        panic!("expected an error, found room");
    };
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    array.push(back, GFP_KERNEL).unwrap();
    assert!(array.capacity() >= 3 && array.len() == 3);
    array.truncate(2);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    drop(array.remove(0));
    assert_eq!((drops.load(Ordering::SeqCst), array.len()), (2, 1));
    drop(array);
    assert_eq!(drops.load(Ordering::SeqCst), 3);

    let mut text: KVVec<u8> = KVVec::new();
    assert_eq!(text.capacity(), 0);
    text.extend_from_slice(b"hello", GFP_KERNEL).unwrap();
    text.extend_from_slice(b" world", GFP_KERNEL).unwrap();
    assert_eq!(&text[..], b"hello world");
    assert_eq!(text.remove(5), Ok(b' '));
    assert_eq!(text.remove(10), Err(RemoveError));
    assert_eq!(&text[..], b"helloworld");
    assert_eq!((&text).into_iter().count(), 10);
    let _injection = failslab::fail_nth(1);
    assert_eq!(
        text.extend_from_slice(&[0; 999], GFP_KERNEL),
        Err(AllocError)
    );
    assert_eq!(&text[..], b"helloworld");
}

#[test]
fn the_last_reference_drops_a_shared_object() {
    let drops = AtomicUsize::new(0);
    let one = Arc::new(Counted(&drops), GFP_KERNEL).unwrap();
    let other = one.clone();
    assert!(Arc::ptr_eq(&one, &other));
    thread::scope(|scope| {
        for _ in 0..4 {
            let mine = one.clone();
            scope.spawn(move || (0..1000).for_each(|_| drop(mine.clone())));
        }
    });
    drop(one);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(other);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let _injection = failslab::fail_nth(1);
    assert!(Arc::new(Counted(&drops), GFP_KERNEL).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

/// Fields that were initialised before the failure are dropped, and the memory is freed.
#[test]
fn a_failed_initialisation_in_place_drops_the_initialised_fields() {
    #[pin_data]
    struct Both<'a> {
        first: Counted<'a>,
        #[pin]
        second: Mutex<u32>,
        third: KBox<u32>,
    }
    let drops = AtomicUsize::new(0);
    let counter = &drops;
    let both = || {
        try_pin_init!(Both {
            first: Counted(counter),
            second <- new_mutex!(5),
            third: KBox::new(6, GFP_KERNEL)?,
        })
    };
    for nth in 1..=2 {
        let injection = failslab::fail_nth(nth);
        assert_eq!(Arc::pin_init(both(), GFP_KERNEL).err(), Some(ENOMEM));
        drop(injection);
        // If the outer allocation fails, no field is initialised.
        assert_eq!(drops.swap(0, Ordering::SeqCst), nth as usize - 1);
    }
    let both = Arc::pin_init(both(), GFP_KERNEL).unwrap();
    assert_eq!((*both.second.lock(), *both.third), (5, 6));
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    let _ = &both.first;
    drop(both);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn errors_are_errnos() {
    assert_eq!(code::ENOMEM.to_errno(), -12);
    assert_eq!(Error::from_errno(-17), EEXIST);
    for nonsense in [0, 1, -4096] {
        assert_eq!(Error::from_errno(nonsense), EINVAL);
    }
    assert_eq!(Error::from(AllocError), ENOMEM);
    assert_eq!(
        format!("{ESRCH:?} {:?}", Error::from_errno(-101)),
        "ESRCH Error(101)"
    );
}
