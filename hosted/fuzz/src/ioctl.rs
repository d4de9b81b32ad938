// SPDX-License-Identifier: GPL-2.0

//! Decoding the structures of operations, of keys and of dumps.

use crate::{
    device::uapi::{self, route_type, verb},
    line,
    operations::universe,
    rcu_table::{Family, Key, Mode, NextHop, Operation, Prefix, Route, Selector},
};
use arbitrary::{Result, Unstructured};
use kernel::prelude::EINVAL;

/// Decodes structures of arbitrary bytes, and the structure of a valid operation.
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
    if let Ok(dump) = any_dump(&mut bytes) {
        check_dump(&dump);
        check_key(&dump.select);
    }
}

fn any_key(bytes: &mut Unstructured<'_>) -> Result<uapi::Key> {
    Ok(uapi::Key {
        dst: any_address(bytes)?,
        prefix_len: bytes.arbitrary()?,
        flags: bytes.arbitrary()?,
        reserved: bytes.arbitrary()?,
        metric: bytes.arbitrary()?,
    })
}

fn any_dump(bytes: &mut Unstructured<'_>) -> Result<uapi::Dump> {
    Ok(uapi::Dump {
        flags: bytes.arbitrary()?,
        select: any_key(bytes)?,
        after: any_key(bytes)?,
        ..uapi::Dump::default()
    })
}

/// Checks that an accepted key has no unused bit set.
fn check_key(key: &uapi::Key) {
    match key.to_key() {
        Ok((prefix, metric)) => {
            let mut encoded = uapi::Key::from(&Key {
                prefix,
                metric: metric.unwrap_or(0),
            });
            if metric.is_none() {
                encoded.flags = 0;
            }
            assert_eq!(*key, encoded);
        }
        Err(error) => assert_eq!(error, EINVAL),
    }
}

/// Checks that an accepted dump has no unused bit set.
fn check_dump(dump: &uapi::Dump) {
    match dump.selector() {
        Ok(selector) => {
            let mut select = uapi::Key::default();
            match selector {
                Selector::All => (),
                Selector::Family(Family::Inet) => select.dst.family = uapi::family::INET,
                Selector::Family(Family::Inet6) => select.dst.family = uapi::family::INET6,
                Selector::Prefix(prefix) => {
                    select = uapi::Key::from(&Key { prefix, metric: 0 });
                    select.flags = 0;
                }
            }
            let is_prefix = matches!(selector, Selector::Prefix(_));
            assert_eq!(dump.select, select);
            assert_eq!(dump.flags, u32::from(is_prefix) * uapi::DUMP_PREFIX);
        }
        Err(error) => assert_eq!(error, EINVAL),
    }
    match dump.after() {
        Ok(after) => {
            let encoded = after.map(|key| uapi::Key::from(&key));
            assert_eq!(dump.after, encoded.unwrap_or_default());
        }
        Err(error) => assert_eq!(error, EINVAL),
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
                let answer = uapi::Route::of_answer(route.next_hop, route.metric);
                let expected = uapi::Route {
                    dst: uapi::Address::default(),
                    prefix_len: 0,
                    ..structure.route
                };
                assert_eq!(answer, expected);
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
