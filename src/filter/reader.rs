//! From JSON text to values, in one pass; what holds no escapes is borrowed.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::value::{Members, Value};

impl<'a> Value<'a> {
    /// Reads `json`, which must be valid, down to `depth` lists or objects inside each other.
    pub(super) fn read(json: &'a str, depth: usize) -> Self {
        Reader { rest: json }.value(depth).unwrap_or(Value::Opaque)
    }
}

/// Goes through valid JSON once. `None` where it is not valid, which its callers have ruled out.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.rest = self.rest.trim_start();
        match self.rest.as_bytes().first()? {
            b'{' if depth > 0 => self.object(depth - 1),
            b'[' if depth > 0 => self.list(depth - 1),
            b'{' | b'[' => self.token().map(|_| Value::Opaque),
            b'"' => self.text(),
            b'n' => self.token().map(|_| Value::Null),
            b't' => self.token().map(|_| Value::Bool(true)),
            b'f' => self.token().map(|_| Value::Bool(false)),
            _ => self.token().map(|token| Value::Number(Cow::Borrowed(token))),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut list = Vec::new();
        self.take('[')?;
        if self.take(']').is_some() {
            return Some(Value::List(Box::default()));
        }
        loop {
            list.push(self.value(depth)?);
            if self.take(',').is_none() {
                self.take(']')?;
                return Some(Value::List(list.into_boxed_slice()));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut members = Vec::new();
        self.take('{')?;
        if self.take('}').is_some() {
            return Some(Value::Object(Box::default()));
        }
        loop {
            let name = self.text()?;
            self.take(':')?;
            let value = self.value(depth)?;
            // A name that no text has is none that a filter can ask for.
            if let Value::Text(name) = name {
                members.push((name, value));
            }
            if self.take(',').is_none() {
                self.take('}')?;
                return Some(Value::Object(sorted(members)));
            }
        }
    }

    fn text(&mut self) -> Option<Value<'a>> {
        let token = self.token()?;
        let plain = token.strip_prefix('"')?.strip_suffix('"')?;
        if plain.contains('\\') {
            return Some(
                serde_json::from_str(token).map_or(Value::Opaque, |text| Value::Text(Cow::Owned(text))),
            );
        }
        Some(Value::Text(Cow::Borrowed(plain)))
    }

    /// The text of the next value.
    fn token(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<&'a RawValue>();
        let token = values.next()?.ok()?.get();
        self.rest = self.rest.get(token.len()..)?;
        Some(token)
    }

    fn take(&mut self, mark: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(mark)?;
        Some(())
    }
}

fn sorted<'a>(mut members: Vec<(Cow<'a, str>, Value<'a>)>) -> Members<'a> {
    members.reverse();
    members.sort_by(|(name, _), (other, _)| name.cmp(other));
    members.dedup_by(|(name, _), (other, _)| name == other);
    members.into_boxed_slice()
}
