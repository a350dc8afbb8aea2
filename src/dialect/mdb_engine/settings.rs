//! What an endpoint of an application says of itself in the config.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::super::Options;
use super::template::Templates;
use super::webhook::Hook;
use crate::event::Topic;
use crate::message::Command;

/// Between two signs of life (`protocols.md`, section 2.1).
const PING_INTERVAL: Duration = Duration::from_secs(30);
pub(super) const PING_SECONDS: RangeInclusive<u64> = 5..=300;

#[derive(Debug)]
pub(super) struct Settings {
    /// The application's slug.
    pub(super) app: Arc<str>,
    /// Silence after which the client is asked whether it is there.
    pub(super) ping_interval: Duration,
    /// Whose writes are told, in lower case as topics are; empty: all.
    models: Vec<String>,
    /// Who brings a bad token is nobody in particular, where nobody needs one.
    pub(super) allow_bad_token: bool,
    pub(super) templates: Templates,
    /// Who handles what clients say.
    pub(super) hook: Option<Hook>,
}

impl Settings {
    /// What is wrong is reported.
    pub(super) fn read(options: &dyn Options) -> Self {
        let ping_interval = options.duration("ping_interval", PING_INTERVAL);
        let [shortest, longest] = [PING_SECONDS.start(), PING_SECONDS.end()].map(|s| Duration::from_secs(*s));
        if !(shortest..=longest).contains(&ping_interval) {
            options.report("ping_interval", "expected a duration from \"5s\" to \"300s\"".to_owned());
        }
        Self {
            app: app(options),
            ping_interval,
            models: models(options),
            allow_bad_token: options.flag("allow_bad_token", false),
            templates: Templates::read(options),
            hook: Hook::read(options),
        }
    }

    /// In lower case; `None`: all.
    pub(super) fn models(&self) -> Option<&[String]> {
        (!self.models.is_empty()).then_some(&*self.models)
    }

    pub(super) fn has_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.contains(&model.to_lowercase())
    }

    /// What each of its connections listens to.
    pub(super) fn subscriptions(&self) -> Vec<Command> {
        if self.models.is_empty() {
            return vec![Command::subscribe(Topic::all())];
        }
        self.models.iter().map(|model| Command::subscribe(Topic::model(model))).collect()
    }
}

/// Letters, digits, `_` and `-`: a name that is also a part of a URL.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn app(options: &dyn Options) -> Arc<str> {
    let slug = options.text("app", "");
    if slug.is_empty() {
        options.report("app", "is missing; for example app = \"my_app\"".to_owned());
    } else if !is_name(&slug) {
        options.report("app", "expected letters, digits, _ and -".to_owned());
    }
    Arc::from(slug)
}

fn models(options: &dyn Options) -> Vec<String> {
    let models: Vec<String> = options.texts("models").iter().map(|model| model.to_lowercase()).collect();
    if models.iter().any(|model| model.is_empty() || model == "all" || model.contains('/')) {
        options.report("models", "expected the models of routes, such as [\"item\"]".to_owned());
    }
    models
}
