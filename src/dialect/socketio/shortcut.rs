//! What programs beside the backend may have said by a name, over the admin port.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::super::Options;
use super::emission::Emission;
use super::request::Form;
use super::scope::{POSTED, Scope};
use crate::message::{self, Push};

/// What is at the path where its name would be.
const TAKEN: &str = "emit";

/// `[[endpoint.shortcut]]`.
#[derive(Debug)]
pub(super) struct Shortcut {
    name: String,
    endpoint: Arc<str>,
    form: Form,
    emissions: Vec<Emission>,
}

impl Shortcut {
    /// What is wrong is reported.
    pub(super) fn read(options: &dyn Options, endpoint: &Arc<str>) -> Self {
        let name = options.text("name", "");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name == TAKEN || !name.bytes().all(is_plain) {
            options.report(
                "name",
                format!("expected letters, digits, _ and -, such as \"config_sync\", not \"{TAKEN}\""),
            );
        }
        let tables = options.tables("emit", "endpoint.shortcut.emit");
        let emissions = tables.iter().map(|own| Emission::read(&**own, (&POSTED, &POSTED))).collect();
        Self { name, endpoint: Arc::clone(endpoint), form: Form::read(options), emissions }
    }

    pub(super) fn is_called_as(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Namespaces that it names.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &String> {
        self.emissions.iter().flat_map(Emission::namespaces)
    }
}

impl message::Shortcut for Shortcut {
    fn name(&self) -> &str {
        &self.name
    }

    fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    /// What is `null` is not said.
    fn pushes(&self, mut data: Map<String, Value>, time: SystemTime) -> Result<Vec<Push>, String> {
        data.retain(|_, value| !value.is_null());
        if let Some(name) = self.form.fill(&mut data) {
            return Err(format!("{name}: is missing, or none of what it may be"));
        }
        let data = Value::Object(data);
        let scope = Scope { data: Some(&data), ..Scope::at(time) };
        let pushes: Vec<Push> =
            self.emissions.iter().flat_map(|emission| emission.pushes(&self.endpoint, &scope)).collect();
        if pushes.is_empty() { Err("this is for nobody".to_owned()) } else { Ok(pushes) }
    }
}
