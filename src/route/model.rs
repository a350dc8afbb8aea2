//! Models: what routes write and readers subscribe to. The config names them, or a segment of the path does.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_encode_byte;

use crate::event::Json;

/// The longest name of a model, in bytes.
pub const MAX_MODEL_BYTES: usize = 128;
/// Models that paths have named and of which the ids' type is remembered: two megabytes at most.
pub(super) const MAX_MET: usize = 8192;

/// What one route writes.
#[derive(Debug)]
pub struct Model {
    /// Its name as in the config; `{collection}` where that parameter of the path is the name.
    pub name: Arc<str>,
    seen: AtomicU8,
}

impl Model {
    /// A model of which no id was seen yet.
    pub fn new(name: &str) -> Self {
        Self { name: Arc::from(name), seen: AtomicU8::new(0) }
    }

    /// Whether a model may be called so: readers must be able to subscribe to it, and to nothing else by it.
    pub fn is_name(text: &str) -> bool {
        let plain = !text.contains(['/', '*']) && !text.chars().any(char::is_control);
        (1..=MAX_MODEL_BYTES).contains(&text.len()) && plain && text.to_lowercase() != "all"
    }

    /// Remembers the type of an id that stood in a body.
    pub(super) fn learn(&self, id: &Json) {
        self.seen.store(if is_number(id) { 1 } else { 2 }, Ordering::Relaxed);
    }

    /// Whether the last id seen in a body was a number; `None` before the first.
    pub(super) fn numbers(&self) -> Option<bool> {
        match self.seen.load(Ordering::Relaxed) {
            0 => None,
            kind => Some(kind == 1),
        }
    }
}

/// Of all models, by their names in lower case: topics tell none apart that differ only by case. Those that
/// paths name are bounded; once so many are known, the ids of more have the default of `auto`.
#[derive(Debug, Default)]
pub(super) struct Models {
    configured: HashMap<String, Arc<Model>>,
    /// Whether the last id was a number.
    met: Mutex<HashMap<String, bool>>,
}

impl Models {
    pub(super) fn new<'a>(configured: impl Iterator<Item = &'a Arc<Model>>) -> Self {
        let configured = configured.map(|model| (model.name.to_lowercase(), Arc::clone(model))).collect();
        Self { configured, met: Mutex::default() }
    }

    /// Remembers the type of an id that stood in the body of an answer.
    pub(super) fn learn(&self, name: &str, id: &Json) {
        let name = name.to_lowercase();
        if let Some(model) = self.configured.get(&name) {
            return model.learn(id);
        }
        let mut met = self.met();
        if met.len() < MAX_MET || met.contains_key(&name) {
            met.insert(name, is_number(id));
        }
    }

    /// Whether the last id seen in a body was a number; `None` where none was, or none could be remembered.
    pub(super) fn numbers(&self, name: &str) -> Option<bool> {
        let name = name.to_lowercase();
        match self.configured.get(&name) {
            Some(model) => model.numbers(),
            None => self.met().get(&name).copied(),
        }
    }

    fn met(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        // Each change is one insert, so a panic leaves a whole table behind.
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_number(id: &Json) -> bool {
    !id.as_str().starts_with('"')
}

/// What a model is called that a segment of a path names, percent-decoded. A name that no model may have is
/// percent-encoded again, and so is one that looks like that: so no two segments that differ give one name.
/// `None`: it is too long.
pub(super) fn named(segment: &str) -> Option<Arc<str>> {
    let as_it_is = Model::is_name(segment) && !looks_encoded(segment);
    let name = if as_it_is { Cow::Borrowed(segment) } else { Cow::Owned(encoded(segment)) };
    Model::is_name(&name).then(|| Arc::from(&*name))
}

fn looks_encoded(text: &str) -> bool {
    let mut triples = text.as_bytes().windows(3);
    triples.any(
        |triple| matches!(triple, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
    )
}

fn encoded(text: &str) -> String {
    let all = text.eq_ignore_ascii_case("all");
    let mut name = String::new();
    for (at, char) in text.char_indices() {
        if char.is_control() || "/*%".contains(char) || (all && at == 0) {
            name.extend(char.encode_utf8(&mut [0; 4]).bytes().map(percent_encode_byte));
        } else {
            name.push(char);
        }
    }
    name
}
