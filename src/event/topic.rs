//! What readers subscribe to.

use std::fmt;
use std::sync::Arc;

/// The name that readers subscribe to: `all`, a model (`author`), or one record of it (`author/42`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Every event of every model.
    pub fn all() -> Self {
        Self(Arc::from("all"))
    }

    /// Every event of `model`; its name is not case-sensitive.
    pub fn model(model: &str) -> Self {
        Self(Arc::from(model.to_lowercase()))
    }

    /// Every event of one record; the id is case-sensitive.
    pub fn record(model: &str, id: &str) -> Self {
        Self(Arc::from(format!("{}/{id}", model.to_lowercase())))
    }

    /// Its name; one that [`named`](Self::named) by it is the same.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The one of this name, letter by letter.
    pub fn named(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Reads a name as a client wrote it. Empty means `all`; any other name is accepted, and a name that
    /// no event has stays silent (`protocols.md`, section 1.1).
    pub fn parse(name: &str) -> Self {
        match name.split_once('/') {
            Some((model, id)) => Self::record(model, id),
            None if name.is_empty() => Self::all(),
            None => Self::model(name),
        }
    }

    /// A room of a namespace. No model begins as it does.
    pub fn room(namespace: &str, room: &str) -> Self {
        Self(Arc::from(format!("\u{1}{namespace}\u{1}{room}")))
    }

    /// The namespace and the room that it stands for; `None`: it is no room.
    pub fn as_room(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix('\u{1}')?.split_once('\u{1}')
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
