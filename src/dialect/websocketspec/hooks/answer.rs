//! What an application answers.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Kind, Point, When};
use crate::event::Json;
use crate::message::WebhookError;

/// What each connection keeps of an application's.
const MAX_METADATA: usize = 8 * 1024;
/// Of its words for a refusal.
const MAX_MESSAGE: usize = 1000;

/// What it wants changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Changes {
    /// In place of what the client asked.
    pub(in super::super) options: Option<Json>,
    /// In place of what the client sent.
    pub(in super::super) data: Option<Json>,
    /// In place of what the client would be told.
    pub(in super::super) result: Option<Json>,
    /// To be told with all further calls for the connection.
    pub(in super::super) metadata: Option<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    #[serde(default, deserialize_with = "said")]
    allow: Option<bool>,
    #[serde(default)]
    message: Option<String>,
    #[serde(borrow, default)]
    options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "said")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

/// Something, where null is no way to say nothing: it would let through what was to be refused or hidden.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Reads an answer: changes, or words of refusal. Empty, it wants nothing.
///
/// # Errors
/// It says what nobody can do, so perhaps not what was meant.
pub(super) fn read(point: Point, answer: &[u8]) -> Result<Result<Changes, String>, WebhookError> {
    let text = std::str::from_utf8(answer).ok().ok_or(WebhookError::Answer)?.trim();
    if text.is_empty() {
        return Ok(Ok(Changes::default()));
    }
    // A list would be taken for the fields in their order.
    let answer = Some(text).filter(|text| text.starts_with('{')).ok_or(WebhookError::Answer)?;
    let answer: Answer<'_> = serde_json::from_str(answer).ok().ok_or(WebhookError::Answer)?;
    if answer.allow == Some(false) {
        let message = answer.message.filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| "refused".to_owned());
        return Ok(Err(message.chars().take(MAX_MESSAGE).collect()));
    }
    let json = |raw: Option<&RawValue>| raw.and_then(|raw| Json::parse(raw.get()));
    let changes = Changes {
        options: json(answer.options),
        data: json(answer.data),
        result: json(answer.result).filter(|result| takes_result(point) || result.as_str() != "null"),
        metadata: json(answer.metadata),
    };
    if changes.fit(point) { Ok(Ok(changes)) } else { Err(WebhookError::Answer) }
}

fn takes_result(point: Point) -> bool {
    point.when == When::After && !matches!(point.kind, Kind::Connect | Kind::Disconnect)
}

impl Changes {
    /// They can be made there.
    fn fit(&self, point: Point) -> bool {
        let starts = |json: &Option<Json>, with: &[char]| {
            json.as_ref().is_none_or(|json| json.as_str().starts_with(with))
        };
        let takes_options = match point.kind {
            Kind::Read | Kind::Create | Kind::Update | Kind::Delete | Kind::Subscribe => true,
            Kind::Unsubscribe | Kind::Connect | Kind::Disconnect => false,
        };
        let takes_data = matches!(point.kind, Kind::Create | Kind::Update);
        let is_before = point.when == When::Before;
        let fits = (self.options.is_none() || (is_before && takes_options))
            && (self.data.is_none() || (is_before && takes_data))
            && (self.result.is_none() || takes_result(point));
        let is_small = self.metadata.as_ref().is_none_or(|json| json.as_str().len() <= MAX_METADATA);
        fits && is_small
            && starts(&self.options, &['{'])
            && starts(&self.data, &['{', '['])
            && starts(&self.metadata, &['{'])
    }
}
