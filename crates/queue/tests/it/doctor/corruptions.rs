//! What can be broken by hand, and the one word for it.

use std::sync::Arc;

use gammaq_queue::Policy;
use tokio::task::JoinSet;

use super::{corrupt, examine, people, sound, words};
use crate::bench::Bench;

/// Commands, and what the doctor finds.
pub(super) const CORRUPTIONS: &[(&str, &[&str])] = &[
    // Records.
    ("DEL @job:waiting;SET @job:waiting x", &["record_wrong_type"]),
    ("DEL @job:done;RPUSH @job:done x", &["record_wrong_type"]),
    ("HDEL @job:waiting state", &["record_without_state"]),
    ("HSET @job:generating state gone", &["record_unknown_state"]),
    ("HSET @job:waiting v 99", &["record_newer"]),
    ("HSET @job:waiting v one", &["record_newer"]),
    ("HDEL @job:waiting v", &["record_without_version"]),
    ("HSET @job:done id other", &["id_differs"]),
    ("HDEL @job:done account", &["record_without_account"]),
    ("HSET @job:generating fence x", &["fence_unreadable"]),
    ("HDEL @job:waiting seq", &["seq_unreadable"]),
    ("HSET @job:waiting priority high", &["numbers_unreadable"]),
    ("HSET @job:generating deadline soon", &["deadline_unreadable"]),
    ("HDEL @job:waiting request", &["request_missing"]),
    ("HDEL @job:generating generation_id", &["generation_missing"]),
    ("HSET @job:generating slot generating#1.0", &["slot_stray"]),
    ("DEL @budget:default", &["slot_uncharged", "slot_uncharged"]),
    // Places.
    ("ZREM @pending:default waiting", &["queued_nowhere"]),
    ("ZREM @due held", &["queued_nowhere"]),
    ("ZREM @due submitting", &["submitting_nowhere"]),
    ("ZREM @due generating", &["generating_nowhere"]),
    ("ZREM @due late", &["late_look_lost"]),
    ("ZREM @completed done", &["not_in_index"]),
    ("ZREM @ambiguous parked", &["not_in_index"]),
    ("ZADD @failed 9e12 done", &["wrong_index"]),
    ("ZADD @completed 9e12 generating", &["wrong_index"]),
    ("ZADD @due 9e12 done", &["scheduled_after_end"]),
    ("ZADD @due 9e12 parked", &["scheduled_after_end"]),
    ("ZADD @pending:default 1 generating", &["not_in_line"]),
    ("ZADD @due 9e12 waiting", &["two_places"]),
    ("DEL @job:waiting", &["index_without_record"]),
    ("DEL @job:generating", &["index_without_record"]),
    ("DEL @job:parked @result:parked", &["index_without_record"]),
    ("ZADD @due 9e12 nobody", &["index_without_record"]),
    ("ZADD @failed 9e12 nobody", &["index_without_record"]),
    (
        "HSET @job:generating worker B;ZADD @due 1 generating",
        &["lease_abandoned", "overdue"],
    ),
    // Callbacks.
    ("ZREM @callbacks to-tell", &["callback_nowhere"]),
    ("ZREM @callback_failed given-up", &["callback_unlisted"]),
    ("ZADD @callbacks 9e12 done", &["callback_stray"]),
    ("ZADD @callbacks 9e12 waiting", &["callback_stray"]),
    ("HDEL @job:to-tell callback", &["callback_stray"]),
    ("ZADD @callback_failed 1 done", &["callback_stray"]),
    ("ZADD @callback_failed 1 told", &["callback_stray"]),
    ("ZADD @callback_failed 1 to-tell", &["callback_stray"]),
    ("ZADD @callbacks 9e12 nobody", &["index_without_record"]),
    ("ZADD @callback_failed 1 nobody", &["index_without_record"]),
    ("ZADD @callbacks 9e12 told", &[]),
    ("ZADD @callbacks 9e12 given-up", &[]),
    ("DEL @callbacks;SET @callbacks x", &["wrong_type"]),
    // How long things are kept.
    ("PEXPIRE @job:waiting 99999999", &["live_with_ttl"]),
    ("PEXPIRE @job:parked 99999999", &["live_with_ttl"]),
    ("PERSIST @job:done", &["ended_without_ttl"]),
    ("PERSIST @result:done", &["result_ttl"]),
    ("PEXPIRE @result:parked 99999999", &["result_ttl"]),
    ("ZADD @failed 1 failed", &["sweep_overdue"]),
    ("ZADD @completed 1 to-tell", &[]),
    ("ZADD @completed 1 told", &["sweep_overdue"]),
    // Results.
    ("DEL @result:done", &["result_missing"]),
    ("SET @result:done {broken KEEPTTL", &["result_unreadable"]),
    ("SET @result:done [] KEEPTTL", &["result_unreadable"]),
    ("HSET @job:done generation_id another", &["result_differs"]),
    ("DEL @result:done;RPUSH @result:done x", &["result_wrong_type"]),
    ("SET @result:generating {}", &["result_stray"]),
    ("SET @result:nobody {}", &["result_without_record"]),
    // Accounts and budgets.
    ("ZREM @accounts default", &["account_unlisted"]),
    ("ZADD @accounts 9e12 default", &["account_put_off"]),
    ("HSET @account:default limit many", &["account_numbers"]),
    ("HSET @account:default paused_until soon", &["account_numbers"]),
    ("DEL @account:default", &["account_unregistered"]),
    ("HSET @account:default limit 1", &["budget_over_limit"]),
    ("ZADD @budget:default 9e12 nobody#1.0", &["budget_in_future"]),
    // What stands around.
    ("DEL @due;SET @due x", &["wrong_type"]),
    ("DEL @events;SET @events x", &["wrong_type"]),
    ("SET @control x", &["wrong_type"]),
    ("SET @paused x", &["wrong_type"]),
    ("DEL @account:default;SET @account:default x", &["wrong_type"]),
    ("DEL @pending:default;SET @pending:default x", &["wrong_type"]),
    ("SET @something x", &["unknown_key"]),
    ("DEL @schema", &["schema_missing"]),
    ("SET @schema 2", &["schema_newer"]),
    ("SET @schema one", &["schema_newer"]),
    ("XGROUP DESTROY @inbox workers", &["group_missing"]),
    (
        "XADD @inbox 99999999999999-1 id a;XREADGROUP GROUP workers w COUNT 1 STREAMS @inbox >;XCLAIM @inbox workers w 0 99999999999999-1 IDLE 900000",
        &["inbox_held"],
    ),
    ("HSET @stats accepted many", &["stats_unreadable"]),
    ("HSET @worker:B host x", &["worker_unlisted"]),
    ("DEL @workers @worker:A", &["no_worker"]),
    (
        "XADD @events 99999999999999-1 id a at 99999999999999",
        &["clock_went_back"],
    ),
    ("ZADD @workers 9e12 A", &["clock_went_back"]),
];

#[tokio::test]
async fn each_corruption_alone_is_found_by_its_word() {
    let first = Arc::new(Bench::on(sound().await, Policy::default()).await);
    let mut cases = JoinSet::new();
    for (n, (commands, expected)) in CORRUPTIONS.iter().enumerate() {
        let first = Arc::clone(&first);
        cases.spawn(async move {
            let bench = first.beside(&format!("case-{n}")).await;
            people(&bench).await;
            corrupt(&bench, commands).await;
            let report = examine(&bench).await;
            let mut found = words(&report);
            found.sort_unstable();
            if found != *expected {
                return Err(format!("{commands}: {:#?}", report.findings));
            }
            // A note is nothing that is wrong.
            let is_well = expected.is_empty() || *expected == ["unknown_key"];
            assert_eq!(report.is_ill(), !is_well, "{commands}");
            Ok(())
        });
    }
    let wrong: Vec<String> = cases
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
