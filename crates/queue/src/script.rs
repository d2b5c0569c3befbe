//! The scripts' sources, put together from their parts once, and how they are called.

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation, Value};

use crate::{Error, Queue, ms};

macro_rules! scripts {
    ($($name:ident = $($part:literal)+;)+) => {$(
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("lua/prelude.lua"), $(include_str!(concat!("lua/", $part, ".lua"))),+))
        });
    )+};
}

scripts! {
    ACCEPT_JOBS = "callback" "result" "accept_jobs" "accept_items" "accept_loop";
    CLAIM_JOBS = "callback" "result" "account" "floor" "cancel" "batch" "claim_jobs" "claim_gates" "claim_ends" "claim_due" "claim_line" "claim_turns" "claim_pending";
    BEGIN_SUBMIT = "account" "batch" "each" "begin_submit";
    RECORD_GENERATION = "callback" "result" "account" "pauses" "spending" "cancel" "batch" "each" "extra_generation" "held_generation" "record_generation";
    SETTLE_JOBS = "callback" "result" "account" "pauses" "floor" "spending" "cancel" "progress" "batch" "settle_jobs" "settle_pending" "exports" "settle_items" "settle_loop";
    KEEP_JOBS = "keep_jobs";
    READ_RECALLS = "read_recalls";
    RENEW_LEASES = "account" "renew_leases";
    RECOVER_CLAIMS = "account" "recover_claims";
    RESTORE_SUBMIT = "callback" "result" "account" "spending" "restore_submit";
    NOTE_KEY = "account" "pauses" "note_key";
    OLD_JOBS = "callback" "retention" "old_jobs";
    SWEEP_JOBS = "callback" "retention" "sweep_jobs";
    DROP_LINKS = "callback" "result" "drop_links";
    MARK_QUEUE = "mark_queue";
    REGISTER_ACCOUNTS = "account" "register_accounts";
    NOTE_WORKER = "note_worker";
    LOOK_ACCOUNT = "account" "look_account";
    LOOK_JOBS = "account" "look_jobs";
    LOOK_QUEUE = "look_queue";
    MEND_JOB = "callback" "result" "account" "mend_job";
    CANCEL_JOB = "callback" "result" "account" "cancel" "operation" "operation_moves" "cancel_job";
    RETRY_JOB = "callback" "result" "account" "operation" "operation_moves" "retry_job";
    RESOLVE_JOB = "callback" "result" "account" "spending" "operation" "operation_moves" "resolve_job";
    REPOLL_JOB = "account" "callback" "operation" "operation_moves" "repoll_job";
    PAUSE_ACCOUNT = "account" "operation" "pause_account";
    RESUME_ACCOUNT = "account" "floor" "operation" "resume_account";
    PAUSE_QUEUE = "operation" "pause_queue";
    REFUSE_COMMAND = "operation" "refuse_command";
    CLAIM_CALLBACKS = "callback" "claim_callbacks";
    SETTLE_CALLBACK = "settle_callback";
}

/// The most items of one call.
pub(crate) const MAX_ITEMS: usize = 1_000;

impl Queue {
    /// A call of `script` with what goes with every script.
    pub(crate) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(self.keys.base())
            .arg(self.policy.events_cap)
            .arg(ms(self.policy.results_ttl));
        call
    }

    pub(crate) async fn invoke(&self, call: &ScriptInvocation<'_>) -> Result<Value, Error> {
        self.link
            .run(async |mut connection| call.invoke_async(&mut connection).await)
            .await
    }
}

#[cfg(test)]
mod tests {
    /// The words after `-- ARGV:` in a script's header.
    fn header(source: &str) -> Vec<&str> {
        let line = source.lines().find_map(|line| line.strip_prefix("-- ARGV: "));
        line.expect("a script has a header with ARGV")
            .split_whitespace()
            .collect()
    }

