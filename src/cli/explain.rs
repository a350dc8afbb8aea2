//! `restcast explain`: an exchange as options, and the verdict as text.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::ConfigFile;
use super::reason::sentence;
use crate::capture::{Outcome, Reason};
use crate::config::Config;
use crate::event::{Audience, Event, Payload, Position, Showing};
use crate::explain::{Ending, Scenario, verdict};
use crate::message::Publication;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The request's method.
    #[arg(required_unless_present = "message")]
    method: Option<Method>,
    /// The request's path, with or without query.
    #[arg(required_unless_present = "message")]
    path: Option<String>,
    /// In place of a request: a message of a client of `websocketspec`; says which requests it becomes, or how it is
    /// refused.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["method", "path"])]
    message: Option<String>,
    /// With --message: what the client's token says, such as 'sub=ann' or 'org=5'; a value that is JSON is taken as
    /// such; may be repeated.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = super::token::parse_claim, requires = "message")]
    claims: Vec<(String, Value)>,
    /// With --message: the path of the endpoint that gets it [default: the first one of `websocketspec`]
    #[arg(long, value_name = "PATH", requires = "message")]
    endpoint: Option<String>,
    /// A file with the body of the backend's answer.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The status of the backend's answer [default: 201 for POST, 204 for DELETE without --body, else 200]
    #[arg(long)]
    status: Option<StatusCode>,
    /// A header of the request, such as 'Authorization: Bearer x'; may be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// A header of the answer, such as 'Location: /api/authors/7'; may be repeated. A whole URL counts only if
    /// it names the host of --header 'Host: …'.
    #[arg(long = "answer-header", value_name = "NAME: VALUE", value_parser = parse_header)]
    answer_headers: Vec<(HeaderName, HeaderValue)>,
    /// How the exchange ends.
    #[arg(long, value_enum, default_value = "whole")]
    ending: EndingOption,
    /// As if another write to the same record had been under way at the same time.
    #[arg(long)]
    overlapping: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EndingOption {
    /// With the end of the answer.
    Whole,
    /// In the middle of the answer's body.
    Cut,
    /// Before an answer, while the backend has the request.
    Lost,
    /// Before the backend has the whole request.
    Unsent,
}

