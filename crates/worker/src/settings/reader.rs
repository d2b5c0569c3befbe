//! Reads settings out of the merged layers, one by one, and keeps every problem on the way.

use std::collections::BTreeSet;

use config::{Value, ValueKind};

use super::forms::{Form, Refusal};
use super::problems::Problem;
use super::schema::{ACCOUNT, Key, Setting};
use super::shown::shown;

/// The merged layers, and what was found wrong with them so far.
pub(super) struct Reader {
    merged: Value,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    /// The keys that have a problem: rules between two settings say nothing about them.
    at_fault: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(merged: Value, problems: Vec<Problem>, warnings: Vec<String>) -> Self {
        let at_fault = problems.iter().map(|problem| problem.key.clone()).collect();
        Self {
            merged,
            problems,
            warnings,
            at_fault,
        }
    }

    /// The value of a setting that has a default, or the default where what is written is wrong. None only where there
    /// is no default.
    pub(super) fn value<F: Form>(&mut self, key: &Key<F>) -> Option<F::Value> {
        self.value_of(key, None)
    }

    /// The value of a setting of one account, or its default.
    pub(super) fn value_of<F: Form>(&mut self, key: &Key<F>, account: Option<&str>) -> Option<F::Value> {
        if let Some(written) = self.written(key, account) {
            match key.form.read(&written.kind) {
                Ok(value) => return Some(value),
                Err(Refusal(why)) => {
                    let allowed = key.allowed();
                    self.refuse(
                        key,
                        account,
                        why.map_or_else(
                            || format!("allowed: {allowed}"),
                            |why| format!("{why}; allowed: {allowed}"),
                        ),
                    );
                }
            }
        }
        key.form.read(&key.typed(key.default?)).ok()
    }

    /// Notes a problem of `key`, with what is written there.
    pub(super) fn refuse(&mut self, key: &dyn Setting, account: Option<&str>, what: impl Into<String>) {
        let label = label(key, account);
        let mut problem = Problem::new(&label, what);
        if let Some(written) = self.written(key, account) {
            problem = problem
                .with_value(shown(&written.kind, key.is_secret()))
                .found_in(written.origin());
        } else if let Some(default) = key.default() {
            problem = problem.with_value(default).found_in(Some("the default"));
        }
        self.problems.push(problem);
        self.at_fault.insert(label);
    }

    /// Notes a problem of `key` unless `holds`, if both it and `other`, which it is measured by, are well in themselves.
    pub(super) fn rule(
        &mut self,
        holds: bool,
        key: &dyn Setting,
        other: &dyn Setting,
        what: impl Into<String>,
    ) {
        if !holds && !self.at_fault.contains(key.path()) && !self.at_fault.contains(other.path()) {
            self.refuse(key, None, what);
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// What is written for `key` in the highest layer that has it.
    pub(super) fn written(&self, key: &dyn Setting, account: Option<&str>) -> Option<&Value> {
        let mut value = &self.merged;
        for part in key.path().split('.') {
            let part = match account {
                Some(account) if part == ACCOUNT => account,
                _ => part,
            };
            let ValueKind::Table(table) = &value.kind else {
                return None;
            };
            value = table.get(part)?;
        }
        Some(value).filter(|value| value.kind != ValueKind::Nil)
    }

    /// The names of the accounts that something is written for, in order.
    pub(super) fn accounts(&self) -> BTreeSet<String> {
        let ValueKind::Table(root) = &self.merged.kind else {
            return BTreeSet::new();
        };
        match root.get("accounts").map(|accounts| &accounts.kind) {
            Some(ValueKind::Table(accounts)) => accounts.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// The key with the account's name put in.
pub(super) fn label(key: &dyn Setting, account: Option<&str>) -> String {
    match account {
        Some(account) => key.path().replace(ACCOUNT, account),
        None => key.path().to_owned(),
    }
}
