//! What the fake remembers for tests to read: every POST as it was seen, every generation with its polls, every
//! export and every download. All of it is plain data that can be read back from the JSON of `GET /_fake/ledger`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything seen since the start or the last reset. Times named `at` are Unix milliseconds; `elapsedMs` counts from
/// the fake's start on a clock that never jumps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// The seed in use.
    pub seed: u64,
    /// When this was asked for.
    pub at: u64,
    /// When this was asked for, since the start.
    pub elapsed_ms: u64,
    /// POSTs that ask for a generation, in the order in which they were dealt with.
    pub posts: Vec<Post>,
    /// Generations, in the order of acceptance.
    pub generations: Vec<Generation>,
    /// POSTs that ask for an export.
    pub exports: Vec<Export>,
    /// Requests for exported files.
    pub downloads: Vec<Download>,
}

/// One POST that asked for a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// When it was dealt with; for an accepted one, the moment of acceptance.
    pub at: u64,
    /// The same, since the start.
    pub elapsed_ms: u64,
    /// The API key it came with; empty without one.
    pub key: String,
    /// `generations`, `from-template` or `agent`.
    pub endpoint: String,
    /// Whether a generation was made and charged.
    pub accepted: bool,
    /// The generation made.
    pub generation_id: Option<String>,
    /// SHA-256 of the body as canonical JSON (sorted fields, no spaces), 32 hexadecimal digits of it.
    pub digest: String,
    /// `title` of the request.
    pub title: Option<String>,
    /// The first 200 characters of `inputText` or `prompt`.
    pub input_text: String,
    /// The status sent; none where the client got no answer that it could read.
    pub status: Option<u16>,
    /// The fault that the request met.
    pub fault: Option<String>,
    /// `message` of an error answer.
    pub message: Option<String>,
    /// `x-request-id` of the answer.
    pub request_id: String,
}

/// One generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Its id.
    pub generation_id: String,
    /// The gamma that it makes.
    pub gamma_id: String,
    /// The key that it was charged to.
    pub key: String,
    /// The endpoint that it was made by.
    pub endpoint: String,
    /// Digest of the request.
    pub digest: String,
    /// `title` of the request.
    pub title: Option<String>,
    /// When it was accepted.
    pub accepted_at: u64,
    /// The same, since the start.
    pub elapsed_ms: u64,
    /// How long it takes; none if it never ends.
    pub takes_ms: Option<u64>,
    /// How it ends: `completed`, `failed`, `failed_string`, `unknown` or `stuck`.
    pub outcome: String,
    /// What a poll would say at present.
    pub status: String,
    /// Credits that it cost.
    pub credits: u64,
    /// Every poll of it.
    pub polls: Vec<Poll>,
}

/// One poll of a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// When.
    pub at: u64,
    /// The same, since the start.
    pub elapsed_ms: u64,
    /// The status word answered, or the fault that the poll met.
    pub answer: String,
}

/// One POST that asked for an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// When.
    pub at: u64,
    /// The same, since the start.
    pub elapsed_ms: u64,
    /// The API key it came with.
    pub key: String,
    /// The gamma to export.
    pub gamma_id: String,
    /// The format asked for, as it was written.
    pub export_as: Option<String>,
    /// The export begun, if any.
    pub export_id: Option<String>,
    /// The status sent; none where the client got no answer that it could read.
    pub status: Option<u16>,
    /// The fault that the request met.
    pub fault: Option<String>,
}

/// One request for an exported file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// When.
    pub at: u64,
    /// The same, since the start.
    pub elapsed_ms: u64,
    /// The gamma; none if the link was never given out.
    pub gamma_id: Option<String>,
    /// `pdf`, `pptx` or `png`.
    pub format: Option<String>,
    /// The `Range` asked for.
    pub range: Option<String>,
    /// Whether the request carried an API key, which the link's host must never get.
    pub api_key: bool,
    /// The status sent; none where the client got no answer that it could read.
    pub status: Option<u16>,
    /// The fault that the request met.
    pub fault: Option<String>,
}

/// Sums over the ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// The seed in use.
    pub seed: u64,
    /// POSTs seen.
    pub posts: u64,
    /// POSTs accepted and charged.
    pub accepted: u64,
    /// The window that `maxInWindow` is about, in milliseconds.
    pub window_ms: u64,
    /// The greatest number that one key had accepted in any rolling window.
    pub max_in_window: u64,
    /// The same by key, with each key's counts.
    pub by_key: BTreeMap<String, KeySummary>,
    /// Digests of requests that were accepted more than once, with the number of times.
    pub duplicates: BTreeMap<String, u64>,
}

/// Sums of one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeySummary {
    /// POSTs seen.
    pub posts: u64,
    /// POSTs accepted and charged.
    pub accepted: u64,
    /// The greatest number accepted in any rolling window.
    pub max_in_window: u64,
    /// The balance.
    pub credits_remaining: u64,
}

/// Which part of the ledger is wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Of this API key alone.
    pub key: Option<String>,
    /// Of this endpoint alone.
    pub endpoint: Option<String>,
    /// Of requests with this digest alone.
    pub digest: Option<String>,
    /// Of requests with this title alone.
    pub title: Option<String>,
    /// POSTs that were accepted, or that were not.
    pub accepted: Option<bool>,
}

impl Filter {
    pub(crate) fn takes_post(&self, post: &Post) -> bool {
        self.takes(&post.key, &post.endpoint, &post.digest, post.title.as_deref())
            && self.accepted.is_none_or(|wanted| wanted == post.accepted)
    }

    pub(crate) fn takes_generation(&self, generation: &Generation) -> bool {
        let title = generation.title.as_deref();
        self.takes(&generation.key, &generation.endpoint, &generation.digest, title)
    }

    pub(crate) fn takes_key(&self, key: &str) -> bool {
        self.key.as_deref().is_none_or(|wanted| wanted == key)
    }

    fn takes(&self, key: &str, endpoint: &str, digest: &str, title: Option<&str>) -> bool {
        self.takes_key(key)
            && self.endpoint.as_deref().is_none_or(|wanted| wanted == endpoint)
            && self.digest.as_deref().is_none_or(|wanted| wanted == digest)
            && self.title.as_deref().is_none_or(|wanted| Some(wanted) == title)
    }
}