impl From<EndingOption> for Ending {
    fn from(option: EndingOption) -> Self {
        match option {
            EndingOption::Whole => Self::Whole,
            EndingOption::Cut => Self::Cut,
            EndingOption::Lost => Self::Lost,
            EndingOption::Unsent => Self::Unsent,
        }
    }
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'Name: value'")?;
    let name = name.trim().parse().map_err(|error| format!("{error}"))?;
    Ok((name, value.trim().parse().map_err(|error| format!("{error}"))?))
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let config = super::load(&options.file.config)?;
    let text = match &options.message {
        Some(message) => {
            lines(&super::wish::explain(message, options.endpoint.as_deref(), &options.claims, &config)?)
        }
        None => explain(options, &config)?,
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the command line is the shell")]
fn explain(options: &Options, config: &Config) -> anyhow::Result<String> {
    let scenario = scenario(options)?;
    let mut page = vec![format!("{} {}", scenario.request.method, scenario.request.uri.path())];
    let Some(matched) = config.routes.of_request(&scenario.request) else {
        page.push("  no route matches: nothing is published".to_owned());
        return Ok(lines(&page));
    };
    let part = matched.id.as_ref().map_or("its collection".to_owned(), |id| format!("id {id}"));
    page.push(format!("  route     {} ({part})", matched.route.path));
    page.push(format!("  model     {}", matched.model.as_ref().unwrap_or(&matched.route.model.name)));
    let Some(verdict) = verdict(config, &scenario, SystemTime::now(), Uuid::now_v7()) else {
        page.push(format!("  {} requests to this route give no events", matched.method));
        return Ok(lines(&page));
    };
    let outcome = match (verdict.outcome, verdict.reason) {
        (Outcome::Withheld, Some(Reason::NoOwner | Reason::NoPath)) => {
            "withheld: nobody but operators gets it"
        }
        (outcome, _) => meaning(outcome),
    };
    page.push(format!("  outcome   {outcome}"));
    page.extend(verdict.reason.map(|reason| format!("  because   {}", sentence(reason, &matched.route))));
    if let Some(event) = verdict.event {
        describe(event, config, &mut page);
    }
    Ok(lines(&page))
}

fn scenario(options: &Options) -> anyhow::Result<Scenario> {
    let method = options.method.clone().unwrap_or_default();
    let path = options.path.as_deref().unwrap_or_default();
    // Without a slash it would be read as the name of a host.
    ensure!(path.starts_with('/'), "{path}: the path must begin with a slash, such as /api/authors/42");
    let mut request = Request::builder().method(method.clone()).uri(path);
    if let Some(headers) = request.headers_mut() {
        headers.extend(options.headers.iter().cloned());
    }
    let (request, ()) = request.body(()).context("not a request path")?.into_parts();
    let body = match &options.body {
        Some(path) => std::fs::read(path).with_context(|| path.display().to_string())?,
        None => Vec::new(),
    };
    let status = options.status.unwrap_or(match method {
        Method::POST => StatusCode::CREATED,
        Method::DELETE if body.is_empty() => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    });
    let mut headers: HeaderMap = HeaderMap::new();
    for (name, value) in &options.answer_headers {
        headers.append(name, value.clone());
    }
    let ending = options.ending.into();
    Ok(Scenario { request, status, headers, body, ending, overlapping: options.overlapping })
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Event => "event: published with its record",
        Outcome::Overlapping => {
            "overlapping: published without its record; another write to it was under way at the same time"
        }
        Outcome::NoRecord => "no_record: published without a record; the answer held none that is proven",
        Outcome::TooLarge => {
            "too_large: published without a record; the answer is over tap.body_limit or tap.decoded_limit"
        }
        Outcome::Undecodable => "undecodable: published without a record; the answer is not readable JSON",
        Outcome::Uncertain => "uncertain: told as such; nothing proves that the write was done",
        Outcome::Withheld => {
            "withheld: only for authenticated readers (the write carried credentials, or visibility says so), \
             and nobody can be one; add [auth.jwt], or visibility = \"public\" to the route if everybody may see it"
        }
        Outcome::Refused => "refused: nothing is published; the backend did not report success",
        Outcome::Unsent => "unsent: nothing is published; the request never reached the backend",
    }
}

fn describe(event: Event, config: &Config, page: &mut Vec<String>) {
    let action = event.action.as_ref().map_or(String::new(), |action| format!(" ({action})"));
    page.push(format!("  operation {}{action}", event.operation.name()));
    let readers = match &event.audience {
        Audience::Everyone => "everybody".to_owned(),
        Audience::Authenticated => "authenticated readers".to_owned(),
        Audience::Roles(roles) => format!("readers with one of the roles {}", roles.join(", ")),
        Audience::Owner(claim) => owners(claim, &event),
        Audience::Upstream(showing) => asked(showing),
        Audience::User(id) => format!("the user {id}"),
    };
    page.push(format!("  readers   {readers}"));
    let topics: Vec<String> = event.topics().iter().map(ToString::to_string).collect();
    page.push(format!("  topics    {}", topics.join(", ")));
    let publication = Publication { position: Position::untold(0), time: event.time, event };
    for endpoint in &config.endpoints {
        for frame in endpoint.dialect.encode(&publication).into_frames() {
            let payload = frame.payload();
            let text = String::from_utf8_lossy(payload.trim_ascii_end());
            page.push(format!("  {} gets {text}", endpoint.path));
        }
    }
}

/// Whoever a record of the event belongs to.
fn owners(claim: &str, event: &Event) -> String {
    let mut owners: Vec<&str> = event.items.iter().filter_map(|item| item.owner.as_deref()).collect();
    owners.sort_unstable();
    owners.dedup();
    match owners.as_slice() {
        [] => "operators alone".to_owned(),
        [owner] => format!("readers whose {claim} is {owner}"),
        _ => format!("readers whose {claim} is one of {}, each their own records", owners.join(", ")),
    }
}

/// Whoever the backend shows a record of the event.
fn asked(showing: &Showing) -> String {
    let paths: Vec<&str> = showing.paths.iter().flatten().map(|path| &**path).collect();
    let gets = match showing.payload {
        Payload::Record => "",
        Payload::Refetch => ", each as that answer shows it",
    };
    match paths.as_slice() {
        [] => "operators alone".to_owned(),
        paths => format!("readers whose own GET {} succeeds{gets}", paths.join(", ")),
    }
}

fn lines(page: &[String]) -> String {
    page.iter().map(|line| format!("{line}\n")).collect()
}
