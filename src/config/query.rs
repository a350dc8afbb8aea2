//! `[route.query]`: how the backend is asked for the records of a route.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use toml::de::DeValue;

use super::reader::Section;
use super::setting::{Setting, word};
use crate::query::{
    Endpoint, ItemsTotal, Lines, Operator, PRESETS, Preset, Settings, Template, TemplateError, Translation,
    Unsupported,
};
use crate::route::{Pattern, Pointer};

/// What stands in the templates of conditions.
const CONDITION: &[&str] = &["column", "operator", "value", "values", "low", "high"];
const PART: &[&str] = &["limit", "offset", "end"];
const PAGE: &[&str] = &["page", "page0", "limit"];

/// A template, by its key, and what may stand in it.
const SLOTS: [(&str, &[&str]); 11] = [
    ("filters", &["filters"]),
    ("or_group", &["conditions"]),
    ("columns", &["columns"]),
    ("sort", &["sort", "columns", "directions"]),
    ("sort_item", &["-", "column", "direction"]),
    ("limit", PART),
    ("offset", PART),
    ("page", PAGE),
    ("preload", &["relations"]),
    ("preload_one", &["relations"]),
    ("filter_default", CONDITION),
];

/// The table, with what its preset says.
struct Table<'a> {
    section: &'a Section<'a>,
    preset: &'static Preset,
}

/// Reads the table of a route, if it has one; `pattern`: the route's path.
pub(super) fn settings(route: &Section<'_>, pattern: Option<&Pattern>) -> Option<Settings> {
    let section = route.table("query", "route.query");
    let presets: Vec<(&str, &'static Preset)> = PRESETS.iter().map(|preset| (preset.name, preset)).collect();
    let preset = section.read("preset", |value| word(value, &presets)).unwrap_or_else(Preset::none);
    let name = |key| section.read(key, name);
    let (entity, schema) = (name("entity").flatten(), name("schema").flatten());
    let fields = section.get("fields", Vec::new());
    let relations = section.get("relations", Vec::new());
    let table = Table { section: &section, preset };
    let translation = table.translation(pattern);
    let is_there = route.has("query");
    section.finish();
    is_there.then_some(Settings { entity, schema, fields, relations, translation })
}

impl Table<'_> {
    fn translation(&self, pattern: Option<&Pattern>) -> Translation {
        let template = |key| self.template(key);
        let endpoint = |key| self.endpoint(key, pattern);
        Translation {
            list: endpoint("list"),
            item: endpoint("item"),
            create: endpoint("create"),
            update: endpoint("update"),
            delete: endpoint("delete"),
            body: self.body(),
            filter: self.templates("filter", self.preset.filter),
            filter_default: template("filter_default"),
            or_filter: self.templates("or_filter", self.preset.or_filter),
            or_filter_default: template("or_filter_default"),
            operators: self.section.read("operators", operators).unwrap_or_default(),
            or_group: template("or_group"),
            filters: template("filters"),
            repeated_filters: self.section.get("repeated_filters", self.preset.repeated_filters),
            columns: template("columns"),
            sort: template("sort"),
            sort_item: template("sort_item"),
            limit: template("limit"),
            offset: template("offset"),
            page: template("page"),
            preload: template("preload"),
            preload_one: template("preload_one"),
            total: self.text("total", ItemsTotal::parse),
            counts_forced: self.section.get("counts_forced", false),
            items: self.text("items", Pointer::parse),
            record: self.text("record", Pointer::parse),
            inner: self.text("inner", Pointer::parse),
            whole_lists: self.section.read("whole_lists", whole_lists).flatten().or(self.preset.whole_lists),
            headers: self.headers(),
            error: self.errors(),
            on_unsupported: self.section.read("on_unsupported", unsupported).unwrap_or_default(),
        }
    }

    /// What the file says, else the preset; an empty text is nothing.
    fn text<T>(&self, key: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let nothing_or = |text: &str| if text.is_empty() { Ok(None) } else { read(text).map(Some) };
        let said = self.section.read(key, |value| nothing_or(&String::read(value)?));
        if self.section.has(key) {
            return said.flatten();
        }
        // What the presets say can be read; a test sees to it.
        line(self.preset.options, key).and_then(|text| nothing_or(text).ok()).flatten()
    }

    /// A body is a template of its own kind: what stands around the data.
    fn body(&self) -> Option<(String, String)> {
        self.text("body", body).flatten()
    }

    fn template(&self, key: &'static str) -> Option<Template> {
        let slots = SLOTS.iter().find(|(name, _)| *name == key).map_or(CONDITION, |(_, slots)| *slots);
        self.text(key, |text| template(text, slots))
    }

    fn endpoint(&self, key: &'static str, pattern: Option<&Pattern>) -> Option<Endpoint> {
        let mut slots: Vec<&str> = pattern.into_iter().flat_map(Pattern::parameters).collect();
        if matches!(key, "item" | "update" | "delete") && !slots.contains(&"id") {
            slots.push("id");
        }
        self.text(key, |text| Endpoint::parse(text, &slots))
    }

    /// A table of conditions: what the file says counts before the preset's.
    fn templates(&self, key: &'static str, preset: Lines) -> BTreeMap<Operator, Template> {
        let of_preset = preset.iter().filter_map(|(name, text)| {
            let operator = operator(name).ok()?;
            Some((operator, Some(template(text, CONDITION).ok()?)))
        });
        let mut all: BTreeMap<Operator, Option<Template>> = of_preset.collect();
        all.extend(self.section.read(key, conditions).unwrap_or_default());
        all.into_iter().filter_map(|(operator, template)| Some((operator, template?))).collect()
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let of_preset = self.preset.headers.iter().filter_map(|(name, value)| header(name, value).ok());
        let said = self.section.read("headers", |value| {
            entries(value, "{ Prefer = \"count=exact\" }")?
                .into_iter()
                .map(|(name, value)| header(&name, &value))
                .collect()
        });
        said.unwrap_or_else(|| of_preset.collect())
    }

    fn errors(&self) -> Vec<Pointer> {
        let said = self.section.read("error", |value| {
            Vec::<String>::read(value)?.iter().map(|text| Pointer::parse(text)).collect()
        });
        let of_preset = || line(self.preset.options, "error").and_then(|text| Pointer::parse(text).ok());
        said.unwrap_or_else(|| of_preset().into_iter().collect())
    }
}

