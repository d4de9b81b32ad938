// SPDX-License-Identifier: GPL-2.0

//! Readable names of symbols.

use memchr::memchr;
use rustc_demangle::demangle;

use super::rust_name;

/// Longest readable name. Longer ones, from generic Rust code, are kept mangled.
const MAX_NAME: usize = 500;

/// Returns the readable name of a symbol: demangled, without compiler suffixes.
pub(crate) fn function(symbol: &str) -> String {
    if symbol.starts_with("_R") || symbol.starts_with("_ZN") {
        let name = format!("{:#}", demangle(symbol));
        if name != symbol && name.is_ascii() && name.len() < MAX_NAME {
            return rust_name::readable(&name);
        }
    }
    base(symbol).to_string()
}

/// Strips compiler suffixes: `.cold`, `.isra.0`, `.constprop.0`.
pub(crate) fn base(symbol: &str) -> &str {
    let symbol = symbol.strip_prefix("__pfx_").unwrap_or(symbol);
    match memchr(b'.', symbol.as_bytes()) {
        Some(0) => symbol.get(1..).unwrap_or(symbol),
        Some(at) => symbol.get(..at).unwrap_or(symbol),
        None => symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_rust_symbols_are_readable() {
        let mangled = "_RNvNtCs1234_13rust_rcu_demo5stall4spin";
        assert_eq!(function(mangled), "rust_rcu_demo::stall::spin");
    }
}
