//! What every message gets: the application's slug and the time, over whatever it says itself of these.

use std::fmt;
use std::time::SystemTime;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::time::iso;

/// A key, and its value as it was written.
pub(super) type Member<'a> = (String, &'a RawValue);

/// `object` with `app_slug` and `timestamp`: in the place of those that are there, else at its end. No other byte
/// of it changes. `None`: it is no JSON object.
pub(super) fn dress(object: &str, app: &str, time: SystemTime) -> Option<String> {
    let object = object.trim();
    let members = members(object)?;
    let stamps = [("app_slug", Value::from(app)), ("timestamp", Value::from(iso(time)))];
    let mut text = String::with_capacity(object.len() + 80);
    let mut copied = 0;
    for (key, value) in &members {
        let Some((_, stamp)) = stamps.iter().find(|(name, _)| name == key) else { continue };
        let begin = value.get().as_ptr().addr() - object.as_ptr().addr();
        text += object.get(copied..begin)?;
        text += &stamp.to_string();
        copied = begin + value.get().len();
    }
    text += object.get(copied..object.len() - 1)?;
    let mut comma = if members.is_empty() { "" } else { "," };
    for (name, stamp) in stamps.iter().filter(|(name, _)| members.iter().all(|(key, _)| key != name)) {
        text.extend([comma, "\"", name, "\":", &stamp.to_string()]);
        comma = ",";
    }
    text.push('}');
    Some(text)
}

/// The members of a JSON object in their order, a key that is there twice too; `None`: it is none.
pub(super) fn members(text: &str) -> Option<Vec<Member<'_>>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members).ok()?;
    reader.end().ok()?;
    Some(members)
}
