//! One finding, and all of them together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ailment, Severity};

/// The most findings of one kind that are kept; beyond that they are counted.
pub const MOST_OF_A_KIND: usize = 1_000;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub what: Ailment,
    /// How bad it is.
    pub severity: Severity,
    /// The key that it is about; empty where it is about the server.
    pub key: String,
    /// What was seen.
    pub detail: String,
    /// What it means.
    pub means: &'static str,
    /// What to do.
    pub to_do: String,
    /// Whether [`Queue::mend`](crate::Queue::mend) mends it.
    pub mendable: bool,
    /// The job or the account, for a mend.
    pub subject: String,
    /// The index it stands in, for a mend: `due`, `failed`, `pending:x`.
    pub place: String,
}

impl Finding {
    /// A finding about `key`.
    pub fn new(what: Ailment, key: impl Into<String>, detail: impl Into<String>) -> Self {
        let key = key.into();
        // Keys have braces, which some shells would take for their own.
        let to_do = what.remedy().replace("{key}", &format!("'{key}'"));
        Self {
            what,
            severity: what.severity(),
            key,
            detail: detail.into(),
            means: what.means(),
            to_do,
            mendable: what.is_mendable(),
            subject: String::new(),
            place: String::new(),
        }
    }

    pub(super) fn of(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    pub(super) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}

/// What the doctor says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Worst first.
    pub findings: Vec<Finding>,
    /// How many there are of each kind that has more than [`MOST_OF_A_KIND`].
    pub more: BTreeMap<Ailment, usize>,
    /// What this user may not look at, or this server doesn't tell.
    pub not_checked: Vec<String>,
    /// How many records were looked at.
    pub records: u64,
    /// The server's version, as it says.
    pub server: String,
}

impl Report {
    /// Whether something is wrong; notes don't count.
    pub fn is_ill(&self) -> bool {
        self.findings.iter().any(|it| it.severity > Severity::Note)
    }

    /// Adds a finding, or counts it where there are too many of its kind.
    pub fn add(&mut self, finding: Finding) {
        let same = self.findings.iter().filter(|it| it.what == finding.what).count();
        if same < MOST_OF_A_KIND {
            self.findings.push(finding);
        } else {
            *self.more.entry(finding.what).or_insert(MOST_OF_A_KIND) += 1;
        }
    }

    pub(super) fn unchecked(&mut self, what: impl Into<String>) {
        self.not_checked.push(what.into());
    }

    /// Puts the worst first.
    pub fn sort(&mut self) {
        self.findings
            .sort_by(|a, b| b.severity.cmp(&a.severity).then(a.what.cmp(&b.what)));
    }
}
