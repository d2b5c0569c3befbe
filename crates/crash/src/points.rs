//! The submit path and its points, in one place.
//!
//! The path begins with the claim and ends where the outcome is settled. Below it, a command for Redis is one message:
//! it arrives whole or not at all, and a point's moments before, within and after it try both.
//!
//! The steps for files of a deck that is there go the same way, from the claim to the settlement, so they stand here too.

/// What the path consists of: a source file under `crates/`, and the functions in it.
pub const PATH: &[(&str, &[&str])] = &[
    ("worker/src/claimer.rs", &["claim", "hand_on"]),
    ("worker/src/steps/mod.rs", &["run"]),
    ("worker/src/steps/submit.rs", &["submit", "begin", "record"]),
    ("worker/src/steps/export.rs", &["export", "go_on", "download"]),
    (
        "worker/src/steps/journaled.rs",
        &["check", "intend", "made", "restore", "put_back"],
    ),
    (
        "worker/src/settler.rs",
        &["call", "run", "settle", "settle_alone"],
    ),
    ("gamma/src/submit.rs", &["submit"]),
    ("gamma/src/exports.rs", &["export", "poll_export"]),
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
    /// A step for a file of a deck that is there.
    Exporting,
}

use Reached::{Always, Exporting, GoneBack, Journal, Refused, Silent, Stopped, WithoutRedis};

/// Every point.
pub const POINTS: &[(&str, Reached)] = &[
    ("claim", Always),
    ("hand_on", Always),
    ("step_submit", Always),
    ("step_look", Always),
    ("step_export", Exporting),
    ("export_stop", Exporting),
    ("export_lost", Exporting),
    ("export_step", Exporting),
    ("export_begin", Exporting),
    ("export_look", Exporting),
    ("export_download", Exporting),
    ("export_fetch", Exporting),
    ("export_ask", Exporting),
    ("export_poll", Exporting),
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

/// What a download consists of: a source file under `crates/`, and the functions in it.
pub const DOWNLOAD_PATH: &[(&str, &[&str])] = &[
    (
        "files/src/fetch.rs",
        &["fetch", "download", "ask", "pour", "put", "leave"],
    ),
    (
        "files/src/local.rs",
        &["find", "begin", "finish", "write", "leave"],
    ),
    (
        "files/src/cloud/upload.rs",
        &["write", "send", "open", "finish", "end", "abandon", "take_back"],
    ),
];

/// What it takes to arrive at a point of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Any download to a directory.
    Whole,
    /// One that breaks off half-way.
    Broken,
    /// One that is gone on with, by a link that is good no more.
    Expired,
    /// One that is gone on with, of a file that is another by now.
    Changed,
    /// One that brings what is no such file.
    Unusable,
    /// One to a bucket that goes in parts.
    Bucket,
    /// One to a bucket that goes in one call.
    BucketSmall,
    /// One to a bucket in which an upload of the same file was left.
    BucketLeft,
    /// One to a bucket, of so many parts that one waits for another.
    BucketLarge,
    /// One to a bucket that breaks off half-way.
    BucketBroken,
}

impl Met {
    /// Whether it takes a bucket.
    pub const fn is_bucket(self) -> bool {
        !matches!(
            self,
            Self::Whole | Self::Broken | Self::Expired | Self::Changed | Self::Unusable
        )
    }
}

/// Every point of a download.
pub const DOWNLOAD_POINTS: &[(&str, Met)] = &[
    ("download", Met::Whole),
    ("download_find", Met::Whole),
    ("part_find", Met::Whole),
    ("download_ask", Met::Whole),
    ("download_head", Met::Whole),
    ("download_refused", Met::Expired),
    ("download_anew", Met::Changed),
    ("download_begin", Met::Whole),
    ("part_begin", Met::Whole),
    ("download_pour", Met::Whole),
    ("download_piece", Met::Whole),
    ("download_put", Met::Whole),
    ("put_held", Met::Bucket),
    ("put_part", Met::Whole),
    ("put_upload", Met::Bucket),
    ("part_write", Met::Whole),
    ("download_leave", Met::Broken),
    ("leave_part", Met::Broken),
    ("leave_upload", Met::BucketBroken),
    ("part_leave", Met::Broken),
    ("part_remove", Met::Unusable),
    ("download_finish", Met::Whole),
    ("part_flush", Met::Whole),
    ("part_sync", Met::Whole),
    ("part_rename", Met::Whole),
    ("part_directory", Met::Whole),
    ("download_upload", Met::Bucket),
    ("upload_part", Met::Bucket),
    ("upload_open", Met::Bucket),
    ("upload_left", Met::Bucket),
    ("left_look", Met::Bucket),
    ("left_read", Met::BucketLeft),
    ("left_abort", Met::BucketLeft),
    ("left_delete", Met::BucketLeft),
    ("upload_begin", Met::Bucket),
    ("upload_note", Met::Bucket),
    ("upload_room", Met::BucketLarge),
    ("upload_send", Met::Bucket),
    ("upload_put", Met::BucketSmall),
    ("upload_end", Met::Bucket),
    ("upload_rest", Met::Bucket),
    ("upload_wait", Met::Bucket),
    ("upload_finish", Met::Bucket),
    ("upload_noted", Met::Bucket),
    ("upload_still", Met::BucketBroken),
    ("upload_abandon", Met::BucketBroken),
    ("upload_forget", Met::BucketBroken),
];

/// What a sweep that removes copies consists of: a source file under `crates/`, and the functions in it.
pub const SWEEP_PATH: &[(&str, &[&str])] = &[
    ("worker/src/roles/sweeper.rs", &["sweep", "remove"]),
    ("files/src/removal.rs", &["removal", "remove"]),
    ("files/src/local/removing.rs", &["close", "remove"]),
    ("files/src/cloud/removing.rs", &["remove", "take_back_of"]),
];

/// Where a point of a sweep is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// Whatever the store is.
    Anywhere,
    /// Where copies lie in a directory.
    Directory,
    /// Where they lie in a bucket.
    Bucket,
    /// Where they lie in a bucket, and an upload was left for one of the jobs.
    BucketLeft,
    /// Where there is more than one page of jobs.
    Pages,
}

/// Every point of a sweep that removes copies.
pub const SWEEP_POINTS: &[(&str, Swept)] = &[
    ("sweep_look", Swept::Anywhere),
    ("sweep_files", Swept::Anywhere),
    ("remove_begin", Swept::Anywhere),
    ("removal_lock", Swept::Directory),
    ("close_lock", Swept::Directory),
    ("remove_look", Swept::Anywhere),
    ("remove_copies", Swept::Anywhere),
    ("removal_directory", Swept::Directory),
    ("unlink", Swept::Directory),
    ("removal_bucket", Swept::Bucket),
    ("delete", Swept::Bucket),
    ("remove_uploads", Swept::Bucket),
    ("left_list", Swept::Bucket),
    ("left_of", Swept::BucketLeft),
    ("delete_answer", Swept::Bucket),
    ("sweep_take", Swept::Anywhere),
    ("sweep_pause", Swept::Pages),
];
