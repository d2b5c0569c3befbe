//! Commands about a job, in each state that workers bring it to.

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use tempfile::TempDir;

use super::{assert_ledger_is_redis, done, gammaq, paid};

#[tokio::test]
async fn cancelled_before_while_and_after_it_is_submitted() {
    let stage = Stage::start(&["--generation-time", "60s"]).await;
    let later = "4000000000000";
    let request = r#"{"inputText":"text","title":"waits","textMode":"generate"}"#;
    stage
        .xadd(&[("id", "waits"), ("run_at", later), ("request", request)])
        .await;
    let settings = [("GAMMA__REQUEST_TIMEOUT", "10s"), ("WORKER__LEASE", "25s")];
    let worker = stage.worker("worker", &settings).await;
    stage.submit("made", "text").await;
    stage.submit("sent", "top secret [[fake:post=slow=4s]]").await;
    stage
        .submit("refused", "top secret [[fake:post=slow=4s]] [[fake:post=429*1]]")
        .await;
    stage.until("waits", "queued").await;
    stage.until("made", "generating").await;
    stage.until("sent", "submitting").await;
    stage.until("refused", "submitting").await;

    let said = done(&stage, &["cancel", "waits"]).await;
    assert!(said.contains("nothing was spent on it"), "{said}");
    let said = done(&stage, &["cancel", "made"]).await;
    assert!(said.contains("its credits are spent all the same"), "{said}");
    for id in ["sent", "refused"] {
        let said = done(&stage, &["cancel", id]).await;
        assert!(said.contains("as soon as the answer is there"), "{said}");
        assert_eq!(stage.field(id, "state").await, "submitting");
    }
    for id in ["waits", "made", "sent", "refused"] {
        stage.until(id, "cancelled").await;
        assert_eq!(stage.result(id).await["error"]["kind"], "cancelled", "{id}");
        let by = stage.field(id, "last_operation_by").await;
        assert!(by.starts_with("oncall@"), "{by}");
    }
    assert_eq!(paid(&stage, "waits").await, (0, vec![]));
    assert_eq!(paid(&stage, "refused").await, (1, vec![]));
    for id in ["made", "sent"] {
        let (posts, made) = paid(&stage, id).await;
        assert_eq!((posts, made.len()), (1, 1), "{id}");
        assert_eq!(stage.result(id).await["generationId"], made[0].as_str(), "{id}");
    }
    // Nobody looks at them any more.
    assert_eq!(stage.number("ZCARD", "due").await, 0);
    stage.assert_honest(4, &[]).await;
    stage.assert_silent(&[&worker], &["top secret"]);
}

#[tokio::test]
async fn a_parked_job_is_attached_sent_again_or_given_up() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let ids = ["found", "again", "lost"];
    for id in ids {
        stage.submit(id, "text [[fake:post=lost_after*1]]").await;
    }
    for id in ids {
        stage.until(id, "ambiguous").await;
    }
    let (_, made) = paid(&stage, "found").await;
    done(&stage, &["resolve", "found", "--generation", &made[0]]).await;
    stage.until("found", "completed").await;
    assert_eq!(paid(&stage, "found").await.0, 1, "nothing was sent for it");

    done(&stage, &["resolve", "again", "--resubmit"]).await;
    stage.until("again", "completed").await;
    let (posts, made) = paid(&stage, "again").await;
    assert_eq!(
        (posts, made.len()),
        (2, 2),
        "one POST more, since it was asked for"
    );
    assert_eq!(stage.field("again", "generation_id").await, made[1]);

    done(&stage, &["resolve", "lost", "--fail"]).await;
    stage.until("lost", "failed").await;
    assert_eq!(stage.result("lost").await["error"]["kind"], "gave_up");
    assert_eq!(paid(&stage, "lost").await.0, 1);
    // The one that was lost before the resubmit is the one that no record can have.
    assert_ledger_is_redis(&stage, &["found"]).await;
    for id in ids {
        let finished = gammaq(&stage, &["resolve", id, "--resubmit"]).await;
        let again = usize::from(id == "again");
        assert_eq!(finished.status.code(), Some(1 - again as i32), "{finished:?}");
    }
    assert_eq!(stage.ledger().await.posts.len(), 4);
}

