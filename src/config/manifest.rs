//! `manifest` of an `[[endpoint]]`: a file that declares several.

use std::path::Path;

use super::EndpointAuth;
use super::auth::file;
use super::reader::Section;
use super::setting::Setting as _;
use crate::dialect::{self, Declaration, Entry};

/// What a manifest says in place of the endpoint's table.
const SAID: [&str; 2] = ["path", "auth"];

/// What the manifest declares; `None`: the table has none. Nothing, where it is wrong.
pub(super) fn declarations(section: &Section<'_>, folder: &Path) -> Option<Vec<Declaration>> {
    if !section.peek("dialect").is_some_and(dialect::has_manifest) {
        return None;
    }
    let is_said = section.has("manifest") && section.peek("manifest") != Some("");
    let text = section.read("manifest", |value| {
        if !is_said {
            return Ok(String::new());
        }
        let bytes = file(&String::read(value)?, folder)?;
        String::from_utf8(bytes).map_err(|_error| "a file of UTF-8 text".to_owned())
    });
    if !is_said {
        return None;
    }
    for key in SAID.into_iter().filter(|key| section.has(key)) {
        section.get(key, String::new());
        section.report(key, "the manifest says that: leave one out");
    }
    let declarations = text.map_or_else(|| Ok(Vec::new()), |text| dialect::read_manifest(&text));
    Some(declarations.unwrap_or_else(|errors| {
        for error in errors {
            section.report("manifest", error);
        }
        Vec::new()
    }))
}

/// Who is asked for a token at a declared endpoint.
pub(super) fn auth(entry: Entry, has_issuers: bool) -> EndpointAuth {
    match entry {
        Entry::Token => EndpointAuth::Required,
        Entry::TokenOrNone => EndpointAuth::Optional,
        Entry::Anyone if has_issuers => EndpointAuth::Optional,
        Entry::Anyone => EndpointAuth::None,
    }
}
