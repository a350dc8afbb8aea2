//! What readers subscribe to.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The name that readers subscribe to: `all`, a model (`author`), or one record of it (`author/42`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Every event of every model.
    pub fn all() -> Self {
        // Each event belongs to it, and as many as are kept would hold one of their own.
        static ALL: LazyLock<Topic> = LazyLock::new(|| Topic::named("all"));
        ALL.clone()
    }

    /// Every event of `model`; its name is not case-sensitive.
    pub fn model(model: &str) -> Self {
        Self(Arc::from(folded(model)))
    }

    /// The same, without a copy of a name of lower-case ASCII.
    pub fn of_model(model: &Arc<str>) -> Self {
        match folded(model) {
            Cow::Borrowed(_) => Self(Arc::clone(model)),
            Cow::Owned(name) => Self(Arc::from(name)),
        }
    }

    /// Every event of one record; the id is case-sensitive.
    pub fn record(model: &str, id: &str) -> Self {
        Self(Arc::from([&*folded(model), "/", id].concat()))
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

/// The name of a model in lower case: names that differ only by case are one model's. Costs next to nothing where it
/// is lower-case ASCII already.
pub(crate) fn folded(model: &str) -> Cow<'_, str> {
    let is_plain = model.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_plain { Cow::Borrowed(model) } else { Cow::Owned(model.to_lowercase()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_case_alone_are_one_topic() {
        for (name, expected) in
            [("author", "author"), ("Author", "author"), ("ÄPFEL", "äpfel"), ("äpfel", "äpfel"), ("", "")]
        {
            assert_eq!(folded(name), expected);
            assert_eq!(folded(name), name.to_lowercase());
            assert_eq!(Topic::of_model(&Arc::from(name)), Topic::model(name));
            assert_eq!(Topic::record(name, "Ä1").name(), format!("{expected}/Ä1"));
        }
    }
}
