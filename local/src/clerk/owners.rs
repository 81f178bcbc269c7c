//! What was written of users and organizations. Metadata is kept as text: a tree of it takes ten
//! times the room, and a benchmark writes that of everybody.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::metadata;

/// The fields of metadata, each on its own.
pub(super) const FIELDS: [&str; 3] = ["public_metadata", "private_metadata", "unsafe_metadata"];

/// The most bytes of one field.
const FIELD_BYTES_MAX: usize = 8 * 1024;

/// What was written, by id.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<Box<str>, Written>);

/// What was written of one; nobody of whom nothing was.
#[derive(Debug, Default)]
pub(super) struct Written {
    fields: [Option<Box<str>>; 3],
    pub(super) email: Option<Box<str>>,
    updated_ms: i64,
}

/// A field that cannot be what it was to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadField(pub(super) &'static str);

/// One of whom something may have been written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a>(Option<&'a Written>);

impl Owners {
    pub(super) fn get(&self, id: &str) -> Owner<'_> {
        Owner(self.0.get(id))
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(super) fn set_email(&mut self, id: &str, email: &str, now_ms: i64) {
        self.change(id, now_ms).email = Some(email.into());
    }

    /// Puts a whole field in the place of what was there.
    pub(super) fn replace(&mut self, id: &str, field: &str, value: &Value, now_ms: i64) {
        let written = self.change(id, now_ms);
        if let Some(kept) = place(field).and_then(|place| written.fields.get_mut(place)) {
            *kept = Some(value.to_string().into());
        }
    }

    /// Merges or replaces the fields of `body`, all or none.
    pub(super) fn write(
        &mut self,
        id: &str,
        body: &Map<String, Value>,
        merge: bool,
        now_ms: i64,
    ) -> Result<(), BadField> {
        let owner = self.get(id);
        let mut fields = Vec::new();
        for name in FIELDS {
            let Some(sent) = body.get(name).filter(|sent| !sent.is_null()) else { continue };
            if !sent.is_object() {
                return Err(BadField(name));
            }
            let mut value = if merge { owner.field(name) } else { Value::Object(Map::new()) };
            metadata::merge(&mut value, sent);
            if value.to_string().len() > FIELD_BYTES_MAX {
                return Err(BadField(name));
            }
            fields.push((name, value));
        }
        for (name, value) in fields {
            self.replace(id, name, &value, now_ms);
        }
        Ok(())
    }

    fn change(&mut self, id: &str, now_ms: i64) -> &mut Written {
        let written = self.0.entry(id.into()).or_default();
        written.updated_ms = now_ms;
        written
    }
}

impl<'a> Owner<'a> {
    /// A field of metadata; `{}` where nothing was written.
    pub(super) fn field(self, name: &str) -> Value {
        let text = self.0.and_then(|written| written.fields.get(place(name)?)?.as_deref());
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_else(|| Value::Object(Map::new()))
    }

    pub(super) fn email(self) -> Option<&'a str> {
        self.0.and_then(|written| written.email.as_deref())
    }

    pub(super) fn updated_ms(self) -> Option<i64> {
        self.0.map(|written| written.updated_ms)
    }
}

fn place(field: &str) -> Option<usize> {
    FIELDS.iter().position(|name| *name == field)
}
