//! JSON pointers (RFC 6901): where in an answer a record, a list or an id stands.

use std::fmt;

/// A parsed pointer. The empty pointer is the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads `/data/items`; `~1` stands for `/` and `~0` for `~`.
    ///
    /// # Errors
    /// Text that is neither empty nor starts with `/`, or has another `~` than those two.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a JSON pointer: empty, or starting with \"/\", such as \"/data\"".to_owned());
        };
        if rest.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
            return Err(
                "a JSON pointer, in which \"~\" is written \"~0\" and a \"/\" in a name \"~1\"".to_owned()
            );
        }
        Ok(Self(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect()))
    }

    /// The steps from the document's root.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}
