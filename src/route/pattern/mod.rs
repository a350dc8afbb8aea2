//! Path patterns such as `/api/authors/{author_id}/books/{id}` and `/odata/Authors({id})`.

mod key;
mod segment;

use super::path::{self, KEY_FOLLOWS};
pub(super) use segment::Segment;

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

    /// The same for whoever writes paths.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.names()
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.names().position(|other| other == name)
    }

    /// A parameter of it is the model's name.
    pub fn names_model(&self) -> bool {
        self.model.is_some()
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

    /// The segment of that number, counted from 1, is a parameter as a whole.
    pub(super) fn has_parameter(&self, number: usize) -> bool {
        let segment = number.checked_sub(1).and_then(|number| self.segments.get(number));
        matches!(segment, Some(Segment::Parameter(_)))
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
