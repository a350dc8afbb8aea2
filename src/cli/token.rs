//! `restcast token`: makes a token, or says what one is worth.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::ConfigFile;
use crate::auth::{Issuer, Issuers, Judgement, Key, TokenError};
use crate::identity::{Identity, User};
use crate::verify::Verifier;

/// A longer text on standard input is no token.
const MAX_INPUT_BYTES: u64 = 64 * 1024;
/// A hundred years.
const MAX_EXPIRES: Duration = Duration::from_hours(100 * 366 * 24);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The user that the token is for.
    #[arg(long, value_name = "USER", required_unless_present = "check")]
    sub: Option<String>,
    /// A claim more, such as 'org=5'; a value that is JSON is taken as such; may be repeated.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = parse_claim)]
    claims: Vec<(String, Value)>,
    /// A role; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// How long it counts: 90s, 15m, 1h, 30d.
    #[arg(long, default_value = "1h", value_parser = parse_expires)]
    expires: Duration,
    /// Say whether a token is accepted, and as whom, or why not; - reads it from standard input.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["sub", "claims", "roles"])]
    check: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn parse_claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_plain| Value::from(value))))
}

fn parse_expires(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| {
        text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*seconds).map(Duration::from_secs)
    });
    let fits = found.filter(|expires| !expires.is_zero() && *expires <= MAX_EXPIRES);
    fits.ok_or_else(|| "expected a duration above zero, such as 90s, 15m, 1h or 30d".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "tokens expire")]
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let config = super::load(&options.file.config)?;
    let path = options.file.config.display();
    let issuers = config.auth.with_context(|| format!("{path}: there is no [auth.jwt]"))?;
    let now = SystemTime::now();
    let text = match &options.check {
        Some(token) => check(&issuers, token, now)?,
        None => mint(&issuers, options, now).with_context(|| path.to_string())?,
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn mint(issuers: &Issuers, options: &Options, now: SystemTime) -> anyhow::Result<String> {
    let issuer = issuers.iter().find(|issuer| issuer.can_sign());
    let issuer = issuer.context("no [auth.jwt] has a secret: public keys check tokens and make none")?;
    let claims = claims(issuer, options, now).context("a claim stands inside one that is no object")?;
    let token = issuer.sign(&claims).context("cannot sign")?;
    // What is handed out must be accepted, whatever the claims that were asked for.
    match issuers.identify(&token, now) {
        Ok(_) => Ok(token),
        Err(error) => bail!("such a token would be refused: {}", error.text()),
    }
}

fn claims(issuer: &Issuer, options: &Options, now: SystemTime) -> Option<Map<String, Value>> {
    let seconds =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut claims = Map::new();
    let issued = seconds(now);
    claims.insert("iat".to_owned(), issued.into());
    claims.insert("exp".to_owned(), issued.saturating_add(options.expires.as_secs()).into());
    claims.extend(issuer.issuer.as_ref().map(|name| ("iss".to_owned(), name.as_str().into())));
    claims.extend(issuer.audience.first().map(|name| ("aud".to_owned(), name.as_str().into())));
    let user_claim = issuer.user_claims.first()?;
    put(&mut claims, user_claim, options.sub.as_deref().unwrap_or_default().into())?;
    if !options.roles.is_empty() {
        put(&mut claims, &issuer.roles_claim, options.roles.clone().into())?;
    }
    for (name, value) in &options.claims {
        claims.insert(name.clone(), value.clone());
    }
    Some(claims)
}

/// Puts a claim where it is looked for: `a.b` inside `a`, unless the name is a URL.
fn put(claims: &mut Map<String, Value>, name: &str, value: Value) -> Option<()> {
    match name.split_once('.') {
        Some((outer, inner)) if !name.contains("://") => {
            let outer = claims.entry(outer).or_insert_with(|| Map::new().into());
            put(outer.as_object_mut()?, inner, value)
        }
        _ => {
            claims.insert(name.to_owned(), value);
            Some(())
        }
    }
}

fn check(issuers: &Issuers, token: &str, now: SystemTime) -> anyhow::Result<String> {
    let mut text = String::new();
    if token == "-" {
        io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text).context("standard input")?;
    } else {
        token.clone_into(&mut text);
    }
    let mut judgement = issuers.judge(text.trim(), now);
    if !judgement.lacking.is_empty() {
        fetch(issuers.clone())?;
        judgement = issuers.judge(text.trim(), now);
    }
    match judgement.verdict {
        Ok(Identity::User(user)) => Ok(describe(&user, now)),
        Ok(Identity::Anonymous | Identity::Operator) => bail!("refused: {}", TokenError::NoUser.text()),
        Err(error) => bail!("refused: {}{}", error.text(), explain(issuers, &judgement)),
    }
}

/// Keys that issuers publish, once.
fn fetch(issuers: Issuers) -> anyhow::Result<()> {
    let verifier = Verifier::new(issuers)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(verifier.fetch());
    Ok(())
}

/// What the token says of itself, and what the issuers had to say; nothing where no key was fetched.
fn explain(issuers: &Issuers, judgement: &Judgement) -> String {
    let published = issuers.iter().filter_map(|issuer| match &issuer.key {
        Key::Published(jwks) => Some(jwks.describe()),
        Key::Shared(_) | Key::Public(_) => None,
    });
    let lines: Vec<String> = published.flatten().collect();
    if lines.is_empty() {
        return String::new();
    }
    let kid = judgement.kid.as_ref().map(|kid| format!("the token names the key {kid:?}"));
    let kid = kid.unwrap_or_else(|| "the token names no key".to_owned());
    [kid].iter().chain(&lines).map(|line| format!("\n  {}", line.replace(char::is_control, " "))).collect()
}

fn describe(user: &User, now: SystemTime) -> String {
    let mut lines = vec!["accepted".to_owned(), format!("  user    {}", user.id)];
    lines.extend(user.email.as_ref().map(|email| format!("  email   {email}")));
    if !user.roles.is_empty() {
        lines.push(format!("  roles   {}", user.roles.join(", ")));
    }
    let left = user.expires.and_then(|expires| expires.duration_since(now).ok());
    lines.push(
        left.map_or("  never expires".to_owned(), |left| format!("  counts  {} s more", left.as_secs())),
    );
    // Claims are anybody's text.
    lines.iter().map(|line| line.replace(char::is_control, " ")).collect::<Vec<_>>().join("\n")
}
