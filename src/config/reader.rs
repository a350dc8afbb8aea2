//! Reads TOML key by key and collects every problem, so that one run names them all.

use std::cell::RefCell;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::setting::Setting;

/// Keys with this in their name hold what stays out of messages.
const SECRET: &str = "secret";
/// Longer values are cut in messages.
const SHOWN_CHARS: usize = 60;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1; 0 where something is missing altogether.
    pub line: usize,
    /// Dotted key, such as `route[1].path`.
    pub key: String,
    /// The value as it stands in the file; empty where there is none.
    pub value: String,
    /// What is wrong, or what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}: ", self.line)?;
        }
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => write!(f, "{}", self.message),
            (false, true) => write!(f, "{}: {}", self.key, self.message),
            (false, false) => write!(f, "{} = {}: {}", self.key, self.value, self.message),
        }
    }
}

/// A file being read.
pub(super) struct Reader<'a> {
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
    /// Every `table.key` that was asked for: the options there are.
    asked: RefCell<Vec<(String, &'static str)>>,
}

/// One table of the file, or the place where it could be.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    name: String,
    kind: &'static str,
    table: Option<&'a DeTable<'a>>,
    line: usize,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, problems: RefCell::default(), asked: RefCell::default() }
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn report(&self, line: usize, key: &str, value: &str, message: impl Into<String>) {
        // Names and values may hold line breaks; a problem is one line.
        let plain = |text: &str| text.replace(char::is_control, " ");
        let problem = Problem { line, key: plain(key), value: plain(value), message: plain(&message.into()) };
        self.problems.borrow_mut().push(problem);
    }

    /// The table `[name]` of `root`.
    pub(super) fn section(&'a self, root: &'a DeTable<'a>, name: &'static str) -> Section<'a> {
        let value = root.get(name);
        if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
            let line = self.line(value.span().start);
            self.report(line, name, &self.shown(value), format!("expected a table: [{name}]"));
        }
        self.open(name.to_owned(), name, value)
    }

    /// Each `[[name]]` of `root`.
    pub(super) fn sections(&'a self, root: &'a DeTable<'a>, name: &'static str) -> Vec<Section<'a>> {
        let Some(value) = root.get(name) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array().filter(|a| a.iter().all(|v| v.get_ref().is_table()))
        else {
            let line = self.line(value.span().start);
            self.report(line, name, &self.shown(value), format!("expected tables: [[{name}]]"));
            return Vec::new();
        };
        let open = |(i, value)| self.open(format!("{name}[{}]", i + 1), name, Some(value));
        array.iter().enumerate().map(open).collect()
    }

    /// The table `[outer.inner]`, or each `[[outer.inner]]`.
    pub(super) fn nested(
        &'a self,
        root: &'a DeTable<'a>,
        outer: &'static str,
        inner: &'static str,
        kind: &'static str,
    ) -> Vec<Section<'a>> {
        let Some(value) = root.get(outer) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            let line = self.line(value.span().start);
            self.report(line, outer, &self.shown(value), format!("expected a table: [{kind}]"));
            return Vec::new();
        };
        self.refuse_unknown(table, &[inner]);
        let Some(value) = table.get(inner) else { return Vec::new() };
        let tables = value.get_ref().as_array().filter(|list| list.iter().all(|v| v.get_ref().is_table()));
        if let Some(tables) = tables {
            let open = |(i, value)| self.open(format!("{kind}[{}]", i + 1), kind, Some(value));
            return tables.iter().enumerate().map(open).collect();
        }
        if !value.get_ref().is_table() {
            let line = self.line(value.span().start);
            self.report(line, kind, "", format!("expected a table: [{kind}], or several: [[{kind}]]"));
            return Vec::new();
        }
        vec![self.open(kind.to_owned(), kind, Some(value))]
    }

    fn open(
        &'a self,
        name: String,
        kind: &'static str,
        value: Option<&'a Spanned<DeValue<'a>>>,
    ) -> Section<'a> {
        Section {
            reader: self,
            name,
            kind,
            table: value.and_then(|value| value.get_ref().as_table()),
            line: value.map_or(0, |value| self.line(value.span().start)),
            known: RefCell::default(),
        }
    }

    /// Tables that mean nothing.
    pub(super) fn refuse_unknown(&self, root: &DeTable<'_>, known: &[&str]) {
        for key in root.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            self.report(self.line(key.span().start), name, "", unknown("table", name, known));
        }
    }

    fn shown(&self, value: &Spanned<DeValue<'_>>) -> String {
        let text = self.text.get(value.span()).unwrap_or_default();
        match text.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| text.get(..end)) {
            Some(start) => format!("{start}…"),
            None => text.to_owned(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        // What several endpoints of one table found is said once.
        problems.dedup();
        problems
    }

    #[cfg(test)]
    pub(super) fn asked(&self) -> Vec<(String, &'static str)> {
        self.asked.borrow().clone()
    }
}

