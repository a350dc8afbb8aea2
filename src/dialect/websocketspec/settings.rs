//! The options of an endpoint that speaks `websocketspec`.

use std::sync::Arc;

use http::HeaderName;

use super::super::Manner;
use super::super::options::{Options, forward_headers, word};
use super::hooks::Hooks;
use crate::filter::Deletes;
use crate::query::Resources;

/// As one endpoint has them.
#[derive(Debug)]
pub(super) struct Settings {
    /// What clients can name.
    pub(super) resources: Arc<Resources>,
    /// The schema that is meant where a client names none; `None`: any.
    pub(super) default_schema: Option<String>,
    /// Of one connection.
    pub(super) max_subscriptions: usize,
    /// What filters say of deletions, of which nothing but the id is known.
    pub(super) deletes: Deletes,
    /// What the backend finds wrong with a record is told as `validation_error`.
    pub(super) has_validation_error: bool,
    /// Of handshakes, for the backend.
    pub(super) forward_headers: Vec<HeaderName>,
    /// How a bad token is told.
    pub(super) manner: Manner,
    /// An application that has a say in what clients do.
    pub(super) hooks: Option<Hooks>,
}

/// More would make each subscription slow: they are looked through one by one.
const MOST_SUBSCRIPTIONS: usize = 10_000;
impl Settings {
    pub(super) fn read(options: &dyn Options) -> Self {
        let max_subscriptions = options.number("max_subscriptions", 100);
        if !(1..=MOST_SUBSCRIPTIONS).contains(&max_subscriptions) {
            let message = format!("expected a whole number from 1 to {MOST_SUBSCRIPTIONS}");
            options.report("max_subscriptions", message);
        }
        let codes = [("operation_error", false)];
        Self {
            resources: options.resources(),
            default_schema: Some(options.text("default_schema", "public"))
                .filter(|schema| !schema.is_empty()),
            max_subscriptions,
            deletes: word(options, "deletes", ("deliver", Deletes::Deliver), &[("drop", Deletes::Drop)]),
            has_validation_error: word(options, "validation_code", ("validation_error", true), &codes),
            forward_headers: forward_headers(options),
            manner: word(options, "reject", ("http", Manner::Answer), &[("close", Manner::Accept)]),
            hooks: Hooks::read(options),
        }
    }
}
