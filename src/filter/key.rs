//! By which a filter is found without being asked: the hash of a column and of the value it must have.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::value::{Scalar, Value};

/// A column and a value. Values that some filter may call equal have the same key; two that nobody does may
/// share one too, so whoever is found is still to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// `None` for null, which a field that is not there has too, and for lists and objects.
    pub(super) fn of(column: &str, value: &Value<'_>) -> Option<Self> {
        Self::end(below(DefaultHasher::new(), column), value)
    }

    fn end(mut hasher: DefaultHasher, value: &Value<'_>) -> Option<Self> {
        match value.key()? {
            Scalar::Number(number) => {
                hasher.write_u8(0);
                number.hash(&mut hasher);
            }
            Scalar::Text(text) => {
                hasher.write_u8(1);
                text.hash(&mut hasher);
            }
        }
        Some(Self(hasher.finish()))
    }
}

/// Goes down to `name`. A dot in a name is a step like any other, so a column has one hash, whether it is a
/// field of that name or a way through objects.
fn below(mut hasher: DefaultHasher, name: &str) -> DefaultHasher {
    name.split('.').for_each(|step| step.hash(&mut hasher));
    hasher
}

/// Adds the keys of everything in an object.
pub(super) fn collect(value: &Value<'_>, above: &DefaultHasher, keys: &mut Vec<Key>) {
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        let hasher = below(above.clone(), name);
        if let Value::Object(_) = value {
            collect(value, &hasher, keys);
        } else {
            keys.extend(Key::end(hasher, value));
        }
    }
}
