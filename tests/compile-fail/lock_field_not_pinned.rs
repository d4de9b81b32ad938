// SPDX-License-Identifier: GPL-2.0

// A lock must not move, and a field can only promise that with `#[pin]`.
// ERROR SAYS: PinInit<UpdaterLock<State>>

fn new_state() -> State { loop {} }

#[pin_data]
struct Module {
    #[pin]                                               // TWIN
    state: UpdaterLock<State>,
}

fn init() -> impl PinInit<Module, Error> {
    try_pin_init!(Module {                               // VIOLATION: E0277
    try_pin_init!(Module {                               // TWIN
        state <- UpdaterLock::new(new_state(), kernel::new_mutex!(())),
    })
}
