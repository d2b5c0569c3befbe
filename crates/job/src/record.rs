//! The whole record of a job, as its hash in Redis holds it.

use std::collections::BTreeMap;

use crate::State;

/// The version of the layout that this code writes.
pub const SCHEMA: u32 = 1;

/// A record as read: every field as text, and the ones that programs ask for by type.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Record {
    fields: BTreeMap<String, String>,
}

impl Record {
    /// A record of these fields.
    pub fn new(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            fields: fields
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        }
    }

    /// Whether Redis holds nothing under the id.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field's text; `None` where it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// A field as a whole number; `None` where it is missing or isn't one.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Where the job stands; `None` where the record is broken.
    pub fn state(&self) -> Option<State> {
        self.get("state")?.parse().ok()
    }

    /// Every field, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
