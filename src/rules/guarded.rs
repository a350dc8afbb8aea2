//! Names of resources about which there are rules: what reaches their records by way of another resource would
//! pass the rules by.

use std::collections::HashSet;

use super::{Column, Refusal, column};

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub struct Guarded {
    names: Vec<Column>,
    /// What is not guarded, where any other name may be that of a collection that is.
    free: Option<HashSet<String>>,
}

impl Guarded {
    /// Takes the names of those with rules. `free`: all others, where a name that is neither may have rules too.
    pub fn new<'a>(
        names: impl IntoIterator<Item = &'a str>,
        free: Option<impl IntoIterator<Item = &'a str>>,
    ) -> Self {
        let both = names.into_iter().flat_map(numbers);
        Self {
            names: both.filter_map(|name| Column::parse(&name).ok()).collect(),
            free: free.map(|free| free.into_iter().flat_map(numbers).collect()),
        }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.free.is_none()
    }

    /// Whether a relation may be asked for.
    ///
    /// # Errors
    /// It is no plain name, or that of something with rules.
    pub fn check_relation(&self, name: &str) -> Result<(), Refusal> {
        let is_free = self.free.as_ref().is_none_or(|free| free.contains(&name.to_lowercase()));
        let is_allowed = column::is_plain(name) && is_free && !self.is_in(name);
        if self.is_empty() || is_allowed { Ok(()) } else { Err(Refusal::column(name)) }
    }

    /// Whether a column may be asked for or compared: `author.salary` and `author__salary` go through `author`.
    ///
    /// # Errors
    /// It is no plain name, or leads through something with rules.
    pub fn check_column(&self, name: &str) -> Result<(), Refusal> {
        let leads = |name: &str| name.contains('.') || name.contains("__");
        let is_allowed = column::is_plain(name) && !(leads(name) && self.is_in(name));
        if self.is_empty() || is_allowed { Ok(()) } else { Err(Refusal::column(name)) }
    }

    /// Whether a text has one of the names in it.
    pub fn is_in(&self, text: &str) -> bool {
        self.names.iter().any(|name| name.is_part_of(text))
    }
}

/// A name as one and as many would have it, in lower case.
fn numbers(name: &str) -> [String; 2] {
    let name = name.to_lowercase();
    let one = name.strip_suffix('s').unwrap_or(&name).to_owned();
    [format!("{one}s"), one]
}