fn line(lines: Lines, key: &str) -> Option<&'static str> {
    lines.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
}

fn name(value: &DeValue<'_>) -> Result<Option<String>, String> {
    let name = String::read(value)?;
    let is_long = name.len() > 128 || name.chars().any(char::is_control);
    if is_long {
        Err("a name of up to 128 bytes".to_owned())
    } else {
        Ok(Some(name).filter(|n| !n.is_empty()))
    }
}

fn template(text: &str, slots: &[&str]) -> Result<Template, String> {
    Template::parse(text, slots).map_err(|TemplateError(expected)| expected)
}

fn operator(name: &str) -> Result<Operator, String> {
    let found = Operator::ALL.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator);
    found.ok_or_else(|| {
        let known: Vec<&str> = Operator::ALL.iter().map(|(name, _)| *name).collect();
        format!("a table with keys of {}; found \"{name}\"", known.join(", "))
    })
}

/// `{ eq = "{column}={value}" }`; an empty text takes back what a preset says.
fn conditions(value: &DeValue<'_>) -> Result<Vec<(Operator, Option<Template>)>, String> {
    let entries = entries(value, "{ eq = \"{column}={value}\" }")?;
    let read = |(name, text): (String, String)| {
        let template = if text.is_empty() { None } else { Some(template(&text, CONDITION)?) };
        Ok((operator(&name)?, template))
    };
    entries.into_iter().map(read).collect()
}

fn operators(value: &DeValue<'_>) -> Result<BTreeMap<Operator, String>, String> {
    let entries = entries(value, "{ gte = \"ge\" }")?;
    entries.into_iter().map(|(name, text)| Ok((operator(&name)?, text))).collect()
}

/// A table of texts.
fn entries(value: &DeValue<'_>, example: &str) -> Result<Vec<(String, String)>, String> {
    let expected = || format!("a table of texts, such as {example}");
    let table = value.as_table().ok_or_else(expected)?;
    let entry = |(name, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        let text = value.get_ref().as_str().ok_or_else(expected)?;
        Ok((name.get_ref().to_string(), text.to_owned()))
    };
    table.iter().map(entry).collect()
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let read = || Some((name.parse().ok()?, value.parse().ok()?));
    read().ok_or_else(|| format!("headers and their values; found \"{name}\""))
}

/// JSON in which `{data}` stands once; an empty text is the data alone.
fn body(text: &str) -> Result<Option<(String, String)>, String> {
    if text.is_empty() || text == "{data}" {
        return Ok(None);
    }
    let expected = || "JSON with {data} in it, such as '{\"data\":{data}}'".to_owned();
    let (before, behind) = text.split_once("{data}").ok_or_else(expected)?;
    let is_json = crate::event::Json::parse(&format!("{before}{{}}{behind}")).is_some();
    if is_json { Ok(Some((before.to_owned(), behind.to_owned()))) } else { Err(expected()) }
}

fn whole_lists(value: &DeValue<'_>) -> Result<Option<bool>, String> {
    let said = || value.as_bool().map(Some).ok_or_else(|| "\"auto\", true or false".to_owned());
    if value.as_str() == Some("auto") { Ok(None) } else { said() }
}

fn unsupported(value: &DeValue<'_>) -> Result<Unsupported, String> {
    word(
        value,
        &[
            ("post_filter", Unsupported::PostFilter),
            ("error", Unsupported::Error),
            ("ignore", Unsupported::Ignore),
        ],
    )
}
