//! `restcast explain --message`: a client's message, and the requests of the backend that it becomes. The endpoint's
//! own dialect reads it, as it would on a connection, so what is shown here is what would be done.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::config::{Config, EndpointAuth, EndpointConfig};
use crate::dialect::{Conversation, Opening};
use crate::identity::{Credential, Identity};
use crate::message::{Call, Caught, Command, Frame, Message, Now, Returned, Turn, Upstream};

/// What a message must have, and mostly does not matter here.
const USUAL: [(&str, &str); 2] = [("id", "1"), ("type", "request")];
/// More points than a message can have where an application is asked.
const MAX_HOOKS: usize = 4;

/// `claims`: what the client's token says; without any it has none.
#[expect(clippy::disallowed_methods, reason = "the command line is the shell")]
pub(super) fn explain(
    message: &str,
    endpoint: Option<&str>,
    claims: &[(String, Value)],
    config: &Config,
) -> anyhow::Result<Vec<String>> {
    let endpoint = find(endpoint, config)?;
    let mut page = Vec::new();
    let message = completed(message, &mut page);
    if message.len() > endpoint.max_message {
        page.push(format!("  closed    1009: larger than max_message of {}", endpoint.path));
        return Ok(page);
    }
    let credential = credential(claims, endpoint, config)?;
    if endpoint.auth == EndpointAuth::Required && credential == Credential::Missing {
        page.push(format!("  refused   {} lets nobody in without a token; try --claim sub=…", endpoint.path));
        return Ok(page);
    }
    let now = Now { time: SystemTime::now(), age: Duration::ZERO };
    let (request, ()) = Request::get(&*endpoint.path).body(()).context("the endpoint's path")?.into_parts();
    let required = endpoint.auth == EndpointAuth::Required;
    let opening = Opening {
        request: &request,
        connection: Uuid::now_v7(),
        credential: &credential,
        required,
        resume: None,
        now,
    };
    let mut turn = Turn::default();
    let mut client = endpoint.dialect.open(&opening, &mut turn);
    // What an application is asked about the connection itself.
    consent(&mut *client, now, &mut turn, &mut Vec::new());
    turn = Turn::default();
    client.receive(Message::Text(message), now, &mut turn);
    consent(&mut *client, now, &mut turn, &mut page);
    turn.settle(&Caught::default());
    describe(&*client, &turn, endpoint, &mut page);
    Ok(page)
}

fn find<'a>(path: Option<&str>, config: &'a Config) -> anyhow::Result<&'a EndpointConfig> {
    let mut all = config.endpoints.iter();
    let Some(path) = path else {
        let found = all.find(|endpoint| endpoint.dialect.calls().is_some());
        return found
            .context("--message: no [[endpoint]] has a dialect whose clients send requests: websocketspec");
    };
    let found = all
        .find(|endpoint| endpoint.path == path)
        .with_context(|| format!("--endpoint: there is no {path}"))?;
    ensure!(
        found.dialect.calls().is_some(),
        "--endpoint: {path} speaks {}, whose clients send no requests",
        found.dialect_name
    );
    Ok(found)
}

/// With what one would not want to write each time.
fn completed(message: &str, page: &mut Vec<String>) -> String {
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(message) else { return message.to_owned() };
    let word = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    page.push(format!("{} {}", word("operation"), word("entity")));
    let missing: Vec<_> = USUAL.into_iter().filter(|(name, _)| !fields.contains_key(*name)).collect();
    if missing.is_empty() {
        return message.to_owned();
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    page.push(format!("  as if     it had {}, which every message needs", names.join(" and ")));
    // The rest stands as it was written: numbers too.
    let added: Vec<String> = missing.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    let rest = message.trim_start().strip_prefix('{').unwrap_or_default();
    let comma = if fields.is_empty() { "" } else { "," };
    format!("{{{}{comma}{rest}", added.join(","))
}

fn credential(
    claims: &[(String, Value)],
    endpoint: &EndpointConfig,
    config: &Config,
) -> anyhow::Result<Credential> {
    if claims.is_empty() {
        return Ok(Credential::Missing);
    }
    let issuer = config.auth.as_ref().and_then(|issuers| issuers.iter().next());
    let issuer = issuer.context("--claim: there is no [auth.jwt]")?;
    if endpoint.auth == EndpointAuth::None {
        bail!("--claim: {} looks at no tokens; it has no auth = \"optional\" or \"required\"", endpoint.path);
    }
    let identity: Identity = issuer.user(claims.iter().cloned().collect(), None).context("--claim")?;
    Ok(Credential::Valid(identity))
}

/// Lets an application consent to everything.
fn consent(client: &mut dyn Conversation, now: Now, turn: &mut Turn, page: &mut Vec<String>) {
    for _ in 0..MAX_HOOKS {
        let Some(Call::Webhook(delivery)) = &turn.call else { return };
        let told: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let hook = told.get("hook").and_then(Value::as_str).unwrap_or_default();
        page.push(format!(
            "  asks      {} about {hook}; if it has nothing against it:",
            delivery.webhook.url
        ));
        turn.call = None;
        client.returned(Returned::Webhook(Ok(Bytes::new())), now, turn);
    }
}

fn describe(client: &dyn Conversation, turn: &Turn, endpoint: &EndpointConfig, page: &mut Vec<String>) {
    page.extend(turn.frames.iter().map(answered));
    for command in &turn.commands {
        if let Command::Subscribe { topic, .. } = command {
            page.push(format!("  follows   {topic}"));
        }
    }
    let Some((Call::Upstream(request), prospect)) = turn.call.as_ref().zip(client.prospect()) else { return };
    page.push(format!("  route     {}", prospect.route));
    page.push(format!("  resource  {}", prospect.resource));
    // Before a write it looks whose the record is; behind a page comes the next one.
    let (first, second) = match &prospect.behind {
        Some((behind, _)) if behind.method != request.method => ("looks", "request"),
        _ => ("request", "then"),
    };
    asked(first, request, &prospect.here, page);
    if let Some((request, here)) = &prospect.behind {
        asked(second, request, here, page);
    }
    let own = [header::AUTHORIZATION, header::COOKIE, header::ACCEPT_LANGUAGE];
    let forwarded = own.iter().chain(endpoint.dialect.calls().unwrap_or_default());
    let names: Vec<&str> = forwarded.map(header::HeaderName::as_str).collect();
    page.push(format!("  along     {} of the handshake, where it had them", names.join(", ")));
}

/// What a client is told at once.
fn answered(frame: &Frame) -> String {
    let text = String::from_utf8_lossy(&frame.payload()).into_owned();
    let told: Value = serde_json::from_str(&text).unwrap_or_default();
    let field = |name: &str| told.get(name).map(ToString::to_string).unwrap_or_default();
    match told.get("error") {
        Some(error) => {
            let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            let details = error.get("details").map_or(String::new(), |details| format!(" {details}"));
            format!("  refused   {}: {}{details}", word("code"), word("message"))
        }
        None if told.get("data").is_some() => format!("  answers   {}", field("data")),
        None => format!("  answers   {text}"),
    }
}

fn asked(word: &str, request: &Upstream, here: &[String], page: &mut Vec<String>) {
    page.push(format!("  {word:<9} {} {}", request.method, request.target));
    headers(&request.headers, page);
    if !request.body.is_empty() {
        page.push(format!("  body      {}", String::from_utf8_lossy(&request.body)));
    }
    page.extend(here.iter().map(|line| format!("  here      {line}")));
}

fn headers(headers: &HeaderMap, page: &mut Vec<String>) {
    for (name, value) in headers {
        page.push(format!("  header    {name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
}
