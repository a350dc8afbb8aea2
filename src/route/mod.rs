//! Routes: which path is which model, and how its answers are read. Built once from the config.

mod address;
mod condition;
mod id;
mod item;
#[cfg(test)]
mod item_tests;
mod key;
mod matched;
mod method;
mod model;
#[cfg(test)]
pub(crate) mod model_tests;
mod path;
mod pattern;
mod pointer;
#[cfg(test)]
mod property_tests;
mod requests;
mod routes;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use http::{HeaderName, Method};

use crate::event::{Json, Operation, Payload};
pub use address::Address;
pub use condition::{Condition, Scalar};
pub use id::{IdSource, IdType, composite};
pub(crate) use item::given;
pub use matched::Matched;
pub use model::{MAX_MODEL_BYTES, Model};
pub use pattern::Pattern;
pub use pointer::Pointer;
pub use routes::Routes;

/// Who may read a route's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// Authenticated readers if the write carried credentials, else everybody.
    Auto,
    /// Everybody.
    Public,
    /// Authenticated readers.
    Authenticated,
    /// Readers with one of these roles.
    Roles(Arc<[String]>),
    /// Readers to whom the record belongs.
    Owner {
        /// The claim that is the owner's name.
        claim: Arc<str>,
        /// Where the record says it.
        field: Pointer,
    },
    /// Readers to whom the backend shows the record.
    Upstream(Payload),
}

impl Visibility {
    /// Whether it shows events to readers only that have proven who they are.
    pub fn needs_identity(&self) -> bool {
        !matches!(self, Self::Auto | Self::Public | Self::Upstream(_))
    }
}

/// One `[[route]]`.
#[derive(Debug)]
pub struct Route {
    /// The pattern as written; also the `route` label of metrics.
    pub path: String,
    /// Parsed form of `path`.
    pub pattern: Pattern,
    /// What it writes.
    pub model: Arc<Model>,
    /// The methods that give events.
    pub methods: Vec<Method>,
    /// Fixed operation; `None`: from the method.
    pub operation: Option<Operation>,
    /// A verb that goes with the events.
    pub action: Option<Arc<str>>,
    /// Where the record stands in an answer.
    pub record: Pointer,
    /// Where the list stands in a bulk answer.
    pub list: Pointer,
    /// Where the record stands in an element of the list.
    pub item: Pointer,
    /// Where an element's own HTTP status stands; `None`: all elements of a list succeeded.
    pub item_status: Option<Pointer>,
    /// Where the id stands in a record.
    pub id: IdSource,
    /// The ids' type.
    pub id_type: IdType,
    /// Allow-list of top-level fields of the record; empty: all.
    pub fields: Vec<String>,
    /// GET answers give events too.
    pub publish_reads: bool,
    /// Who may read the events.
    pub visibility: Visibility,
    /// What the body must say for a success status to be believed.
    pub success_when: Option<Condition>,
    /// Headers by which a POST says that it is another method, since the backend honours them.
    pub method_override: Vec<HeaderName>,
}

impl Route {
    /// Gives an id that was found as text its JSON type (`protocols.md`, section 0.3, rule 4). `numbers`:
    /// the last id of this model was one.
    fn typed_id(&self, text: &str, numbers: impl FnOnce() -> Option<bool>) -> Json {
        let number = match self.id_type {
            _ if self.id.is_composite() => false,
            IdType::Auto => numbers().unwrap_or(true),
            IdType::Integer => true,
            IdType::String => false,
        };
        if number && id::is_canonical_integer(text) {
            Json::from_valid(text.to_owned())
        } else {
            Json::string(text)
        }
    }

    /// What a request with this method does.
    pub fn operation(&self, method: &Method) -> Operation {
        if *method == Method::GET {
            return Operation::Read;
        }
        if let Some(operation) = self.operation {
            return operation;
        }
        match *method {
            Method::DELETE => Operation::Delete,
            Method::POST if self.action.is_none() => Operation::Create,
            _ => Operation::Update,
        }
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.contains(method) || (self.publish_reads && *method == Method::GET)
    }
}
