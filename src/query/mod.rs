//! What a client asks of a resource, as the HTTP request of the backend that it becomes, and what the answer
//! says (`protocols.md`, sections 5.4 and 5.7). Nothing is sent here.
//!
//! What the backend's query can say is translated by templates ([`Translation`]). What it cannot say is done
//! here, on the list that it answers: by the same [`Filter`](crate::filter::Filter) that subscriptions have.

mod ask;
mod condition;
mod error;
mod options;
mod pages;
mod preset;
mod reach;
mod reading;
mod resources;
mod select;
mod step;
mod template;
#[cfg(test)]
mod tests;
mod translate;
mod translation;
mod untold;

pub use condition::{Condition, Operator};
pub use error::{Failure, QueryError};
pub use options::{Query, Sort};
pub use pages::NextPage;
pub use preset::{Lines, PRESETS, Preset};
pub use reading::{Data, Reading};
pub use resources::{Resource, Resources, Settings};
pub use template::{Template, TemplateError};
pub use translation::{Endpoint, ItemsTotal, Translation, Unsupported};

use crate::event::Json;
use crate::message::Upstream;

/// What a client wants done.
///
/// A query goes with each: where the path has parameters besides the id (`/authors/{author_id}/books/{id}`), its
/// `eq` filters say what they are, or the data does.
#[derive(Debug, Clone, Copy)]
pub enum Wish<'a> {
    /// The records that a query asks for.
    List(&'a Query),
    /// The record of this id; of the query's filters, those that are [required](Query::require) must hold.
    Item {
        /// A JSON string or number.
        id: &'a Json,
        /// Columns and preloads count.
        query: &'a Query,
    },
    /// A new record.
    Create {
        /// What it is to be.
        data: &'a Json,
        /// For parameters of the path.
        query: &'a Query,
    },
    /// A change to a record.
    Update {
        /// A JSON string or number.
        id: &'a Json,
        /// What it is to be.
        data: &'a Json,
        /// For parameters of the path.
        query: &'a Query,
    },
    /// No such record any more.
    Delete {
        /// A JSON string or number.
        id: &'a Json,
        /// For parameters of the path.
        query: &'a Query,
    },
}

impl<'a> Wish<'a> {
    /// What options say beside the wish.
    pub fn query(&self) -> &'a Query {
        match self {
            Self::List(query)
            | Self::Item { query, .. }
            | Self::Create { query, .. }
            | Self::Update { query, .. }
            | Self::Delete { query, .. } => query,
        }
    }
}

/// A request of the backend, and how its answer is to be read.
#[derive(Debug)]
pub struct Asked {
    /// The request.
    pub request: Upstream,
    /// For its answer.
    pub reading: Reading,
    /// What a page does not hold of what was asked for.
    pub next: Option<Box<NextPage>>,
}
