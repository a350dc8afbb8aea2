//! Of which models the bodies of requests are kept: no more than dialects ask for.

use std::collections::HashSet;

use super::Routes;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) enum Kept {
    #[default]
    Nothing,
    /// By their names in lower case.
    Of(HashSet<String>),
    Everything,
}

impl Kept {
    pub(super) fn has(&self, model: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Of(models) => models.contains(&model.to_lowercase()),
            Self::Everything => true,
        }
    }
}

impl Routes {
    /// Has captures keep the bodies of requests that write one of these models, besides those asked for before.
    /// The case of names does not matter, and models that no route has are asked for in vain.
    pub fn keep_requests<'a>(&mut self, models: impl IntoIterator<Item = &'a str>) {
        let models = models.into_iter().map(str::to_lowercase);
        match &mut self.kept {
            Kept::Nothing => self.kept = Kept::Of(models.collect()),
            Kept::Of(asked) => asked.extend(models),
            Kept::Everything => {}
        }
    }

    /// The same for all models, also for those that paths name.
    pub fn keep_all_requests(&mut self) {
        self.kept = Kept::Everything;
    }
}
