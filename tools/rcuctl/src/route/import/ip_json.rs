// SPDX-License-Identifier: GPL-2.0

//! The document of `ip -j route show`, and that of `rcuctl --json route show`.

use serde_json::{Map, Value};

use super::words::word;
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
            Some(route) => match words(route, inet6) {
                Ok(words) => found.push(number, words),
                Err(message) => found.refuse(number, message),
            },
            None => found.refuse(number, format!("expected a route, found {route}")),
        }
    }
    found
}

fn has_colon(route: &Value, key: &str) -> bool {
    route[key].as_str().is_some_and(|value| value.contains(':'))
}

/// The words of a route. The device's parser decides about each. Errors: a value is no word.
fn words(route: &Map<String, Value>, inet6: bool) -> Result<String, String> {
    let mut words = String::new();
    if inet6 {
        words.push_str("-6 route add ");
    }
    let kind = route
        .get("type")
        .map_or(Ok("unicast".into()), |kind| text("type", kind))?;
    let dst = text("dst", route.get("dst").unwrap_or(&Value::Null))?;
    words.push_str(&format!("{kind} {dst}"));
    push_attributes(&mut words, route)?;
    for leg in list(route, "nexthops")? {
        let no_leg = || format!("nexthops {leg}: expected a next hop, an object");
        words.push_str(" nexthop");
        push_attributes(&mut words, leg.as_object().ok_or_else(no_leg)?)?;
    }
    Ok(words)
}

/// The elements of an array, which may be absent.
fn list<'a>(attributes: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match attributes.get(key) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(format!("{key} {other}: expected an array")),
    }
}

/// The value of a key, as one word.
fn text(key: &str, value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return Err(format!("{key} {value}: expected a text or a number")),
    };
    word(key, &text)?;
    Ok(text)
}

/// Appends the words of the attributes of a route or of a leg.
fn push_attributes(words: &mut String, attributes: &Map<String, Value>) -> Result<(), String> {
    for (key, value) in attributes {
        let name = match key.as_str() {
            "dst" => continue,
            "gateway" => "via",
            "protocol" => "proto",
            "prefsrc" => "src",
            ignored if IGNORED.contains(&ignored) => continue,
            key => word("key", key)?,
        };
        words.push_str(&format!(" {name}"));
        match value {
            Value::Object(via) if key == "via" => {
                for part in ["family", "host"] {
                    let value = via.get(part).unwrap_or(&Value::Null);
                    words.push_str(&format!(" {}", text(part, value)?));
                }
            }
            value => words.push_str(&format!(" {}", text(key, value)?)),
        }
    }
    for flag in list(attributes, "flags")? {
        words.push_str(&format!(" {}", text("flags", flag)?));
    }
    Ok(())
}
