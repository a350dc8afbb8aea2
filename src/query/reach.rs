//! What a query reaches beyond the records that it asks for.

use super::{Query, Resource, Resources};
use crate::rules::{Guarded, Refusal, Rules};

impl Resources {
    /// There are rules that a query may pass by.
    pub fn has_guarded(&self) -> bool {
        !self.guarded.is_empty()
    }

    /// Whether a query leads to no records about which there are rules by way of another resource: a preload, a
    /// column inside a relation, or a parameter by which the backend embeds one.
    ///
    /// # Errors
    /// The name that does.
    pub fn check_reach(&self, resource: &Resource, query: &Query) -> Result<(), Refusal> {
        if self.guarded.is_empty() {
            return Ok(());
        }
        query.preload.iter().try_for_each(|name| self.guarded.check_relation(name))?;
        let conditions = || query.filters.iter().flatten().filter(|condition| !condition.required);
        let compared = conditions().map(|condition| &condition.column);
        let sorted = query.sort.iter().map(|sort| &sort.column);
        let is_listed = |name: &str| resource.columns.iter().any(|column| column == name);
        compared
            .chain(sorted)
            .chain(&query.columns)
            .filter(|name| !is_listed(name))
            .try_for_each(|name| self.guarded.check_column(name))?;
        let embeds = |value: &crate::event::Json| self.guarded.is_in(value.as_str());
        let embedding = conditions()
            .find(|condition| !is_listed(&condition.column) && condition.value.as_ref().is_some_and(embeds));
        embedding.map_or(Ok(()), |condition| Err(Refusal::unlisted(&condition.column)))
    }

    /// The names of what has rules that a request for something else would pass by.
    pub(super) fn guard(&self) -> Guarded {
        let is_guarded =
            |rules: &Rules| !rules.masks.is_empty() || !rules.forced.is_empty() || rules.operations.is_some();
        let names = |guarded: bool| {
            let wanted = self.named.values().flatten();
            let wanted =
                wanted.filter(move |resource| is_guarded(self.rules.find(&resource.model)) == guarded);
            wanted.flat_map(|resource| [&*resource.entity, &*resource.model])
        };
        let models = self.rules.models().filter(|(_, rules)| is_guarded(rules)).map(|(model, _)| model);
        let is_open = !self.open.is_empty() && is_guarded(self.rules.of_open());
        Guarded::new(names(true).chain(models), is_open.then(|| names(false)))
    }
}
