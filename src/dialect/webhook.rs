//! The options of an endpoint that say which service handles what its clients do.

use std::time::Duration;

use super::Options;
use crate::message::Webhook;
use crate::url;

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
const RETRIES: usize = 2;
const MAX_RETRIES: usize = 5;

/// What the options are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub(super) url: &'static str,
    pub(super) secret: &'static str,
    pub(super) authorities: &'static str,
    pub(super) timeout: &'static str,
    pub(super) retries: &'static str,
}

/// Reads them; `None`: there is no such service. What is wrong is reported.
pub(super) fn read(options: &dyn Options, keys: Keys) -> Option<Webhook> {
    let url = options.text(keys.url, "");
    let secret = options.secret(keys.secret).filter(|secret| !secret.is_empty());
    let authorities = options.authorities(keys.authorities);
    let timeout = options.duration(keys.timeout, TIMEOUT);
    let retries = options.number(keys.retries, RETRIES);
    let check = |is_wrong: bool, key, message: &str| {
        if is_wrong {
            options.report(key, message.to_owned());
        }
    };
    check(timeout > MAX_TIMEOUT, keys.timeout, "expected a duration up to \"60s\"");
    check(retries > MAX_RETRIES, keys.retries, "expected a number up to 5");
    if url.is_empty() {
        return None;
    }
    let parsed = url::read(&url);
    check(parsed.is_none(), keys.url, &format!("expected {}", url::EXPECTED));
    let missing = format!("is missing; for example {} = \"env:RESTCAST_WEBHOOK_SECRET\"", keys.secret);
    check(secret.is_none(), keys.secret, &missing);
    let is_open = parsed.as_ref().is_some_and(|url| url.scheme_str() == Some("http"));
    let needed = "needs a webhook of https: over http nobody shows a certificate";
    check(authorities.is_some() && is_open, keys.authorities, needed);
    Some(Webhook { url: parsed?, secret: secret?, authorities, timeout, retries })
}