#[tokio::test]
async fn what_failed_is_made_again_only_because_somebody_asked() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let ids = ["bad-0", "bad-1", "bad-2"];
    for id in ids {
        stage.submit(id, "text [[fake:poll=failed]]").await;
    }
    for id in ids {
        stage.until(id, "failed").await;
        assert_eq!(paid(&stage, id).await.0, 1);
    }
    let many = [
        "retry",
        "--state",
        "failed",
        "--account",
        "default",
        "--since",
        "1h",
    ];
    let finished = gammaq(&stage, &many).await;
    assert!(
        finished.stderr.contains("3 jobs would be submitted"),
        "{finished:?}"
    );
    assert_eq!(stage.ledger().await.posts.len(), 3, "shown, and not done");
    let said = done(&stage, &[&many[..], &["--yes"]].concat()).await;
    assert!(said.contains("3 jobs are queued again, 0 were refused"), "{said}");
    for id in ids {
        eventually(PATIENCE, "it failed once more", || async {
            let seen = (stage.field(id, "attempts").await, stage.field(id, "state").await);
            if seen == ("2".to_owned(), "failed".to_owned()) {
                Ok(())
            } else {
                Err(seen)
            }
        })
        .await;
        let (posts, made) = paid(&stage, id).await;
        assert_eq!((posts, made.len()), (2, 2), "{id}");
        assert_eq!(stage.result(id).await["extraGenerationId"], made[0].as_str());
    }
    assert_ledger_is_redis(&stage, &ids).await;
}

#[tokio::test]
async fn a_timed_out_job_is_looked_at_with_a_new_deadline() {
    let stage = Stage::start(&["--generation-time", "6s"]).await;
    let settings = [
        ("POLL__TIMEOUT", "500ms"),
        ("POLL__LATE_FOR", "500ms"),
        ("POLL__LATE_INTERVAL", "200ms"),
    ];
    let _worker = stage.worker("worker", &settings).await;
    stage.submit("slow", "text").await;
    stage.until("slow", "timed_out").await;
    eventually(PATIENCE, "the last late look is over", || async {
        let left = stage.number("ZCARD", "due").await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    // The settings of whoever asks say how long, where the caller didn't.
    let args = ["repoll", "slow", "--set", "poll.timeout=60s"];
    let said = done(&stage, &args).await;
    assert!(said.contains("a new deadline"), "{said}");
    stage.until("slow", "completed").await;
    assert_eq!(stage.result("slow").await["error"], serde_json::Value::Null);
    assert_eq!(paid(&stage, "slow").await.0, 1);
    stage.assert_honest(1, &[]).await;
}

/// A journal knows every POST. What an operator asks for is sent all the same, and nothing else.
#[tokio::test]
async fn a_journal_lets_through_what_an_operator_asks_for() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let journal = TempDir::new().unwrap_or_else(|error| panic!("{error}"));
    let directory = journal.path().display().to_string();
    let settings = [("SUBMIT__JOURNAL", directory.as_str())];
    let worker = stage.worker("worker", &settings).await;
    stage.submit("lost", "text [[fake:post=lost_after*1]]").await;
    stage.submit("bad", "text [[fake:poll=failed]]").await;
    stage.until("lost", "ambiguous").await;
    stage.until("bad", "failed").await;
    // Another process of the host reads the journal from its beginning.
    worker.signal(Signal::TERM);
    worker.wait(PATIENCE).await;
    let _heir = stage.worker("heir", &settings).await;
    done(&stage, &["resolve", "lost", "--resubmit"]).await;
    done(&stage, &["retry", "bad"]).await;
    stage.until("lost", "completed").await;
    for round in 2..4 {
        eventually(PATIENCE, "it failed once more", || async {
            let seen = (
                stage.field("bad", "attempts").await,
                stage.field("bad", "state").await,
            );
            if seen == (round.to_string(), "failed".to_owned()) {
                Ok(())
            } else {
                Err(seen)
            }
        })
        .await;
        if round == 2 {
            done(&stage, &["retry", "bad"]).await;
        }
    }
    assert_eq!(paid(&stage, "lost").await.0, 2);
    assert_eq!(paid(&stage, "bad").await.0, 3);
    assert_ledger_is_redis(&stage, &["bad"]).await;
    // And nobody takes any of it for forgotten.
    let args = [
        "doctor",
        "--json",
        "--set",
        &format!("submit.journal={directory}"),
    ];
    let finished = gammaq(&stage, &args).await;
    assert!(!finished.stdout.contains("journal"), "{finished:?}");
    assert_eq!(stage.number("ZCARD", "ambiguous").await, 0);
}
