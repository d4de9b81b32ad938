// SPDX-License-Identifier: GPL-2.0

//! Observes the allocations of a thread, to check the state in which it allocates.

use std::{cell::RefCell, rc::Rc};

thread_local! {
    static OBSERVER: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Runs `body`, and `observer` before each allocation of this thread meanwhile.
pub fn observe<T>(observer: impl Fn() + 'static, body: impl FnOnce() -> T) -> T {
    OBSERVER.set(Some(Rc::new(observer)));
    let result = body();
    OBSERVER.set(None);
    result
}

/// Runs the observer of this thread, which can allocate.
pub(super) fn before_allocation() {
    let observer = OBSERVER.take();
    if let Some(observer) = &observer {
        observer();
        OBSERVER.set(Some(observer.clone()));
    }
}
