// SPDX-License-Identifier: GPL-2.0

// Two owners of one object would publish or free it twice.

fn share(object: UniqueRcuBox<Config>) -> (UniqueRcuBox<Config>, UniqueRcuBox<Config>) {
    (object.clone(), object)                             // VIOLATION: E0599
    (new_config().unwrap(), object)                      // TWIN
}
