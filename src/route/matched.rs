//! What a request falls under.

use std::sync::Arc;

use http::Method;

use super::Route;
use super::model::Models;
use crate::event::Json;

/// A request that falls under a route.
#[derive(Debug, Clone)]
pub struct Matched {
    /// The route.
    pub route: Arc<Route>,
    /// Its number, in the order of the config.
    pub index: usize,
    /// What it writes; `None`: a segment of the path names it, and that is over
    /// [`MAX_MODEL_BYTES`](super::MAX_MODEL_BYTES).
    pub model: Option<Arc<str>>,
    /// The id in the path, percent-decoded; `None` for the collection.
    pub id: Option<String>,
    /// What the backend takes the method for: that of the request, or the one that a header put in its place.
    pub method: Method,
    /// The method is one that gives events.
    pub tapped: bool,
    /// Somebody asks for the request's body.
    pub keep_request: bool,
    pub(super) models: Arc<Models>,
}

impl Matched {
    /// Gives an id that was found as text its JSON type: that of the model's ids, as far as it is known.
    pub fn typed_id(&self, text: &str) -> Json {
        self.route.typed_id(text, || match &self.model {
            Some(name) if self.route.pattern.names_model() => self.models.numbers(name),
            Some(_) => self.route.model.numbers(),
            None => None,
        })
    }

    /// Remembers the type of an id of this model that stood in the body of an answer.
    pub fn learn(&self, id: &Json) {
        match &self.model {
            Some(name) if self.route.pattern.names_model() => self.models.learn(name, id),
            Some(_) => self.route.model.learn(id),
            None => {}
        }
    }
}
