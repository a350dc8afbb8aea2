//! What readers want, where they say it by messages after the handshake.

/// What a reader wants.
#[derive(Debug)]
pub(crate) enum Wish {
    /// It says nothing: its URL says it.
    Silent,
    /// `fastcms`: everything of this collection.
    All(String),
    /// The records of it whose `post_id` is [`WANTED`].
    Wanted(String),
    /// The records of it that have another `post_id`, each reader a different one.
    Other(String),
    /// Socket.IO: to come into the namespace `/admin` with this token.
    Admin(String),
}

/// The `post_id` of each record that is written.
pub(crate) const WANTED: usize = 0;

/// What is said after the handshake.
#[derive(Debug)]
pub(crate) struct Saying {
    /// What the server says first.
    pub(crate) opening: Option<&'static str>,
    pub(crate) message: String,
    /// What its answer holds.
    pub(crate) answer: &'static str,
}

impl Wish {
    /// What the reader with this number says.
    pub(crate) fn saying(&self, index: usize) -> Option<Saying> {
        let (collection, value) = match self {
            Self::Silent => return None,
            Self::Admin(token) => {
                let message = format!(r#"40/admin,{{"token":"{token}"}}"#);
                return Some(Saying { opening: Some(r#"0{"sid":"#), message, answer: r#"40/admin,{"sid":"# });
            }
            Self::All(collection) => (collection, None),
            Self::Wanted(collection) => (collection, Some(WANTED)),
            Self::Other(collection) => (collection, Some(WANTED + 1 + index)),
        };
        let filter = value.map_or("null".to_owned(), |value| format!(r#"{{"post_id":{value}}}"#));
        let message = format!(r#"{{"action":"subscribe","collection":"{collection}","filter":{filter}}}"#);
        Some(Saying { opening: None, message, answer: r#""type":"subscribed""# })
    }
}