    #[test]
    fn headers_name_what_the_wrappers_send() {
        let cases = [
            (include_str!("lua/accept_jobs.lua"), crate::accept::ARGV),
            (include_str!("lua/claim_jobs.lua"), crate::claim::ARGV),
            (include_str!("lua/begin_submit.lua"), crate::submit::BEGIN_ARGV),
            (
                include_str!("lua/record_generation.lua"),
                crate::submit::RECORD_ARGV,
            ),
            (include_str!("lua/settle_jobs.lua"), crate::settle::ARGV),
            (include_str!("lua/keep_jobs.lua"), crate::settle::KEEP_ARGV),
            (include_str!("lua/renew_leases.lua"), crate::lease::ARGV),
            (include_str!("lua/read_recalls.lua"), crate::recalls::ARGV),
            (include_str!("lua/note_key.lua"), crate::key_news::ARGV),
            (include_str!("lua/old_jobs.lua"), crate::sweep::LOOK_ARGV),
            (include_str!("lua/sweep_jobs.lua"), crate::sweep::ARGV),
            (include_str!("lua/drop_links.lua"), crate::sweep::DROP_ARGV),
            (include_str!("lua/mark_queue.lua"), crate::mark::ARGV),
            (
                include_str!("lua/register_accounts.lua"),
                crate::registry::ACCOUNTS_ARGV,
            ),
            (include_str!("lua/note_worker.lua"), crate::registry::NOTE_ARGV),
            (include_str!("lua/recover_claims.lua"), crate::lease::RECOVER_ARGV),
            (
                include_str!("lua/look_account.lua"),
                crate::doctor::LOOK_ACCOUNT_ARGV,
            ),
            (include_str!("lua/look_jobs.lua"), crate::doctor::LOOK_ARGV),
            (include_str!("lua/look_queue.lua"), crate::gauges::ARGV),
            (include_str!("lua/mend_job.lua"), crate::doctor::MEND_ARGV),
            (include_str!("lua/restore_submit.lua"), crate::restore::ARGV),
            (include_str!("lua/cancel_job.lua"), crate::operate::JOB_ARGV),
            (include_str!("lua/retry_job.lua"), crate::operate::JOB_ARGV),
            (include_str!("lua/resolve_job.lua"), crate::operate::RESOLVE_ARGV),
            (include_str!("lua/repoll_job.lua"), crate::operate::REPOLL_ARGV),
            (
                include_str!("lua/pause_account.lua"),
                crate::operate::ACCOUNT_ARGV,
            ),
            (
                include_str!("lua/resume_account.lua"),
                crate::operate::ACCOUNT_ARGV,
            ),
            (include_str!("lua/pause_queue.lua"), crate::operate::QUEUE_ARGV),
            (
                include_str!("lua/refuse_command.lua"),
                crate::operate::REFUSE_ARGV,
            ),
            (
                include_str!("lua/claim_callbacks.lua"),
                crate::callbacks::CLAIM_ARGV,
            ),
            (
                include_str!("lua/settle_callback.lua"),
                crate::callbacks::SETTLE_ARGV,
            ),
        ];
        for (source, sent) in cases {
            assert_eq!(header(source), sent.split_whitespace().collect::<Vec<_>>());
            assert!(
                source.contains("-- KEYS: base\n") && source.contains("-- Returns: "),
                "{sent}"
            );
        }
    }

    #[test]
    fn scripts_know_the_version_that_is_written() {
        let known = format!("\nlocal KNOWN = {}\n", gammaq_job::record::SCHEMA);
        assert!(include_str!("lua/prelude.lua").contains(&known), "{known}");
        let written = format!("'v', '{}',", gammaq_job::record::SCHEMA);
        assert!(
            include_str!("lua/accept_items.lua").contains(&written),
            "{written}"
        );
    }

    #[test]
    fn headers_name_the_fields_of_a_claimed_job() {
        let source = include_str!("lua/claim_jobs.lua");
        let list = source
            .split("local FIELDS = {")
            .nth(1)
            .and_then(|rest| rest.split('}').next())
            .unwrap();
        let fields: Vec<&str> = list
            .split(',')
            .map(|word| word.trim().trim_matches('\''))
            .collect();
        assert_eq!(fields, crate::claim::FIELDS);
    }
}
