//! Names of columns, as rules have them: regardless of case, since some backends take them so.

const MAX_BYTES: usize = 128;

/// A name as backends take it that see no case in names: Go's `encoding/json` takes `ſ` for `s` too, which is no
/// upper-case letter of anything.
pub(crate) fn fold(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.to_uppercase().to_lowercase() }
}

/// A column that a rule is about; with dots, one inside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    /// In lower case, behind a full stop: how the path to it ends.
    path: String,
}

impl Column {
    /// Reads a name.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(name: &str) -> Result<Self, String> {
        if !is_plain(name) {
            return Err("the name of a column, such as \"salary\"".to_owned());
        }
        Ok(Self { name: name.to_owned(), path: format!(".{}", fold(name)) })
    }

    /// As it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn lower(&self) -> &str {
        self.path.trim_start_matches('.')
    }

    /// The last part of it, in lower case.
    pub(super) fn last(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// `path` leads to it: names in lower case, each behind a full stop, from wherever.
    pub(super) fn ends(&self, path: &str) -> bool {
        path.ends_with(&self.path)
    }

    /// `name` is it, or something inside it.
    pub(super) fn is_around(&self, name: &str) -> bool {
        let name = fold(name);
        name.strip_prefix(self.lower()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// It is inside `name`.
    pub(super) fn is_inside(&self, name: &str) -> bool {
        self.lower().strip_prefix(&fold(name)).is_some_and(|rest| rest.starts_with('.'))
    }

    /// `name` has it as a part: `author.salary` and `salary__gt` have `salary`, `salaryman` has not.
    pub(super) fn is_part_of(&self, name: &str) -> bool {
        let name = fold(name);
        let ends_word = |next: Option<char>| next.is_none_or(|letter| !letter.is_alphanumeric());
        name.match_indices(self.lower()).any(|(at, found)| {
            let before = name.get(..at).unwrap_or_default().chars().next_back();
            let behind = name.get(at + found.len()..).unwrap_or_default().chars().next();
            ends_word(before) && ends_word(behind)
        })
    }
}

/// A name that is nothing but a name in the query of whatever backend.
pub(super) fn is_plain(name: &str) -> bool {
    let is_first = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_next = |letter: char| is_first(letter) || letter == '.' || letter == '-';
    name.len() <= MAX_BYTES && name.starts_with(is_first) && name.chars().all(is_next)
}
