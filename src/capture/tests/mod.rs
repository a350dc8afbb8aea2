//! Exchanges as text, and the events that they give.

mod answers;
mod bodies;
mod ids;
mod models;
mod overlaps;
mod owners;
mod properties;
mod records;
mod showing;
mod shown;
mod stages;
mod uploads;

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Method, Request};

use super::*;
use crate::event::{self, Item, Json};
use crate::route::{Route, Routes, tests::route};

/// A request and what came back.
struct Exchange {
    request: request::Parts,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    whole: bool,
    limits: Limits,
}

impl Exchange {
    /// Reads `METHOD PATH [Name: value; …] -> STATUS [Name: value; …] BODY`. Of the host `api.test` and with
    /// a JSON type, if nothing else is said.
    fn parse(text: &str) -> Self {
        let (request, answer) = text.split_once(" -> ").unwrap();
        let (line, headers, _) = parts(request);
        let (method, path) = line.split_once(' ').unwrap();
        let mut head = Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0;
        head.headers = headers;
        head.headers.entry(header::HOST).or_insert(HeaderValue::from_static("api.test"));
        let (status, mut headers, body) = parts(answer);
        if !body.is_empty() {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        Self {
            request: head,
            status: status.parse().unwrap(),
            headers,
            body: body.as_bytes().to_vec(),
            whole: true,
            limits: Limits { body: 10_000, decoded: 10_000, memory: Budget::new(100_000) },
        }
    }

    fn capture(&self, routes: &Routes) -> Capture {
        let matched = routes.of_request(&self.request).expect("no route");
        assert!(matched.tapped, "not tapped");
        Capture::begin(matched, &self.request, self.limits.clone())
    }

    fn read(&self, routes: &Routes) -> Verdict {
        let mut capture = self.capture(routes);
        capture.attempt();
        capture.request_sent();
        capture.response_head(self.status, &self.headers);
        for chunk in self.body.chunks(7) {
            capture.response_chunk(chunk);
        }
        finish(capture, self.whole, routes)
    }
}

fn finish(capture: Capture, whole: bool, routes: &Routes) -> Verdict {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    Box::new(capture).finish(whole, time, Uuid::nil()).read(routes)
}

/// `WORDS [Name: value; …] BODY`.
fn parts(text: &str) -> (&str, HeaderMap, &str) {
    let listed = text.split_once(" [").and_then(|(words, rest)| {
        let (list, body) = rest.split_once(']')?;
        // Otherwise the bracket is JSON.
        (list.contains(": ") && !words.contains('{')).then_some((words, list, body))
    });
    let Some((words, list, body)) = listed else {
        // Only what starts with a status has a body.
        let answer = text.split_once(' ').filter(|(status, _)| status.parse::<u16>().is_ok());
        let (words, body) = answer.unwrap_or((text, ""));
        return (words, HeaderMap::new(), body);
    };
    let mut headers = HeaderMap::new();
    for pair in list.split("; ") {
        let (name, value) = pair.split_once(": ").unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    (words, headers, body.trim_start())
}

/// `OUTCOME operation[/action] ITEM`: an item is its id and its record, `-` where it has none, `~` before a
/// record that may be partial; a list of items stands in brackets.
fn render(verdict: &Verdict) -> String {
    let mut words = vec![verdict.outcome.name().to_owned()];
    if let Some(event) = &verdict.event {
        let action = event.action.as_ref().map_or(String::new(), |action| format!("/{action}"));
        let items: Vec<String> = event.items.iter().map(item).collect();
        let items = if event.many { format!("[{}]", items.join(", ")) } else { items.concat() };
        words.push(format!("{}{action} {items}", event.operation.name()));
        let certain = event.outcome == event::Outcome::Certain;
        assert_eq!(certain, verdict.outcome != Outcome::Uncertain);
        assert!(event.http.as_ref().unwrap().status.is_some() || !certain, "a certain event has a status");
        assert!(event.many || event.items.len() == 1);
    }
    words.extend(verdict.id_conflict.then(|| "conflict".to_owned()));
    words.join(" ")
}

fn item(item: &Item) -> String {
    let id = item.id.as_ref().map_or("-", Json::as_str);
    let record = item.record.as_ref().map_or("-", Json::as_str);
    assert!(item.record.is_some() || !item.partial, "nothing cannot be partial");
    format!("{id} {}{record}", if item.partial { "~" } else { "" })
}

/// Each line is `EXCHANGE => VERDICT`. Routes are made anew for each: nothing is learned.
fn check(routes: impl Fn() -> Routes, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (exchange, expected) = line.rsplit_once(" => ").unwrap();
        assert_eq!(render(&Exchange::parse(exchange).read(&routes())), expected, "{line}");
    }
}

/// Authors, and books under two paths.
fn library() -> Routes {
    Routes::new(vec![
        route("/api/authors/{id}", "author"),
        route("/api/authors/{author_id}/books/{id}", "book"),
        route("/books/{id}", "book"),
    ])
    .unwrap()
}

/// Authors with options.
fn authors(change: impl Fn(&mut Route)) -> impl Fn() -> Routes {
    move || {
        let mut route = route("/api/authors/{id}", "author");
        change(&mut route);
        Routes::new(vec![route]).unwrap()
    }
}

fn pointer(text: &str) -> crate::route::Pointer {
    crate::route::Pointer::parse(text).unwrap()
}
