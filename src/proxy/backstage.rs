//! What the connections of one endpoint need of the rest of the process.

use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::auth::{Issuers, TokenError};
use crate::broker::{Parcel, Publisher};
use crate::event::{Event, Operation, Origin, Outcome};
use crate::identity::Credential;
use crate::message::{Announcement, Call, Push, Returned};
use crate::metrics::Metrics;
use crate::transport::{self, Returning};

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Backstage {
    /// The endpoint's number.
    pub endpoint: usize,
    /// Whose tokens are believed; `None`: nobody's.
    pub issuers: Option<Issuers>,
    /// Where events go.
    pub publisher: Publisher,
    /// Where is counted.
    pub metrics: Arc<Metrics>,
}

impl Backstage {
    #[expect(clippy::disallowed_methods, reason = "tokens expire")]
    fn identify(&self, token: &str) -> Credential {
        let Some(issuers) = &self.issuers else { return Credential::Invalid };
        issuers.identify(token, SystemTime::now()).map_or_else(
            |error| {
                let number = TokenError::ALL.iter().position(|known| *known == error);
                self.metrics.token_refused(number.unwrap_or_default());
                super::admission::credential(error)
            },
            Credential::Valid,
        )
    }
}

impl transport::Backstage for Backstage {
    fn call(&self, call: Call) -> Returning {
        let returned = match call {
            Call::Identify(token) => Returned::Credential(self.identify(&token)),
        };
        Box::pin(std::future::ready(returned))
    }

    fn announce(&self, announcement: Announcement) {
        self.publisher.publish(Box::new(move || Some(event(announcement))));
    }

    fn push(&self, push: Push) {
        self.publisher.hand_over(Parcel::Push(push));
    }

    fn subscriptions(&self, difference: i64) {
        self.metrics.subscriptions(self.endpoint, difference);
    }
}

#[expect(clippy::disallowed_methods, reason = "it happens now")]
fn event(announcement: Announcement) -> Event {
    Event {
        id: Uuid::now_v7(),
        time: SystemTime::now(),
        origin: Origin::Presence,
        model: announcement.model,
        operation: Operation::Custom,
        action: Some(announcement.action),
        many: false,
        items: vec![announcement.item],
        request_body: None,
        http: None,
        audience: announcement.audience,
        outcome: Outcome::Certain,
        overlapping: false,
    }
}
