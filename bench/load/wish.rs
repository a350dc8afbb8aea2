//! What readers of the dialect `fastcms` subscribe to, by a message after the handshake.

/// What a reader wants.
#[derive(Debug)]
pub(crate) enum Wish {
    /// It says nothing: its URL says it.
    Silent,
    /// Everything of this collection.
    All(String),
    /// The records of it whose `post_id` is [`WANTED`].
    Wanted(String),
    /// The records of it that have another `post_id`, each reader a different one.
    Other(String),
}

/// The `post_id` of each record that is written.
pub(crate) const WANTED: usize = 0;

impl Wish {
    /// The message of the reader with this number.
    pub(crate) fn message(&self, index: usize) -> Option<String> {
        let (collection, value) = match self {
            Self::Silent => return None,
            Self::All(collection) => (collection, None),
            Self::Wanted(collection) => (collection, Some(WANTED)),
            Self::Other(collection) => (collection, Some(WANTED + 1 + index)),
        };
        let filter = value.map_or("null".to_owned(), |value| format!(r#"{{"post_id":{value}}}"#));
        Some(format!(r#"{{"action":"subscribe","collection":"{collection}","filter":{filter}}}"#))
    }
}
