// SPDX-License-Identifier: GPL-2.0

// Grace periods do not wait for the holder of a mutex.
// ERROR SAYS: begin the section with `let guard = rcu::read_lock();` and pass `&guard`
// ERROR SAYS: does not prove a read-side critical section of RCU

fn read(current: &Rcu<Config>, lock: &Mutex<u32>) -> bool { // VIOLATION
fn read(current: &Rcu<Config>, lock: &SpinLock<u32>) -> bool { // TWIN
    let held = lock.lock();
    current.dereference(&held).is_some()                 // VIOLATION: E0277
    current.dereference(&held).is_some()                 // TWIN
}
