//! How the stream is to be, and what of that one that is there already lacks. Pure.

use serde_json::{Value, json};

use super::{REMEMBERED, Settings};

/// In a message beside the letter: the header with its name.
const HEADERS: usize = 512;

/// For a new one.
pub(super) fn config(settings: &Settings) -> Value {
    let Settings { stream, subject, max_letters, max_bytes, max_age, replicas } = settings;
    let nanos = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    json!({
        "name": stream,
        "description": "restcast: what its processes tell each other",
        "subjects": [subject],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "num_replicas": replicas,
        "max_msgs": i64::try_from(*max_letters).unwrap_or(i64::MAX),
        "max_bytes": i64::try_from(*max_bytes).unwrap_or(i64::MAX),
        "max_age": nanos(*max_age),
        "max_consumers": -1,
        "max_msgs_per_subject": -1,
        "duplicate_window": nanos(REMEMBERED.min(*max_age)),
        "allow_direct": true,
        "republish": { "src": subject, "dest": format!("{subject}.live") },
    })
}

/// These can only be so from the begin on, or are somebody's wish: nothing is changed there.
const FIXED: [&str; 4] = ["subjects", "retention", "storage", "discard"];
/// Where the stream holds less than is wanted it is made to hold more. It is never made to hold less, since what is
/// there would go, for the other processes too.
const LIMITS: [&str; 3] = ["max_msgs", "max_bytes", "max_age"];

/// What is to be changed in a stream that is there; keys that are not known here stay as they are.
///
/// # Errors
/// What cannot be changed, and how it should be.
pub(super) fn update(found: &Value, wanted: &Value) -> Result<Option<Value>, String> {
    let name = wanted.get("name").and_then(Value::as_str).unwrap_or_default();
    for key in FIXED {
        let (is, should) = (&found[key], &wanted[key]);
        if is != should {
            return Err(format!("stream {name} has {key} = {is}, and it should be {should}"));
        }
    }
    for key in ["sealed", "no_ack"] {
        if found[key] == true {
            return Err(format!("stream {name} has {key} = true, and it should be false"));
        }
    }
    let mut update = found.as_object().cloned().unwrap_or_default();
    let mut lacks = |key: &str| update.insert(key.to_owned(), wanted[key].clone());
    for key in LIMITS {
        if limit(&found[key]) < limit(&wanted[key]) {
            lacks(key);
        }
    }
    if limit(&found["max_msgs_per_subject"]) != u64::MAX {
        lacks("max_msgs_per_subject");
    }
    for key in ["allow_direct", "republish"] {
        if !is_within(&wanted[key], &found[key]) {
            lacks(key);
        }
    }
    Ok(Some(Value::Object(update)).filter(|update| update != found))
}

/// Copies that a stream has.
pub(super) fn replicas(config: &Value) -> u64 {
    config["num_replicas"].as_u64().unwrap_or(1).max(1)
}

/// The stream as it is, with more copies. Never with fewer: processes that are told different numbers would take them
/// from each other.
pub(super) fn more_replicas(found: &Value, wanted: &Value) -> Option<Value> {
    let mut update = found.as_object()?.clone();
    update.insert("num_replicas".to_owned(), wanted["num_replicas"].clone());
    (replicas(found) < replicas(wanted)).then_some(Value::Object(update))
}

/// The server may say more of it than was asked for.
fn is_within(wanted: &Value, found: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => {
            found["headers_only"] != true && wanted.iter().all(|(key, value)| found[key] == *value)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            wanted == found
        }
    }
}

/// None is the largest.
fn limit(value: &Value) -> u64 {
    value.as_u64().filter(|limit| *limit > 0).unwrap_or(u64::MAX)
}

/// Stands in the stream's description, before a number, where offsets came again.
const RUN: &str = ", run ";

/// How often offsets came again.
pub(super) fn run(config: &Value) -> u64 {
    let description = config["description"].as_str().unwrap_or_default();
    description.rsplit_once(RUN).and_then(|(_, run)| run.parse().ok()).unwrap_or_default()
}

/// With the next run.
pub(super) fn anew(config: &Value) -> Value {
    let (run, mut config) = (run(config), config.as_object().cloned().unwrap_or_default());
    let description = config.get("description").and_then(Value::as_str).unwrap_or_default();
    let before =
        if run > 0 { description.rsplit_once(RUN).map_or("", |(before, _)| before) } else { description };
    let description = format!("{before}{RUN}{}", run.saturating_add(1));
    config.insert("description".to_owned(), description.into());
    Value::Object(config)
}

