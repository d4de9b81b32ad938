// SPDX-License-Identifier: GPL-2.0

//! The document of `ip -j route show`, and that of `rcuctl --json route show`.

use serde_json::{Map, Value};

use super::Found;

/// Keys without words in the text of `ip route`, or without a meaning for the table.
const IGNORED: [&str; 6] = ["flags", "uid", "cache", "metrics", "type", "nexthops"];

/// Finds the routes. The line of a route is its number in the document.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let routes: Vec<Value> = match serde_json::from_str(text) {
        Ok(Value::Array(routes)) => routes,
        Ok(_) => {
            found.refuse(1, "expected an array of routes, as `ip -j route` prints");
            return found;
        }
        Err(error) => {
            let hint = "`ip` before 5.10 prints invalid JSON for types such as local";
            found.refuse(error.line() as u64, format!("{error}; {hint}"));
            return found;
        }
    };
    let inet6 = routes.iter().any(|route| has_colon(route, "dst"))
        && !routes
            .iter()
            .any(|route| route["dst"].as_str().is_some_and(|dst| dst.contains('.')));
    for (route, number) in routes.iter().zip(1..) {
        match route.as_object() {
            Some(route) => found.push(number, words(route, inet6)),
            None => found.refuse(number, format!("expected a route, found {route}")),
        }
    }
    found
}

fn has_colon(route: &Value, key: &str) -> bool {
    route[key].as_str().is_some_and(|value| value.contains(':'))
}

/// The words of a route. The device's parser decides about each.
fn words(route: &Map<String, Value>, inet6: bool) -> String {
    let mut words = String::new();
    let text = |key: &str| route.get(key).and_then(Value::as_str);
    let kind = text("type").unwrap_or("unicast");
    let dst = text("dst").unwrap_or("");
    if inet6 {
        words.push_str("-6 route add ");
    }
    words.push_str(&format!("{kind} {dst}"));
    push_attributes(&mut words, route);
    if let Some(Value::Array(legs)) = route.get("nexthops") {
        for leg in legs.iter().filter_map(Value::as_object) {
            words.push_str(" nexthop");
            push_attributes(&mut words, leg);
        }
    }
    words
}

/// Appends the words of the attributes of a route or of a leg.
fn push_attributes(words: &mut String, attributes: &Map<String, Value>) {
    for (key, value) in attributes {
        let value = match value {
            Value::String(value) => value.clone(),
            Value::Object(via) if key == "via" => {
                let part = |name: &str| via.get(name).and_then(Value::as_str).unwrap_or("");
                format!("{} {}", part("family"), part("host"))
            }
            other => other.to_string(),
        };
        match key.as_str() {
            "dst" => (),
            "gateway" => words.push_str(&format!(" via {value}")),
            "protocol" => words.push_str(&format!(" proto {value}")),
            "prefsrc" => words.push_str(&format!(" src {value}")),
            ignored if IGNORED.contains(&ignored) => (),
            key => words.push_str(&format!(" {key} {value}")),
        }
    }
    if let Some(Value::Array(flags)) = attributes.get("flags") {
        for flag in flags.iter().filter_map(Value::as_str) {
            words.push_str(&format!(" {flag}"));
        }
    }
}
