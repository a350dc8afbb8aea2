//! What a query reaches beyond the records that it asks for.

use super::{Query, Resource, Resources};
use crate::rules::{Refusal, Ruled, Rules};

impl Resources {
    /// Something is kept from this client that a query for something else could reach.
    pub fn keeps_from(&self, ruled: &Ruled<'_>) -> bool {
        self.rules.keeping().iter().any(|rules| ruled.is_kept_from_by(rules))
    }

    /// Whether a query says no more than names that the config lists: any other one may be a relation under
    /// whatever name, a column inside one, or a parameter by which the backend embeds one, and so lead to records
    /// that are kept from this client.
    ///
    /// # Errors
    /// The name that is not listed.
    pub fn check_reach(&self, resource: &Resource, query: &Query, ruled: &Ruled<'_>) -> Result<(), Refusal> {
        if !self.keeps_from(ruled) {
            return Ok(());
        }
        let is_relation = |name: &&String| resource.relations.contains(name);
        if let Some(name) = query.preload.iter().find(|name| !is_relation(name)) {
            return Err(Refusal::relation(name));
        }
        let parameters = resource.parameters();
        let is_listed = |name: &&String| resource.columns.contains(name) || parameters.contains(name);
        let conditions = query.filters.iter().flatten().filter(|condition| !condition.required);
        let compared = conditions.map(|condition| &condition.column);
        let sorted = query.sort.iter().map(|sort| &sort.column);
        // What is shown alone is found here too, so that it says nothing to the backend but its name.
        let leading = query.columns.iter().filter(|name| !Rules::is_own(name));
        let unlisted = compared.chain(sorted).chain(leading).find(|name| !is_listed(name));
        unlisted.map_or(Ok(()), |name| Err(Refusal::unlisted(name)))
    }

    /// The paths of routes whose records clients can neither filter nor sort, since rules keep something from some
    /// and nothing says which fields there are.
    pub fn unlisted(&self) -> impl Iterator<Item = &str> {
        let is_ruled = !self.rules.keeping().is_empty();
        let all = self.named.values().flatten().chain(&self.open);
        all.filter(move |resource| is_ruled && resource.columns.is_empty()).map(Resource::route)
    }
}
