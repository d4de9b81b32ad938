// SPDX-License-Identifier: GPL-2.0

//! What the ioctls are handed: structures of any bytes, and those of operations that make sense.

use crate::{
    device::uapi::{self, route_type, verb},
    line,
    operations::universe,
    rcu_table::{Family, Mode, NextHop, Operation, Prefix, Route},
};
use arbitrary::{Result, Unstructured};
use kernel::prelude::EINVAL;

/// Takes one operation from the bytes as they are, and one that makes sense.
///
/// # Panics
///
/// If a structure is taken that is not, byte for byte, that of the operation that it is taken for, or one
/// that is an operation's is refused or taken for another.
pub fn run(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    if let Ok(given) = any_operation(&mut bytes) {
        check_given(&given);
    }
    if let Ok(operation) = universe::operation(&mut bytes) {
        check_meant(&operation);
    }
}

fn any_address(bytes: &mut Unstructured<'_>) -> Result<uapi::Address> {
    Ok(uapi::Address {
        family: bytes.arbitrary()?,
        reserved: bytes.arbitrary()?,
        bytes: bytes.arbitrary()?,
    })
}

/// The bytes in their order, so that what a debugger shows of the structure can be a seed.
fn any_operation(bytes: &mut Unstructured<'_>) -> Result<uapi::Operation> {
    Ok(uapi::Operation {
        verb: bytes.arbitrary()?,
        flags: bytes.arbitrary()?,
        route: uapi::Route {
            dst: any_address(bytes)?,
            prefix_len: bytes.arbitrary()?,
            route_type: bytes.arbitrary()?,
            reserved: bytes.arbitrary()?,
            metric: bytes.arbitrary()?,
            gateway: any_address(bytes)?,
            dev: bytes.arbitrary()?,
        },
    })
}

/// What was accepted has no bit that means nothing: it could not be given a meaning later.
fn check_given(given: &uapi::Operation) {
    match given.to_operation() {
        Ok(operation) => {
            same(given, &encode(&operation), &operation);
            if let Operation::Insert(route, _) = operation {
                line::check_route("an ioctl", &route);
            }
        }
        Err(error) => assert_eq!(error, EINVAL),
    }
}

/// Each operation can be handed in.
fn check_meant(operation: &Operation) {
    let decoded = encode(operation).to_operation();
    assert_eq!(decoded, Ok(*operation));
}

fn same(left: &uapi::Operation, right: &uapi::Operation, meaning: &Operation) {
    let fields = |operation: &uapi::Operation| (operation.verb, operation.flags, operation.route);
    assert_eq!(fields(left), fields(right), "taken for {meaning:?}");
}

/// The structure of an operation.
fn encode(operation: &Operation) -> uapi::Operation {
    let mut encoded = uapi::Operation::default();
    match operation {
        Operation::Insert(route, mode) => {
            encoded.verb = match mode {
                Mode::Add => verb::ADD,
                Mode::Change => verb::CHANGE,
                Mode::Replace => verb::REPLACE,
            };
            encoded.route = route.into();
        }
        Operation::Remove(prefix, metric, next_hop) => {
            encoded.verb = verb::DEL;
            encoded.flags = metric.map_or(0, |_| uapi::DEL_METRIC);
            encoded.route = named(*prefix, metric.unwrap_or(0), *next_hop);
        }
        Operation::Flush(family) => {
            encoded.verb = verb::FLUSH;
            encoded.route.dst.family = match family {
                None => uapi::family::UNSPEC,
                Some(Family::Inet) => uapi::family::INET,
                Some(Family::Inet6) => uapi::family::INET6,
            };
        }
    }
    encoded
}

/// A route that need not say where it goes.
fn named(prefix: Prefix, metric: u32, next_hop: Option<NextHop>) -> uapi::Route {
    let route = Route {
        prefix,
        metric,
        next_hop: next_hop.unwrap_or(NextHop::Blackhole),
    };
    let mut encoded = uapi::Route::from(&route);
    if next_hop.is_none() {
        encoded.route_type = route_type::NONE;
    }
    encoded
}
