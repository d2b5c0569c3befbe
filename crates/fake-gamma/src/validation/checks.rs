//! Checks of single fields, which gather their complaints.

use serde_json::{Map, Value};

/// Whether a field may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    Yes,
    No,
}

/// One object under examination.
pub(super) struct Checks<'a> {
    body: &'a Map<String, Value>,
    /// Goes before the names of fields: empty, or `textOptions.`.
    prefix: String,
    /// Whether nulls are refused instead of taken for absent.
    strict: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(body: &'a Map<String, Value>, strict: bool) -> Self {
        Self {
            body,
            prefix: String::new(),
            strict,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The checks of an object inside, whose complaints come back by [`Checks::take`].
    pub(super) fn nested(&self, name: &str) -> Option<Self> {
        let body = self.body.get(name)?.as_object()?;
        Some(Self {
            prefix: format!("{name}."),
            ..Self::new(body, self.strict)
        })
    }

    pub(super) fn take(&mut self, nested: Self) {
        self.errors.extend(nested.errors);
        self.warnings.extend(nested.warnings);
    }

    pub(super) fn finish(self) -> (Vec<String>, Vec<String>) {
        (self.errors, self.warnings)
    }

    /// Notes an error; the text begins with the field's name.
    pub(super) fn refuse(&mut self, what: &str) {
        self.errors.push(format!("{}{what}", self.prefix));
    }

    pub(super) fn warn(&mut self, what: &str) {
        self.warnings.push(what.to_owned());
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn word(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    pub(super) fn words(&self, name: &str) -> Vec<&'a str> {
        match self.get(name) {
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().unwrap_or_default())
                .collect(),
            Some(Value::String(word)) => vec![word],
            _ => Vec::new(),
        }
    }

    pub(super) fn text(&mut self, name: &str, least: usize, most: usize, needed: Needed) {
        let Some(value) = self.get(name) else {
            if needed == Needed::Yes {
                self.refuse(&format!("{name} should not be empty"));
            }
            return;
        };
        let Some(text) = value.as_str() else {
            return self.refuse(&format!("{name} must be a string"));
        };
        let length = text.chars().count();
        if length < least {
            self.refuse(&format!(
                "{name} must be longer than or equal to {least} characters"
            ));
        }
        if length > most {
            self.refuse(&format!(
                "{name} must be shorter than or equal to {most} characters"
            ));
        }
    }

    pub(super) fn one_of(&mut self, name: &str, allowed: &[&str]) {
        if let Some(value) = self.get(name)
            && value.as_str().is_none_or(|word| !allowed.contains(&word))
        {
            self.refuse(&format!(
                "{name} must be one of the following values: {}",
                allowed.join(", ")
            ));
        }
    }

    pub(super) fn number(&mut self, name: &str, least: f64, most: f64) {
        let Some(value) = self.get(name) else { return };
        match value.as_f64() {
            None => self.refuse(&format!("{name} must be a number")),
            Some(number) if number < least => self.refuse(&format!("{name} must not be less than {least}")),
            Some(number) if number > most => self.refuse(&format!("{name} must not be greater than {most}")),
            Some(_) => {}
        }
    }

    pub(super) fn object(&mut self, name: &str) {
        if self.get(name).is_some_and(|value| !value.is_object()) {
            self.refuse(&format!("{name} must be an object"));
        }
    }

    pub(super) fn list(&mut self, name: &str, least: usize, most: usize) {
        let Some(value) = self.get(name) else { return };
        let fits = value
            .as_array()
            .is_some_and(|items| (least..=most).contains(&items.len()));
        if !fits {
            self.refuse(&format!("{name} must be an array of {least} to {most} elements"));
        }
    }

    pub(super) fn refuse_nulls(&mut self) {
        let nulls = self.body.iter().filter(|(_, value)| value.is_null());
        let names: Vec<_> = nulls.map(|(name, _)| name).collect();
        names
            .into_iter()
            .for_each(|name| self.refuse(&format!("{name} must not be null")));
    }

    pub(super) fn refuse_unknown(&mut self, known: &[&str]) {
        let unknown: Vec<_> = self
            .body
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        unknown
            .into_iter()
            .for_each(|name| self.refuse(&format!("property {name} should not exist")));
    }

    pub(super) fn refuse_fields(&mut self, names: &[&str]) {
        let there: Vec<_> = names
            .iter()
            .filter(|name| self.body.contains_key(**name))
            .collect();
        there
            .into_iter()
            .for_each(|name| self.refuse(&format!("property {name} should not exist")));
    }

    pub(super) fn ignore_unknown(&mut self, known: &[&str]) {
        let unknown: Vec<_> = self
            .body
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        unknown
            .into_iter()
            .for_each(|name| self.warn(&format!("Unknown property {name} is ignored.")));
    }
}
