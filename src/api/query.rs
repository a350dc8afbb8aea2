//! The parameters of a request's query.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::fault::Fault;

/// Connections in one answer, unless the request says otherwise.
const USUAL_PAGE: usize = 100;
/// Connections in one answer at most.
const LARGEST_PAGE: usize = 1000;

/// What a query says; each parameter at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) user: Option<Arc<str>>,
    pub(super) endpoint: Option<Arc<str>>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<Uuid>,
}

impl Query {
    /// Reads one; `known`: the parameters that there are.
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, Fault> {
        let mut read = Self::default();
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&&*name) {
                return Err(Fault::invalid(format!(
                    "unknown parameter; there are {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                )));
            }
            if seen.contains(&name) {
                return Err(Fault::invalid(format!("{name} is there twice")));
            }
            read.set(&name, &value)?;
            seen.push(name);
        }
        Ok(read)
    }

    pub(super) fn page(&self) -> usize {
        self.limit.unwrap_or(USUAL_PAGE)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match name {
            "user_id" => self.user = Some(user(value)?),
            "endpoint" => self.endpoint = Some(Arc::from(value)),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit <= LARGEST_PAGE);
                let expected = || Fault::invalid(format!("limit: a whole number from 0 to {LARGEST_PAGE}"));
                self.limit = Some(limit.ok_or_else(expected)?);
            }
            _ => {
                let after = Uuid::try_parse(value).ok();
                self.after = Some(after.ok_or_else(|| Fault::invalid("after: the id of a connection"))?);
            }
        }
        Ok(())
    }
}

/// An empty id would be everybody's, and is nobody's.
pub(super) fn user(id: &str) -> Result<Arc<str>, Fault> {
    if id.is_empty() { Err(Fault::invalid("user_id is empty")) } else { Ok(Arc::from(id)) }
}

fn decode(text: &str) -> Result<Cow<'_, str>, Fault> {
    let plain = text.replace('+', " ");
    let decoded = percent_decode_str(&plain).decode_utf8().map(|text| Cow::Owned(text.into_owned()));
    decoded.ok().ok_or_else(|| Fault::invalid("the query is not UTF-8"))
}
