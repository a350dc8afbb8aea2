//! Messages of clients, handed to services that handle them: one POST for each, signed, bounded in time, tried
//! again where that may help, and so many at once for each endpoint that a service which hangs holds up its own
//! clients alone.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use ring::hmac;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::message::{Delivery, WebhookError};
use crate::metrics::Metrics;
use crate::outbound::{Client, Limits, OutboundError, Roots};

/// One id for all attempts: who gets it twice can tell.
const DELIVERY: HeaderName = HeaderName::from_static("x-restcast-delivery");
/// `t=SECONDS,v1=HEX`: HMAC-SHA256 of the time, a full stop and the body.
const SIGNATURE: HeaderName = HeaderName::from_static("x-restcast-signature");
/// Before the first repetition; each further one waits twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// No webhook may take longer for one attempt.
const MAX_TIME: Duration = Duration::from_mins(2);
/// A larger answer is not kept.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Calls the webhooks of one endpoint. Clones share connections and the bound.
#[derive(Debug, Clone)]
pub struct Webhooks {
    client: Client,
    slots: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Webhooks {
    /// Connects to nobody yet. `max_calls`: messages that are being handled at once, the pauses between two
    /// attempts included; one more is refused. `roots`: who may speak for the host of an `https` URL.
    pub fn new(max_calls: usize, roots: Roots, metrics: Arc<Metrics>) -> Self {
        let limits = Limits { time: MAX_TIME, body: MAX_ANSWER_BYTES, requests: max_calls };
        Self { client: Client::new(limits, roots), slots: Arc::new(Semaphore::new(max_calls)), metrics }
    }

    /// Hands a message over; gives the answer's body, empty where nothing is to be done.
    ///
    /// # Errors
    /// What the client may be told; the log says more.
    ///
    /// # Cancel safety
    /// Dropping the future ends the exchange: the service may have got the message or not.
    pub async fn call(&self, delivery: &Delivery) -> Result<Bytes, WebhookError> {
        let Ok(_slot) = self.slots.try_acquire() else {
            self.metrics.webhook_refused();
            return Err(WebhookError::Busy);
        };
        let id = Uuid::now_v7();
        let mut pause = FIRST_PAUSE;
        for _ in 0..delivery.webhook.retries {
            match self.attempt(delivery, id).await {
                Err(failure) if is_passing(failure.error) => {
                    self.metrics.webhook_retried();
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                decided => return self.counted(decided),
            }
        }
        self.counted(self.attempt(delivery, id).await)
    }

    fn counted(&self, answer: Result<Bytes, Failure>) -> Result<Bytes, WebhookError> {
        match &answer {
            Ok(_) => self.metrics.webhook_done(),
            Err(failure) => self.metrics.webhook_failed(&failure.reason),
        }
        answer.map_err(|failure| failure.error)
    }

    async fn attempt(&self, delivery: &Delivery, id: Uuid) -> Result<Bytes, Failure> {
        let request = request(delivery, id).ok_or(WebhookError::Unreachable)?;
        let answer = timeout(delivery.webhook.timeout, self.client.send(request)).await;
        let answer = answer.unwrap_or(Err(OutboundError::Timeout(delivery.webhook.timeout)))?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(Bytes::new()),
            // What it says is the dialect's business; that it says something like it is counted here.
            status if status.is_success() => {
                Ok(Some(answer.into_body()).filter(is_object).ok_or(WebhookError::Answer)?)
            }
            status => Err(WebhookError::Status(status.as_u16()).into()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the signature says when it was made")]
fn request(delivery: &Delivery, id: Uuid) -> Option<Request<Bytes>> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let signature = sign(&delivery.webhook.secret, seconds, &delivery.body);
    Request::post(delivery.webhook.url.clone())
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(DELIVERY, id.to_string())
        .header(SIGNATURE, signature)
        .body(delivery.body.clone())
        .ok()
}

fn sign(secret: &[u8], seconds: u64, body: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let mut text = format!("t={seconds},v1=");
    for byte in context.sign().as_ref() {
        // A `String` takes everything.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// A JSON object, or nothing.
fn is_object(body: &Bytes) -> bool {
    match body.trim_ascii().first() {
        None => true,
        Some(first) => *first == b'{' && serde_json::from_slice::<IgnoredAny>(body).is_ok(),
    }
}

/// It may go well a moment later.
fn is_passing(error: WebhookError) -> bool {
    matches!(error, WebhookError::Unreachable | WebhookError::Timeout | WebhookError::Status(500..))
}

/// What clients may be told, and what the log says.
struct Failure {
    error: WebhookError,
    reason: String,
}

impl From<WebhookError> for Failure {
    fn from(error: WebhookError) -> Self {
        Self { error, reason: error.to_string() }
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        let reason = error.reason();
        let error = match error {
            OutboundError::Url | OutboundError::Unreachable(_) | OutboundError::Broken(_) => {
                WebhookError::Unreachable
            }
            OutboundError::Timeout(_) => WebhookError::Timeout,
            OutboundError::TooLarge(_) => WebhookError::Answer,
        };
        Self { error, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'secret'`.
    #[test]
    fn an_answer_is_an_object_or_nothing() {
        for (answer, expected) in [
            ("", true),
            (" \n", true),
            ("{}", true),
            (r#"{"a":[1]}"#, true),
            ("ok", false),
            ("[]", false),
            ("{", false),
        ] {
            assert_eq!(is_object(&Bytes::from(answer)), expected, "{answer}");
        }
    }

    #[test]
    fn a_signature_is_an_hmac_of_time_and_body() {
        assert_eq!(
            sign(b"secret", 1_700_000_000, br#"{"a":1}"#),
            "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
        );
    }
}
