//! Commands: each asks first, does what it says, and shows the answer's own words.

use gammaq_tests::Stage;

use super::{DOWN, ENTER, ESCAPE, USUAL, chosen, counts, gone, sees, top, top_at};

#[tokio::test]
async fn jobs_are_cancelled_and_parked_ones_resolved() {
    let stage = Stage::start(&["--generation-time", "60s"]).await;
    let _worker = stage.worker("worker", &[]).await;
    stage.submit("runs", "text").await;
    for id in ["found", "lost", "again"] {
        stage.submit(id, "text [[fake:post=lost_after*1]]").await;
        stage.until(id, "ambiguous").await;
    }
    stage.until("runs", "generating").await;
    let mut terminal = top(&stage, USUAL);
    sees(&terminal, &["3 parked"]).await;

    // Asked first, with what it costs; anything but y leaves it as it is.
    terminal.press("/runs\r").await;
    sees(&terminal, &["runs generating"]).await;
    terminal.press("c").await;
    sees(&terminal, &["Cancel job runs?", "paid for all the same"]).await;
    terminal.press(ENTER).await;
    terminal.press("n").await;
    gone(&terminal, "Cancel job").await;
    assert_eq!(stage.field("runs", "state").await, "generating");
    terminal.press("c").await;
    sees(&terminal, &["Cancel job runs?"]).await;
    terminal.press("y").await;
    sees(
        &terminal,
        &["cancel runs: done", "its credits are spent all the same"],
    )
    .await;
    assert_eq!(stage.field("runs", "state").await, "cancelled");
    assert!(
        stage
            .field("runs", "last_operation_by")
            .await
            .starts_with("oncall@")
    );
    terminal.press(ENTER).await;
    sees(&terminal, &["runs cancelled"]).await;
    // What makes no sense is refused, with the reason.
    terminal.press("l").await;
    sees(
        &terminal,
        &[
            "Look at the timed-out job runs again?",
            "Its generation is looked at",
        ],
    )
    .await;
    terminal.press("y").await;
    sees(&terminal, &["repoll runs: refused"]).await;
    terminal.press(ESCAPE).await;
    gone(&terminal, "repoll runs").await;

    // A parked job's three ways out.
    terminal.press("1").await;
    counts(&terminal, "ambiguous", 3).await;
    terminal.press(&DOWN.repeat(3)).await;
    chosen(&terminal, "ambiguous").await;
    terminal.press(ENTER).await;
    sees(&terminal, &["ambiguous jobs", "found", "lost", "again"]).await;
    terminal.press("g").await;
    chosen(&terminal, "again").await;
    terminal.press("s").await;
    sees(
        &terminal,
        &["What becomes of again?", "g attach", "r resubmit", "f fail"],
    )
    .await;
    terminal.press("r").await;
    sees(
        &terminal,
        &["Submit the parked job again again?", "paid for twice"],
    )
    .await;
    terminal.press("y").await;
    sees(&terminal, &["resolve again: done"]).await;
    terminal.press(ENTER).await;
    stage.until("again", "generating").await;

    terminal.press("/lost\rsfy").await;
    sees(&terminal, &["resolve lost: done"]).await;
    stage.until("lost", "failed").await;
    terminal.press(ENTER).await;

    let ledger = stage.ledger().await;
    let made = ledger
        .generations
        .iter()
        .find(|it| it.title.as_deref() == Some("found"));
    let generation = made.map(|it| it.generation_id.clone()).unwrap_or_default();
    terminal.press("/found\rsg").await;
    sees(&terminal, &["The generationId of found"]).await;
    // What can't be one is said at once.
    terminal.press("https://gamma.app/a\r").await;
    sees(&terminal, &["The generationId of found", "https://gamma.app/a_"]).await;
    terminal.press(&"\x7f".repeat(19)).await;
    terminal.press(&format!("{generation}\r")).await;
    sees(&terminal, &["Attach generation", "nothing more is paid"]).await;
    terminal.press("y").await;
    sees(&terminal, &["resolve found: done"]).await;
    stage.until("found", "generating").await;
    assert_eq!(stage.field("found", "generation_id").await, generation);
    // One POST for each, and the one that was asked for.
    assert_eq!(stage.ledger().await.posts.len(), 5);
}

#[tokio::test]
async fn accounts_and_the_queue_are_paused_and_resumed() {
    let stage = Stage::start(&["--generation-time", "300ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let mut terminal = top(&stage, USUAL);
    terminal.press("3").await;
    chosen(&terminal, "default").await;
    terminal.press("p").await;
    sees(&terminal, &["Pause account default?", "submits and looks alike"]).await;
    terminal.press("y").await;
    sees(&terminal, &["pause default: done"]).await;
    terminal.press(ENTER).await;
    sees(&terminal, &["paused: operator"]).await;
    stage.submit("held", "text").await;
    stage.until("held", "queued").await;
    terminal.press("1").await;
    counts(&terminal, "waiting", 1).await;
    terminal.press("3").await;
    chosen(&terminal, "default").await;
    terminal.press("uy").await;
    sees(&terminal, &["resume default: done"]).await;
    stage.until("held", "completed").await;

    terminal.press("\r1P").await;
    sees(
        &terminal,
        &["Pause the whole queue?", "what is paid for is looked at"],
    )
    .await;
    terminal.press("y").await;
    sees(&terminal, &["pause the queue: done"]).await;
    terminal.press(ENTER).await;
    sees(&terminal, &["paused the queue"]).await;
    stage.submit("later", "text").await;
    counts(&terminal, "waiting", 1).await;
    terminal.press("Uy").await;
    sees(&terminal, &["resume the queue: done"]).await;
    stage.until("later", "completed").await;
    stage.assert_honest(2, &[]).await;
}

/// Whose user of Redis may run no script asks the workers by the control stream.
#[tokio::test]
async fn who_may_run_no_script_has_workers_carry_it_out() {
    let stage = Stage::start(&["--generation-time", "60s"]).await;
    let _worker = stage.worker("worker", &[]).await;
    stage.submit("unwanted", "text").await;
    stage.until("unwanted", "generating").await;
    let rights = "ACL SETUSER desk on >desk -@all ~gammaq:{main}:* +@read -@dangerous +xadd +info +time +ping +select \
                  +client|setname";
    let rights: Vec<&str> = rights.split_whitespace().collect();
    assert_eq!(stage.redis.cli(&rights).await, "OK");
    let url = format!("redis://desk:desk@{}", stage.redis.address());
    let mut terminal = top_at(&url, USUAL, &[]);
    counts(&terminal, "under way", 1).await;
    terminal.press("/unwanted\rc").await;
    sees(&terminal, &["Cancel job unwanted?"]).await;
    terminal.press("y").await;
    sees(&terminal, &["cancel unwanted: done"]).await;
    stage.until("unwanted", "cancelled").await;
    assert!(
        stage
            .field("unwanted", "last_operation_by")
            .await
            .starts_with("oncall@")
    );
}
