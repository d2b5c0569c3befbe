//! The submit path and its points, in one place.
//!
//! The path begins with the claim and ends where the outcome is settled. Below it, a command for Redis is one message:
//! it arrives whole or not at all, and a point's moments before, within and after it try both.

/// What the path consists of: a source file under `crates/`, and the functions in it.
pub const PATH: &[(&str, &[&str])] = &[
    ("worker/src/claimer.rs", &["claim", "hand_on"]),
    ("worker/src/steps/mod.rs", &["run"]),
    ("worker/src/steps/submit.rs", &["submit", "begin", "record"]),
    (
        "worker/src/steps/journaled.rs",
        &["check", "intend", "made", "restore", "put_back"],
    ),
    (
        "worker/src/settler.rs",
        &["call", "run", "settle", "settle_alone"],
    ),
    ("gamma/src/submit.rs", &["submit"]),
    ("gamma/src/client.rs", &["post"]),
    ("gamma/src/exchange.rs", &["exchange", "read_body", "within"]),
];

/// What it takes to arrive at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Any submit.
    Always,
    /// A submit with a journal.
    Journal,
    /// Redis is away when the answer comes.
    WithoutRedis,
    /// Redis refuses a settlement.
    Refused,
    /// Gamma doesn't answer before the lease is nearly over.
    Silent,
    /// The process stands still while the answer comes.
    Stopped,
    /// Redis went back in time, and a journal knows more.
    GoneBack,
}

use Reached::{Always, GoneBack, Journal, Refused, Silent, Stopped, WithoutRedis};

/// Every point.
pub const POINTS: &[(&str, Reached)] = &[
    ("claim", Always),
    ("hand_on", Always),
    ("step_submit", Always),
    ("step_look", Always),
    ("check", Always),
    ("check_standing", Journal),
    ("check_journal", Journal),
    ("check_restore", GoneBack),
    ("begin", Always),
    ("begin_submit", Always),
    ("intend", Always),
    ("intend_journal", Journal),
    ("post", Always),
    ("post_answer", Always),
    ("post_gate", Always),
    ("post_late", Silent),
    ("exchange", Always),
    ("exchange_time", Always),
    ("exchange_head", Always),
    ("exchange_body", Always),
    ("exchange_piece", Always),
    ("within_time", Always),
    ("within_grace", Stopped),
    ("made", Always),
    ("made_journal", Journal),
    ("record", Always),
    ("record_generation", Always),
    ("record_wait", WithoutRedis),
    ("restore_adopt", GoneBack),
    ("restore_submit", GoneBack),
    ("restore_others", GoneBack),
    ("put_back", GoneBack),
    ("settle_step", Always),
    ("settled", Always),
    ("settle_receive", Always),
    ("settle_batch", Always),
    ("settle_jobs", Always),
    ("settle_wait", WithoutRedis),
    ("settle_again", Refused),
    ("settle_again_wait", Refused),
];
