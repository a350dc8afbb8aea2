//! The stream, as asked by the server's API: what it holds, and its entries one by one.

use async_nats::{HeaderMap, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use serde_json::{Value, json};

use super::Settings;
use super::link::Link;
use super::wanted;
use crate::broker::{Away, Entry, Head};
use crate::event::Epoch;

/// So many entries are asked for at once: of those of which it is not known how large they are, and at most.
const FIRST: usize = 16;
const AT_ONCE: usize = 512;
/// … and of those that are like the largest before them, as many as have so many bytes.
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;
const NO_STREAM: u64 = 10059;
const NAME_IN_USE: u64 = 10058;
const NO_MESSAGE: u64 = 10037;

#[derive(Debug, Clone)]
pub(super) struct Stream {
    link: Link,
    name: String,
    subject: String,
}

/// What the server says against a request.
enum Refused {
    /// By its number.
    With(u64, String),
    Away(Away),
}

impl From<Refused> for Away {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::With(_, why) => Self(why),
            Refused::Away(away) => away,
        }
    }
}

impl Stream {
    pub(super) fn new(link: Link, name: &str, subject: &str) -> Self {
        Self { link, name: name.to_owned(), subject: subject.to_owned() }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes it where it is missing, and turns on what it lacks; returns how large a letter may be. Nothing that is
    /// in it goes.
    pub(super) async fn prepare(&self, settings: &Settings) -> Result<usize, Away> {
        let wanted = wanted::config(settings);
        let config = match self.info().await {
            Err(Refused::With(NO_STREAM, _)) => match self.api("CREATE", &wanted).await {
                // Another process was faster.
                Err(Refused::With(NAME_IN_USE, _)) => self.info().await,
                made => made,
            },
            found => found,
        }?
        .remove("config");
        let mut config = config.unwrap_or_default();
        if let Some(update) = wanted::update(&config, &wanted).map_err(Away)? {
            let updated = self.api("UPDATE", &update).await;
            updated.map_err(|refused| {
                let Away(why) = refused.into();
                Away(format!("{why}; it was made by others: name another stream, or none that is there"))
            })?;
            config = update;
        }
        self.copy(&config, &wanted).await?;
        Ok(wanted::largest(&config, self.link.max_payload()))
    }

    /// Sees to it that enough servers keep the stream. Where they cannot, it is there all the same.
    async fn copy(&self, found: &Value, wanted: &Value) -> Result<(), Away> {
        let [is, should] = [found, wanted].map(wanted::replicas);
        let Some(update) = wanted::more_replicas(found, wanted) else {
            if is > should {
                tracing::info!(
                    stream = self.name,
                    is,
                    should,
                    "more servers keep the stream, and go on doing so"
                );
            }
            return Ok(());
        };
        match self.api("UPDATE", &update).await {
            Ok(_) => {
                tracing::info!(stream = self.name, was = is, is = should, "more servers keep the stream");
            }
            Err(Refused::With(_, error)) => {
                tracing::warn!(is, should, error, "fewer servers keep the stream than broker.replicas says");
            }
            Err(Refused::Away(away)) => return Err(away),
        }
        Ok(())
    }

    /// Gives the stream another epoch, in the sight of everybody who opens it or has it open.
    pub(super) async fn begin_anew(&self) -> Result<(), Away> {
        let config = self.info().await?.remove("config").unwrap_or_default();
        self.api("UPDATE", &wanted::anew(&config)).await?;
        Ok(())
    }

    pub(super) async fn head(&self) -> Result<Head, Away> {
        let info = self.info().await?;
        let number = |key: &str| info.get("state").and_then(|state| state.get(key)).and_then(Value::as_u64);
        let created = info.get("created").and_then(Value::as_str);
        let created = created.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let epoch = created.and_then(|time| u64::try_from(time.timestamp_nanos_opt()?).ok());
        let epoch = epoch.map(|epoch| epoch.wrapping_add(info.get("config").map_or(0, wanted::run)));
        let (Some(epoch), Some(count), Some(first), Some(last)) =
            (epoch, number("messages"), number("first_seq"), number("last_seq"))
        else {
            return Err(Away("it says nothing of its stream that is understood here".to_owned()));
        };
        let first = if count == 0 { last.saturating_add(1) } else { first };
        // There is one leader, or none.
        Ok(Head { epoch: Epoch::new(epoch), first, last, age: None })
    }

    /// See [`crate::broker::Follow::range`].
    pub(super) async fn range(&self, from: u64, to: u64, count: usize) -> Result<Vec<Entry>, Away> {
        let mut found = Vec::new();
        let (mut at, mut bytes) = (from.max(1), 0);
        while at <= to && found.len() < count && bytes < BYTES_AT_ONCE {
            let largest = found.iter().map(|entry: &Entry| entry.bytes.len()).max();
            let like_it = largest.map_or(FIRST, |largest| BYTES_AT_ONCE / largest.max(1)).clamp(1, AT_ONCE);
            let some = u64::try_from((count - found.len()).min(like_it)).unwrap_or(1);
            let end = to.min(at.saturating_add(some - 1));
            let asked = iter(at..=end).map(|offset| self.entry(offset)).buffered(AT_ONCE);
            let entries: Vec<_> = asked.try_collect().await?;
            for (offset, entry) in (at..=end).zip(entries) {
                if offset < at {
                    continue;
                }
                let entry = match entry {
                    Some(entry) => Some(entry),
                    // A copy of the stream may be behind: what is gone, only the one that leads it knows.
                    None => self.first_from(offset).await?,
                };
                let Some(entry) = entry.filter(|entry| entry.offset <= to) else { return Ok(found) };
                at = entry.offset + 1;
                bytes += entry.bytes.len();
                found.push(entry);
            }
        }
        Ok(found)
    }

    async fn entry(&self, offset: u64) -> Result<Option<Entry>, Away> {
        let subject = format!("$JS.API.DIRECT.GET.{}", self.name);
        let message = self.link.ask(subject, &json!({ "seq": offset })).await?;
        match message.status.map(|status| status.as_u16()) {
            None => Ok(sequence(&message).map(|offset| Entry { offset, bytes: message.payload })),
            Some(404) => Ok(None),
            Some(status) => Err(Away(format!("status {status} where an entry was asked for"))),
        }
    }

    /// The first entry that is there from an offset on.
    pub(super) async fn first_from(&self, offset: u64) -> Result<Option<Entry>, Away> {
        let asked = json!({ "seq": offset, "next_by_subj": self.subject });
        let found = match self.api("MSG.GET", &asked).await {
            Ok(found) => found,
            Err(Refused::With(NO_MESSAGE, _)) => return Ok(None),
            Err(refused) => return Err(refused.into()),
        };
        let message = found.get("message");
        let offset = message.and_then(|message| message.get("seq")).and_then(Value::as_u64);
        let data = message.and_then(|message| message.get("data")).and_then(Value::as_str);
        let bytes = STANDARD.decode(data.unwrap_or_default()).ok();
        let (Some(offset), Some(bytes)) = (offset, bytes) else {
            return Err(Away("an entry that is not understood here".to_owned()));
        };
        Ok(Some(Entry { offset, bytes: bytes.into() }))
    }

    async fn info(&self) -> Result<serde_json::Map<String, Value>, Refused> {
        self.api("INFO", &json!({})).await
    }

    async fn api(&self, what: &str, body: &Value) -> Result<serde_json::Map<String, Value>, Refused> {
        let subject = format!("$JS.API.STREAM.{what}.{}", self.name);
        let answer = self.link.ask(subject, body).await.map_err(Refused::Away)?;
        let Ok(Value::Object(answer)) = serde_json::from_slice(&answer.payload) else {
            return Err(Refused::Away(Away("an answer that is not understood here".to_owned())));
        };
        let Some(error) = answer.get("error") else { return Ok(answer) };
        let number = error.get("err_code").and_then(Value::as_u64).unwrap_or_default();
        let text = error.get("description").and_then(Value::as_str).unwrap_or("an error without words");
        Err(Refused::With(number, format!("stream {}: {text}", self.name)))
    }
}

/// Where a message stands, as the server says.
pub(super) fn sequence(message: &Message) -> Option<u64> {
    header(message.headers.as_ref()?, "Nats-Sequence")?.parse().ok()
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(async_nats::HeaderValue::as_str)
}
