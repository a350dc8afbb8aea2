//! Path patterns such as `/api/authors/{author_id}/books/{id}` and `/odata/Authors({id})`.

use std::borrow::Cow;

use super::path::{self, KEY_FOLLOWS};

/// A path pattern: constant segments, `{name}` segments, and `Constant({name})` segments as OData writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub(super) segments: Vec<Segment>,
    /// The numbers of the parameters that make up the id, in the order of its parts.
    pub(super) key: Vec<usize>,
    /// The number of the parameter that names the model, where the path does.
    model: Option<usize>,
}

/// The number of a parameter, and whether it stands in parentheses.
pub(super) type Parameter = (usize, bool);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Constant(String),
    Parameter(String),
    /// OData's `Authors({id})` (Part 2: URL Conventions, section 4.3.1).
    Parenthesised {
        constant: String,
        name: String,
    },
}

impl Pattern {
    /// Reads a pattern; `{id}`, if it is there, is the id. A trailing slash says nothing.
    ///
    /// # Errors
    /// What is wrong with it and how it should look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a path that starts with \"/\", such as \"/api/authors/{id}\"".to_owned());
        };
        if rest.contains(['?', '#']) || path::is_reserved(rest) {
            return Err("a path without \"?\" and \"#\"".to_owned());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments = rest.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        let mut pattern = Self { segments, key: Vec::new(), model: None };
        pattern.check_names()?;
        pattern.key = pattern.number("id").into_iter().collect();
        Ok(pattern)
    }

    fn check_names(&self) -> Result<(), String> {
        let names: Vec<&str> = self.names().collect();
        let twice = names.iter().enumerate().find(|(i, name)| names.iter().take(*i).any(|n| n == *name));
        match twice {
            Some((_, name)) => Err(format!("each name once; {{{name}}} stands there twice")),
            None => Ok(()),
        }
    }

    /// The parameters' names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::name)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.names().position(|other| other == name)
    }

    /// Makes the parameters of these names the id of `parts` parts: one for each part, or one for all.
    ///
    /// # Errors
    /// Names that the path does not have, or another number of them.
    pub fn set_key(&mut self, names: &[String], parts: usize) -> Result<(), String> {
        if names.len() != 1 && names.len() != parts {
            return Err(format!("one name, or one for each of the {parts} pointers of id"));
        }
        if names.iter().enumerate().any(|(i, name)| names.iter().take(i).any(|other| other == name)) {
            return Err("each name once".to_owned());
        }
        let numbers: Option<Vec<usize>> = names.iter().map(|name| self.number(name)).collect();
        self.key =
            numbers.ok_or_else(|| format!("names of parameters of the path, which has {}", self.known()))?;
        Ok(())
    }

    /// Makes the parameter of this name the model's name. To be called when the parts of the id are known.
    ///
    /// # Errors
    /// A name that the path does not have, or that is part of the id.
    pub fn set_model(&mut self, name: &str) -> Result<(), String> {
        let number = self.number(name);
        let number = number
            .ok_or_else(|| format!("the name of a parameter of the path, which has {}", self.known()))?;
        if self.key.contains(&number) {
            return Err(format!("a parameter that is no part of the id, and {{{name}}} is one (see key)"));
        }
        self.model = Some(number);
        Ok(())
    }

    /// A parameter of it is the model's name.
    pub fn names_model(&self) -> bool {
        self.model.is_some()
    }

    fn known(&self) -> String {
        let known: Vec<String> = self.names().map(|name| format!("\"{name}\"")).collect();
        if known.is_empty() { "no parameter".to_owned() } else { known.join(", ") }
    }

    /// Finds the parameters of an id of `parts` parts by itself, where there is only one way to read the path:
    /// a sole `{id}` holds all of it, else the last parameters hold one part each.
    ///
    /// # Errors
    /// What to write, where there is more than one way.
    pub fn find_key(&mut self, parts: usize) -> Result<(), String> {
        let count = self.names().count();
        let ends_with_parameter = self.segments.last().is_some_and(|last| last.name().is_some());
        if parts == 1 || (count == 1 && !self.key.is_empty()) {
            return Ok(());
        }
        if self.key.is_empty() && !ends_with_parameter {
            // A collection, or a path that says nothing of the id.
            return Ok(());
        }
        if self.key.is_empty() && count >= parts {
            self.key = (count - parts..count).collect();
            return Ok(());
        }
        Err(format!(
            "the names of the parameters that are the {parts} parts of the id, or of the one that holds all"
        ))
    }

    /// The patterns of the collection: the same without a last parameter that belongs to the id, or without
    /// the last ones. None where the id is not last.
    pub(super) fn collections(&self) -> Vec<Self> {
        let mut collections = Vec::new();
        let mut rest = self.segments.as_slice();
        while let Some((last, before)) = rest.split_last() {
            let is_key =
                last.name().and_then(|name| self.number(name)).is_some_and(|n| self.key.contains(&n));
            rest = before;
            let mut segments = before.to_vec();
            if let Segment::Parenthesised { constant, .. } = last {
                segments.push(Segment::Constant(constant.clone()));
                rest = &[];
            }
            if !is_key || segments.is_empty() {
                break;
            }
            collections.push(Self { segments, key: Vec::new(), model: self.model });
        }
        collections
    }

    /// The parameters that make up the id.
    pub(super) fn key(&self) -> Vec<Parameter> {
        self.key.iter().map(|number| self.parameter(*number)).collect()
    }

    /// The parameter that names the model.
    pub(super) fn model(&self) -> Option<Parameter> {
        self.model.map(|number| self.parameter(number))
    }

    fn parameter(&self, number: usize) -> Parameter {
        let mut parameters = self.segments.iter().filter(|segment| segment.name().is_some());
        (
            number,
            parameters.nth(number).is_some_and(|segment| matches!(segment, Segment::Parenthesised { .. })),
        )
    }

    /// The pattern as the router wants it: names replaced by numbers, so that `{id}` and `{author_id}`
    /// at one place are the same; and a key in parentheses split off, since the router knows parameters that
    /// are part of a segment only in some constellations.
    pub(super) fn template(&self) -> String {
        let mut parameters = 0..;
        let constant = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let segment = |segment: &Segment| match segment {
            Segment::Constant(text) => format!("/{}", constant(text)),
            Segment::Parameter(_) => format!("/{{p{}}}", parameters.next().unwrap_or_default()),
            Segment::Parenthesised { constant: text, .. } => {
                format!("/{}{KEY_FOLLOWS}/{{p{}}}", constant(text), parameters.next().unwrap_or_default())
            }
        };
        self.segments.iter().map(segment).collect()
    }

    /// How specific it is, segment by segment: the smaller wins.
    pub(super) fn rank(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Constant(_) => 0,
            Segment::Parenthesised { .. } => 1,
            Segment::Parameter(_) => 2,
        };
        self.segments.iter().map(rank).collect()
    }

    /// It has a key in parentheses.
    pub(super) fn is_split(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::Parenthesised { .. }))
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
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

    pub(super) fn name(&self) -> Option<&str> {
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
