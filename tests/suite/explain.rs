//! The rows once more, by `restcast explain` in place of the running tap: as the command, and for the many
//! rows of the product as the function behind it.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use restcast::config::Config;
use restcast::dialect;
use restcast::event::{Audience, Position};
use restcast::explain::{Ending, Scenario, verdict};
use restcast::message::Publication;
use uuid::Uuid;

use crate::harness::{Folder, restcast};
use crate::judge::{Event, Faults, TABLES};
use crate::row::Row;
use crate::sheet::Sheet;

/// Asks for verdicts under the configuration of one sheet.
pub struct Explainer {
    config: Config,
    folder: Folder,
}

/// What a row's events and outcome are by explaining.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    events: Vec<String>,
    outcomes: Vec<String>,
}

impl Explainer {
    pub fn new(sheet: &Sheet) -> Self {
        let text = format!(
            "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{}\n{}\n{TABLES}",
            sheet.upstream, sheet.config
        );
        let config = Config::parse("rows", &text).unwrap_or_else(|error| panic!("{}: {error}", sheet.title));
        let folder = Folder::new();
        folder.write("proxy.toml", text);
        Self { config, folder }
    }

    /// What the function says otherwise than the row, whose exchange comes to its end.
    pub fn function(&self, row: &Row) -> Faults {
        compare(row, "the function", |_| self.call(row))
    }

    /// What the command says otherwise than the row.
    pub fn command(&self, row: &Row) -> Faults {
        compare(row, "the command", |ending| self.run(row, ending))
    }

    fn call(&self, row: &Row) -> Told {
        let mut request = Request::builder().method(row.request.method.as_str()).uri(&row.request.target);
        request.headers_mut().unwrap().extend(fields(&request_headers(row)));
        let scenario = Scenario {
            request: request.body(()).unwrap().into_parts().0,
            status: status(row).parse().unwrap(),
            headers: fields(&row.answer.headers),
            body: row.answer.body.clone(),
            ending: Ending::Whole,
            overlapping: false,
        };
        let Some(verdict) = verdict(&self.config, &scenario, SystemTime::UNIX_EPOCH, Uuid::nil()) else {
            return Told::default();
        };
        let outcomes = vec![verdict.outcome.name().to_owned()];
        let event = verdict.event.filter(|event| event.audience == Audience::Everyone);
        let frame = event.and_then(|event| {
            let (_, canonical) = dialect::find("canonical").unwrap();
            let publication =
                Publication { position: Position::untold(0), time: SystemTime::UNIX_EPOCH, event };
            canonical(&dialect::Defaults).encode(&publication).into_frames().pop()
        });
        let text = frame.map(|frame| String::from_utf8(frame.payload().to_vec()).unwrap());
        Told { events: text.map(|text| Event::read(&text).lines()).unwrap_or_default(), outcomes }
    }

    fn run(&self, row: &Row, ending: &str) -> Told {
        let file = self.folder.write("body", body(row, ending));
        let mut command = restcast();
        command.arg("explain").args([&row.request.method, &row.request.target, "--status", status(row)]);
        for line in request_headers(row) {
            command.args(["--header", &line]);
        }
        for line in &row.answer.headers {
            command.args(["--answer-header", line]);
        }
        let ending = if ending == "half" { "whole" } else { ending };
        command.args(["--ending", ending, "--body"]).arg(file);
        command.arg("--config").arg(self.folder.path().join("proxy.toml"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}: {}", row.name, String::from_utf8_lossy(&output.stderr));
        told(&String::from_utf8(output.stdout).unwrap())
    }
}

/// Each exchange of a row has an ending of its own.
fn compare(row: &Row, by: &str, explain: impl Fn(&str) -> Told) -> Faults {
    let mut all = Told::default();
    for ending in &row.endings {
        let told = explain(ending);
        all.events.extend(told.events);
        all.outcomes.extend(told.outcomes);
    }
    let expected = Told { events: row.expected.events.clone(), outcomes: row.expected.outcomes.clone() };
    if all == expected { Vec::new() } else { vec![format!("{by} explains {all:?}, expected {expected:?}")] }
}

/// Reads the page that the command prints.
fn told(page: &str) -> Told {
    let find = |begin: &str| page.lines().find_map(|line| line.trim_start().strip_prefix(begin));
    let outcome = find("outcome   ").and_then(|rest| rest.split(':').next());
    let shown = find("readers   ") != Some("authenticated readers");
    let event = find("/events gets ").filter(|_| shown);
    Told {
        events: event.map(|text| Event::read(text).lines()).unwrap_or_default(),
        outcomes: outcome.map(ToOwned::to_owned).into_iter().collect(),
    }
}

fn status(row: &Row) -> &str {
    row.answer.status.split(' ').next().filter(|status| !status.is_empty()).unwrap_or("200")
}

fn request_headers(row: &Row) -> Vec<String> {
    [&["Host: api.example".to_owned()], row.request.headers.as_slice()].concat()
}

/// What came of the body: half of it, if the end of the connection was taken for its end.
fn body<'a>(row: &'a Row, ending: &str) -> &'a [u8] {
    let body = row.answer.body.as_slice();
    if ending == "half" { &body[..body.len().div_ceil(2)] } else { body }
}

fn fields(lines: &[String]) -> HeaderMap {
    let field = |line: &String| -> (HeaderName, HeaderValue) {
        let (name, value) = line.split_once(':').unwrap();
        (name.parse().unwrap(), value.trim().parse().unwrap())
    };
    let mut fields = HeaderMap::new();
    for (name, value) in lines.iter().map(field) {
        fields.append(name, value);
    }
    fields
}
