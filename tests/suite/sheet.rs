//! Rows as they stand in the files of `tests/rows`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::row::{Answer, Client, Expected, Framing, Request, Row};
use crate::step::{STANDARD, Step};
use crate::text;

#[derive(Debug, Clone)]
pub struct Sheet {
    pub title: String,
    pub upstream: String,
    pub config: String,
    /// Its rows are many, and each has a path of its own.
    pub is_product: bool,
    pub rows: Vec<Row>,
}

/// One file of rows: they share a proxy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SheetText {
    /// What the rows are about, for the report.
    title: String,
    /// More lines of `[upstream]`.
    #[serde(default)]
    upstream: String,
    /// `[[route]]`s and other tables; the endpoint and the fence's route are added.
    config: String,
    row: Vec<RowText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    name: String,
    request: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    framing: Framing,
    /// The backend keeps its connection open after the answer.
    #[serde(default)]
    keep: bool,
    steps: Option<Vec<String>>,
    #[serde(default)]
    client: Client,
    #[serde(default)]
    events: Vec<String>,
    outcome: Option<String>,
    record: Option<String>,
    /// How each exchange ends, for `restcast explain`: whole, cut, lost, unsent, or half: the end of the
    /// connection came too early, and nothing tells.
    #[serde(default = "whole")]
    ending: String,
    limit: Option<String>,
    /// The row stands for one of each of these: `{name}` in its texts is the value.
    #[serde(default)]
    each: BTreeMap<String, Vec<String>>,
}

fn whole() -> String {
    "whole".to_owned()
}

/// Every sheet of `tests/rows`, in the order of the files' names.
pub fn sheets() -> Vec<Sheet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.retain(|path| path.file_stem().is_some_and(|name| name != "product"));
    files.iter().map(|path| sheet(path)).collect()
}

fn sheet(path: &Path) -> Sheet {
    let source = std::fs::read_to_string(path).unwrap();
    let sheet: SheetText =
        toml::from_str(&source).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = sheet.row.iter().flat_map(RowText::read_each).collect();
    Sheet { title: sheet.title, upstream: sheet.upstream, config: sheet.config, is_product: false, rows }
}

impl RowText {
    /// The row, or one for each combination of its lists.
    fn read_each(&self) -> Vec<Row> {
        let mut combinations = vec![Vec::new()];
        for (name, values) in &self.each {
            let with = |before: &Vec<(String, String)>| -> Vec<_> {
                let one = |value: &String| [before.as_slice(), &[(name.clone(), value.clone())]].concat();
                values.iter().map(one).collect()
            };
            combinations = combinations.iter().flat_map(with).collect();
        }
        combinations.iter().map(|values| self.read(values)).collect()
    }

    fn read(&self, values: &[(String, String)]) -> Row {
        let fill = |text: &String| {
            values
                .iter()
                .fold(text.clone(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let (line, headers, body) = parts(&fill(&self.request));
        let (method, target) = line.split_once(' ').unwrap_or_else(|| panic!("{}: no path", self.name));
        let request = Request { method: method.to_owned(), target: target.to_owned(), headers, body };
        let (status, headers, body) = parts(&fill(&self.answer));
        let framing = values.iter().find(|(name, _)| name == "framing");
        let framing = framing.map_or(self.framing, |(_, value)| Framing::named(value));
        let steps: Vec<String> = match &self.steps {
            Some(steps) => steps.iter().map(fill).collect(),
            None => STANDARD.iter().map(|step| (*step).to_owned()).collect(),
        };
        let events: Vec<String> = self.events.iter().map(fill).collect();
        let outcome = self.outcome.clone().unwrap_or_else(|| usual_outcome(&events).to_owned());
        let which: Vec<String> = values.iter().map(|(_, value)| value.clone()).collect();
        Row {
            name: if which.is_empty() {
                self.name.clone()
            } else {
                format!("{} ({})", self.name, which.join(", "))
            },
            steps: steps.iter().map(|step| Step::read(step)).collect(),
            request,
            answer: Answer { status, headers, body, framing, keep: self.keep },
            client: self.client.clone(),
            expected: Expected {
                events,
                outcomes: outcome.split(' ').filter(|name| *name != "none").map(ToOwned::to_owned).collect(),
                record: self.record.as_deref().map(text::bytes),
            },
            endings: self.ending.split(' ').map(ToOwned::to_owned).collect(),
            limit: self.limit.clone(),
        }
    }
}

/// The outcome that goes with such events unless a row says otherwise.
fn usual_outcome(events: &[String]) -> &'static str {
    match events {
        [] => "refused",
        [event, ..] if event.ends_with("uncertain") => "uncertain",
        [event, ..] if event.starts_with("delete") || !event.contains(" changed") => "event",
        _ => "no_record",
    }
}

/// First line, fields and body of a message in a table.
fn parts(message: &str) -> (String, Vec<String>, Vec<u8>) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    let mut lines = head.trim_start().lines().map(ToOwned::to_owned);
    let line = lines.next().unwrap_or_default();
    (
        line,
        lines.filter(|line| !line.is_empty()).collect(),
        text::bytes(body.strip_suffix('\n').unwrap_or(body)),
    )
}
