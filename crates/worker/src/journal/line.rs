//! What stands in a journal: one line of JSON each, to be read with `cat` and `jq`. No prompts, no keys, no links.

use serde::{Deserialize, Serialize};

/// The version of the lines that this code writes.
pub(super) const VERSION: u32 = 1;

/// One line. `worker` and `n` name the intent that it is about; times are Unix milliseconds by Redis's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first line of a file.
    Segment {
        /// The version of its lines.
        v: u32,
        /// Who writes it.
        worker: String,
    },
    /// A POST is about to be sent.
    Intent(Intent),
    /// The POST is over, and made no generation that anyone knows.
    Outcome {
        #[serde(flatten)]
        about: About,
        /// When.
        at: u64,
        /// How it ended.
        outcome: Ending,
    },
    /// The POST made a generation.
    Generation {
        #[serde(flatten)]
        about: About,
        /// When.
        at: u64,
        /// Gamma's id.
        generation_id: String,
    },
    /// Redis is told of the POST under another record of the same id, as this attempt of it.
    Adopted {
        #[serde(flatten)]
        about: About,
        /// The record's number.
        seq: u64,
        /// When the record was made.
        created_at: u64,
        /// The attempt that the POST counts as.
        attempt: u32,
    },
    /// It was said that the job's record is gone from Redis.
    Missing {
        #[serde(flatten)]
        about: About,
    },
}

/// Which intent of which job a line is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct About {
    /// The job.
    pub(crate) id: String,
    /// Who wrote the intent.
    pub(crate) worker: String,
    /// Its number among that worker's.
    pub(crate) n: u64,
}

/// What is written, and on disk, before a byte of the POST leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Which job, and this intent's name.
    #[serde(flatten)]
    pub(crate) about: About,
    /// When.
    pub(crate) at: u64,
    /// The latest time at which the POST can reach Gamma.
    pub(crate) until: u64,
    /// What every key of the queue begins with.
    pub(crate) queue: String,
    /// Whose budget.
    pub(crate) account: String,
    /// The place in the budget.
    pub(crate) slot: String,
    /// The record's number, and when it was made: the two tell it from another record of the same id.
    pub(crate) seq: u64,
    pub(crate) created_at: u64,
    /// POSTs of that record before this one.
    pub(crate) attempt: u32,
    /// The entry that the record came from.
    pub(crate) entry_id: String,
    /// What it asks for.
    pub(crate) fingerprint: String,
    /// The hold's number.
    pub(crate) fence: u64,
    /// What `begin_submit` wrote on the record for this attempt.
    pub(crate) intent: String,
    /// Where the POST goes.
    pub(crate) base_url: String,
}

/// How a POST without a known generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// It certainly was not sent.
    NotSent,
    /// Gamma certainly did not take it, and the job may be sent again: 429, or trouble with the account.
    NotAccepted,
    /// Gamma refused it for good.
    Refused,
    /// Nobody knows.
    Unclear,
}

impl Ending {
    /// Whether the job may be sent again without a word from anyone.
    pub(crate) fn is_free(self) -> bool {
        matches!(self, Self::NotSent | Self::NotAccepted)
    }
}

impl Line {
    /// The line with its end.
    pub(super) fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            id: "invoice-42".to_owned(),
            worker: "host-1-ab".to_owned(),
            n: 7,
        }
    }

    #[test]
    fn lines_read_as_they_are_documented() {
        let line = Line::Generation {
            about: about(),
            at: 1_763_912_345_678,
            generation_id: "abc\"1\n23".to_owned(),
        };
        let text = line.to_text();
        assert_eq!(
            text,
            "{\"event\":\"generation\",\"id\":\"invoice-42\",\"worker\":\"host-1-ab\",\"n\":7,\"at\":1763912345678,\
             \"generation_id\":\"abc\\\"1\\n23\"}\n"
        );
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        let line = Line::Outcome {
            about: about(),
            at: 1,
            outcome: Ending::NotAccepted,
        };
        assert!(line.to_text().contains("\"outcome\":\"not_accepted\""));
        assert_eq!(serde_json::from_str::<Line>(&line.to_text()).unwrap(), line);
    }
}