/// How many bytes a letter may have.
pub(super) fn largest(config: &Value, max_payload: usize) -> usize {
    let of_stream = limit(&config["max_msg_size"]).min(limit(&config["max_bytes"]));
    usize::try_from(of_stream).unwrap_or(usize::MAX).min(max_payload).saturating_sub(HEADERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wanted() -> Value {
        config(&Settings {
            stream: "A".to_owned(),
            subject: "a".to_owned(),
            max_letters: 100,
            max_bytes: 1_000_000,
            max_age: Duration::from_secs(10),
            replicas: 1,
        })
    }

    fn with(changes: &[(&str, Value)]) -> Value {
        let mut config = wanted();
        for (key, value) in changes {
            config[key] = value.clone();
        }
        config
    }

    #[test]
    fn what_is_as_wanted_or_holds_more_is_left_alone() {
        let republish = json!({ "src": "a", "dest": "a.live", "headers_only": false });
        let more = [("max_msgs", json!(-1)), ("max_bytes", json!(2_000_000)), ("max_age", json!(0))];
        let other = [("republish", republish), ("sealed", json!(false)), ("compression", json!("s2"))];
        for found in [wanted(), with(&more), with(&other)] {
            assert_eq!(update(&found, &wanted()), Ok(None), "{found}");
        }
    }

    #[test]
    fn what_is_missing_is_added_and_the_rest_stays() {
        let found = with(&[
            ("max_msgs", json!(99)),
            ("max_bytes", json!(2_000_000)),
            ("max_msgs_per_subject", json!(7)),
            ("allow_direct", json!(false)),
            ("republish", json!({ "src": "a", "dest": "b" })),
            ("compression", json!("s2")),
        ]);
        let expected = with(&[("max_bytes", json!(2_000_000)), ("compression", json!("s2"))]);
        assert_eq!(update(&found, &wanted()), Ok(Some(expected)));
    }

    #[test]
    fn copies_are_added_and_never_taken_away() {
        let found = |copies: u64| with(&[("num_replicas", json!(copies)), ("max_msgs", json!(7))]);
        for (is, should, expected) in [(1, 3, Some(3)), (3, 3, None), (5, 3, None), (0, 1, None)] {
            let wanted = with(&[("num_replicas", json!(should))]);
            assert_eq!(more_replicas(&found(is), &wanted), expected.map(found), "{is} {should}");
            assert_eq!(update(&with(&[("num_replicas", json!(is))]), &wanted), Ok(None), "{is} {should}");
        }
    }

    #[test]
    fn what_cannot_be_changed_is_named() {
        for (key, value) in [
            ("storage", json!("memory")),
            ("retention", json!("workqueue")),
            ("discard", json!("new")),
            ("subjects", json!(["a", "b"])),
            ("sealed", json!(true)),
            ("no_ack", json!(true)),
        ] {
            let error = update(&with(&[(key, value)]), &wanted()).unwrap_err();
            assert!(error.starts_with(&format!("stream A has {key} = ")), "{error}");
        }
    }

    #[test]
    fn runs_are_counted_in_the_description() {
        assert_eq!((run(&wanted()), run(&anew(&wanted())), run(&anew(&anew(&wanted())))), (0, 1, 2));
        assert_eq!(anew(&json!({ "description": "a, run b" })), json!({ "description": "a, run b, run 1" }));
        let twice = anew(&anew(&wanted()));
        assert_eq!(twice["description"], "restcast: what its processes tell each other, run 2");
        assert_eq!(update(&twice, &wanted()), Ok(None));
        assert_eq!(anew(&json!({})), json!({ "description": ", run 1" }));
    }

    #[test]
    fn a_letter_is_as_large_as_all_of_them_let_it() {
        assert_eq!(largest(&wanted(), 1 << 20), 999_488);
        assert_eq!(largest(&with(&[("max_msg_size", json!(1000))]), 1 << 20), 488);
        assert_eq!(largest(&with(&[("max_bytes", json!(-1))]), 1 << 20), (1 << 20) - 512);
        assert_eq!(largest(&wanted(), 100), 0);
    }
}