impl Section<'_> {
    /// Each `[[kind]]`, the tables that are listed at `key`.
    pub(super) fn tables(&self, key: &'static str, kind: &'static str) -> Vec<Self> {
        self.known.borrow_mut().push(key);
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return Vec::new() };
        let Some(tables) =
            value.get_ref().as_array().filter(|list| list.iter().all(|v| v.get_ref().is_table()))
        else {
            let line = self.reader.line(value.span().start);
            self.reader.report(line, kind, "", format!("expected tables: [[{kind}]]"));
            return Vec::new();
        };
        let open = |(i, value)| self.reader.open(format!("{kind}[{}]", i + 1), kind, Some(value));
        tables.iter().enumerate().map(open).collect()
    }

    /// The table at `key`, or the place where it could be; `kind`: what it is called.
    pub(super) fn table(&self, key: &'static str, kind: &'static str) -> Self {
        self.known.borrow_mut().push(key);
        let value = self.table.and_then(|table| table.get(key));
        if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
            let line = self.reader.line(value.span().start);
            self.reader.report(line, &self.key(key), "", format!("expected a table: [{kind}]"));
        }
        self.reader.open(self.key(key), kind, value)
    }

    /// The value at `key`, or `default` where there is none. A wrong one is reported and replaced by the
    /// default, so that reading goes on.
    pub(super) fn get<T: Setting>(&self, key: &'static str, default: T) -> T {
        self.read(key, T::read).unwrap_or(default)
    }

    /// The same with a reading of its own.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let is_new = !self.known.borrow().contains(&key);
        if is_new {
            self.known.borrow_mut().push(key);
            self.reader.asked.borrow_mut().push((self.kind.to_owned(), key));
        }
        let value = self.table?.get(key)?;
        match read(value.get_ref()) {
            Ok(value) => Some(value),
            Err(expected) => {
                let line = self.reader.line(value.span().start);
                let message = format!("expected {expected}");
                self.reader.report(line, &self.key(key), &self.shown(key, value), message);
                None
            }
        }
    }

    /// The value at `key`, which must be there.
    pub(super) fn require<T>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if self.table.is_none_or(|table| !table.contains_key(key)) {
            self.reader.report(
                self.line,
                &self.key(key),
                "",
                format!("is missing; for example {key} = {example}"),
            );
        }
        self.read(key, read)
    }

    /// Reports something about a key that was read.
    pub(super) fn report(&self, key: &'static str, message: impl Into<String>) {
        let value = self.table.and_then(|table| table.get(key));
        let line = value.map_or(self.line, |value| self.reader.line(value.span().start));
        let shown = value.map(|value| self.shown(key, value)).unwrap_or_default();
        self.reader.report(line, &self.key(key), &shown, message);
    }

    /// The text at `key`, which is read elsewhere.
    pub(super) fn peek(&self, key: &str) -> Option<&str> {
        self.table?.get(key)?.get_ref().as_str()
    }

    /// Whether the file says it, be it right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A secret is not shown; where it is to be found is.
    fn shown(&self, key: &str, value: &Spanned<DeValue<'_>>) -> String {
        let text = value.get_ref().as_str().unwrap_or_default();
        let is_place = text.starts_with("env:") || text.starts_with("file:");
        // A URL may hold a password, or a key in its query; so may each of a list.
        let written = self.reader.text.get(value.span()).unwrap_or_default();
        let has_login = [text, written].iter().any(|text| text.contains(['@', '?']));
        let may_tell = key.contains(SECRET) || (key.ends_with("url") && has_login);
        if may_tell && !is_place { "…".to_owned() } else { self.reader.shown(value) }
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    /// Nothing more is asked of the table: reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        self.refuse_rest();
    }

    /// Reports the keys that nobody asked for so far.
    pub(super) fn refuse_rest(&self) {
        let known = self.known.borrow();
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref();
            if !known.contains(&name.as_ref()) {
                let line = self.reader.line(key.span().start);
                self.reader.report(line, &self.key(name), "", unknown("key", name, &known));
            }
        }
    }
}

/// Names what was probably meant, else all that there is.
fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let close =
        known.iter().filter(|k| k.starts_with(name) || name.starts_with(**k) || distance(k, name) <= 2);
    match close.min_by_key(|known| distance(known, name)) {
        Some(close) => format!("unknown {what}; did you mean {close}?"),
        None => format!("unknown {what}; there are {}", known.join(", ")),
    }
}

/// Edits from one name to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let cost = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
