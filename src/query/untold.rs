//! Writes of the config that no route takes.

use super::template::{Encoding, Fill, Value};
use super::{Endpoint, Resource, Resources};

impl Resources {
    /// Requests by which clients would write and which give no event, each after its route's path and the key
    /// that says it.
    pub fn untold(&self) -> impl Iterator<Item = (&str, &'static str, String)> {
        self.named.values().flatten().chain(&self.open).flat_map(Resource::untold)
    }
}

impl Resource {
    fn untold(&self) -> impl Iterator<Item = (&str, &'static str, String)> {
        let to = &self.translation;
        let said = [("create", &to.create), ("update", &to.update), ("delete", &to.delete)];
        let said = said.into_iter().filter_map(|(key, endpoint)| Some((key, endpoint.as_ref()?)));
        let untold = said.filter(|(_, endpoint)| !self.is_told(endpoint));
        untold.map(|(key, endpoint)| (self.route(), key, format!("{} {}", endpoint.method, endpoint.path)))
    }

    /// Any text stands for the parameters: routes tell paths apart by their constants.
    fn is_told(&self, endpoint: &Endpoint) -> bool {
        let filling: Vec<_> = endpoint.path.slots().map(|name| (name, Fill::One(Value::text("1")))).collect();
        let path = endpoint.path.fill(&filling, Encoding::Segment).and_then(|mut all| all.pop());
        path.is_some_and(|path| self.address.takes(&endpoint.method, &path))
    }
}
