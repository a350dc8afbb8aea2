//! One segment of a pattern.

use std::borrow::Cow;

use crate::route::path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::route) enum Segment {
    Constant(String),
    Parameter(String),
    /// OData's `Authors({id})` (Part 2: URL Conventions, section 4.3.1).
    Parenthesised {
        constant: String,
        name: String,
    },
}

impl Segment {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return parameter_name(name, text).map(Self::Parameter);
        }
        if let Some((constant, name)) = text.strip_suffix("})").and_then(|rest| rest.split_once("({"))
            && !constant.is_empty()
        {
            let name = parameter_name(name, text)?;
            return Self::constant(constant).map(|constant| Self::Parenthesised { constant, name });
        }
        Self::constant(text).map(Self::Constant)
    }

    fn constant(text: &str) -> Result<String, String> {
        if text.contains(['{', '}']) {
            return Err(format!(
                "\"{{name}}\" as a whole segment between slashes, or in parentheses at the end of one \
                 (\"Authors({{id}})\"); found \"{text}\""
            ));
        }
        if text.is_empty() {
            return Err("no empty segment (\"//\")".to_owned());
        }
        let constant = path::decode(text).map(Cow::into_owned).ok_or_else(|| "UTF-8".to_owned())?;
        // Backends take them for steps, so no path that holds one matches anything.
        if constant == "." || constant == ".." {
            return Err(format!("no segment \".\" or \"..\"; found \"{text}\""));
        }
        Ok(constant)
    }

    pub(in crate::route) fn name(&self) -> Option<&str> {
        match self {
            Self::Parameter(name) | Self::Parenthesised { name, .. } => Some(name),
            Self::Constant(_) => None,
        }
    }
}

fn parameter_name(name: &str, segment: &str) -> Result<String, String> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        Ok(name.to_owned())
    } else {
        Err(format!("\"{{name}}\" of letters, digits and _; found \"{segment}\""))
    }
}
