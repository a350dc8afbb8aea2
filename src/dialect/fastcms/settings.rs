//! The options of an endpoint that speaks `fastcms`.

use std::sync::Arc;
use std::time::Duration;

use super::collections::Collections;
use super::presence::{Presence, Told};
use super::stats::{Access, Stats};
use crate::dialect::options::{Options, word};
use crate::dialect::snapshot::Snapshots;
use crate::event::Audience;
use crate::filter::Deletes;

/// As one endpoint has them.
#[derive(Debug)]
pub(super) struct Settings {
    /// Between two `ping` messages.
    pub(super) heartbeat: Duration,
    /// A client that sends nothing for so long is taken for dead.
    pub(super) heartbeat_timeout: Duration,
    /// How often that is looked for.
    pub(super) heartbeat_check: Duration,
    /// How long a client without a token may take to send one, where the endpoint requires it.
    pub(super) auth_timeout: Duration,
    /// Collections that one connection may be subscribed to, besides `*`.
    pub(super) max_subscriptions: usize,
    /// What filters say of deletions, of which nothing but the id is known.
    pub(super) deletes: Deletes,
    /// What its clients call collections.
    pub(super) collections: Collections,
    /// What may be shown of them.
    pub(super) snapshots: Snapshots,
}

/// More would make each subscription slow: they are looked through one by one.
const MOST_SUBSCRIPTIONS: usize = 10_000;

impl Settings {
    pub(super) fn read(options: &dyn Options) -> Self {
        let seconds = |key, default| options.duration(key, Duration::from_secs(default));
        let settings = Self {
            heartbeat: seconds("heartbeat", 30),
            heartbeat_timeout: seconds("heartbeat_timeout", 90),
            heartbeat_check: seconds("heartbeat_check", 60),
            auth_timeout: seconds("auth_timeout", 10),
            max_subscriptions: options.number("max_subscriptions", 100),
            deletes: if options.flag("deletes_ignore_filter", false) {
                Deletes::Deliver
            } else {
                Deletes::Judge
            },
            collections: Collections::new(&options.texts("schemas")),
            snapshots: Snapshots::read(options),
        };
        if settings.heartbeat_timeout <= settings.heartbeat {
            let message = "must be longer than heartbeat: clients say something when they get one";
            options.report("heartbeat_timeout", message.to_owned());
        }
        if !(1..=MOST_SUBSCRIPTIONS).contains(&settings.max_subscriptions) {
            let message = format!("expected a whole number from 1 to {MOST_SUBSCRIPTIONS}");
            options.report("max_subscriptions", message);
        }
        settings
    }
}

/// `presence` and `presence_audience`.
pub(super) fn presence(options: &dyn Options) -> Presence {
    let told = [("user", Told::Users), ("off", Told::Nothing)];
    let told = word(options, "presence", ("connection", Told::Connections), &told);
    let audience = [("public", Audience::Everyone)];
    let audience = word(options, "presence_audience", ("authenticated", Audience::Authenticated), &audience);
    Presence::new(told, audience)
}

/// `stats` and `stats_path`.
pub(super) fn stats(options: &dyn Options, settings: Arc<Settings>) -> Stats {
    let access = [("public", Access::Public), ("off", Access::Off)];
    let access = word(options, "stats", ("authenticated", Access::Authenticated), &access);
    let path = options.text("stats_path", "/api/v1/stats");
    if !path.starts_with('/') || path.contains(['?', '#', '{', '}', ' ']) {
        options
            .report("stats_path", "expected a path such as \"/api/v1/stats\", without parameters".to_owned());
    }
    Stats { path, access, settings }
}
