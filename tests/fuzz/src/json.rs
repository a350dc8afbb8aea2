//! Any answer under any route: what is shown is a piece of it, byte for byte.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use super::{Answer, limits, load, play};

const LIMIT: usize = 1 << 20;

/// The input is what a `[[route]]` says beside its path and model, an empty line, and a body.
pub fn run(data: &[u8]) {
    let (options, body) = super::split(data, b"\n\n");
    let Ok(options) = std::str::from_utf8(options) else { return };
    let config = load(&format!(
        "[[endpoint]]\npath=\"/ws\"\ndialect=\"canonical\"\n[[route]]\npath=\"/a/{{id}}\"\nmodel=\"a\"\n{options}"
    ));
    let Some(config) = config else { return };
    // Another `[[route]]` may stand in the options.
    let whole_records = config.routes.iter().all(|route| route.fields.is_empty());
    for request in ["POST /a", "PUT /a/7", "PATCH /a/x", "DELETE /a/7"] {
        let request = super::request(request.as_bytes()).expect("a request");
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body, whole: true };
        let Some(verdict) = play(&request, &answer, &config.routes, &limits(LIMIT, LIMIT)) else { continue };
        let items = verdict.event.into_iter().flat_map(|event| event.items);
        for record in items.filter_map(|item| item.record) {
            let record = record.as_str();
            let text = std::str::from_utf8(body).expect("what is not UTF-8 holds no record");
            if whole_records {
                assert!(text.contains(record), "{record}");
                continue;
            }
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(record).unwrap_or_default();
            assert!(members.values().all(|value| text.contains(value.get())), "{record}");
        }
    }
}
