// SPDX-License-Identifier: GPL-2.0

//! Decoding the structure of an operation.

use crate::{
    device::uapi::{self, route_type, verb},
    line,
    operations::universe,
    rcu_table::{Family, Mode, NextHop, Operation, Prefix, Route},
};
use arbitrary::{Result, Unstructured};
use kernel::prelude::EINVAL;

/// Decodes a structure of arbitrary bytes, and the structure of a valid operation.
///
/// # Panics
///
/// If a structure is accepted but differs from the encoded operation, or if a valid operation is
/// refused or decoded as another one.
pub fn run(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    if let Ok(structure) = any_structure(&mut bytes) {
        check_structure(&structure);
    }
    if let Ok(operation) = universe::operation(&mut bytes) {
        check_operation(&operation);
    }
}

fn any_address(bytes: &mut Unstructured<'_>) -> Result<uapi::Address> {
    Ok(uapi::Address {
        family: bytes.arbitrary()?,
        reserved: bytes.arbitrary()?,
        bytes: bytes.arbitrary()?,
    })
}

/// Reads the fields in the order of the structure, so that a memory dump can be a seed.
fn any_structure(bytes: &mut Unstructured<'_>) -> Result<uapi::Operation> {
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

/// Checks that an accepted structure has no unused bit set: a later version may give it a meaning.
fn check_structure(structure: &uapi::Operation) {
    match structure.to_operation() {
        Ok(operation) => {
            expect_same(structure, &encode(&operation), &operation);
            if let Operation::Insert(route, _) = operation {
                line::check_route("an ioctl", &route);
            }
        }
        Err(error) => assert_eq!(error, EINVAL),
    }
}

fn check_operation(operation: &Operation) {
    let decoded = encode(operation).to_operation();
    assert_eq!(decoded, Ok(*operation));
}

fn expect_same(left: &uapi::Operation, right: &uapi::Operation, operation: &Operation) {
    let fields = |structure: &uapi::Operation| (structure.verb, structure.flags, structure.route);
    assert_eq!(fields(left), fields(right), "decoded as {operation:?}");
}

/// Returns the structure of an operation.
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
            encoded.route = route_to_delete(*prefix, metric.unwrap_or(0), *next_hop);
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

/// Returns the structure of a route whose next hop is optional.
fn route_to_delete(prefix: Prefix, metric: u32, next_hop: Option<NextHop>) -> uapi::Route {
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
