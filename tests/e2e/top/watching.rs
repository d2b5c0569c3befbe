//! Numbers that change, and the way down to a job and back.

use gammaq_tests::Stage;

use super::{DOWN, ENTER, ESCAPE, USUAL, chosen, counts, sees, top};

#[tokio::test]
async fn numbers_change_while_jobs_run_and_a_job_tells_its_story() {
    let stage = Stage::start(&["--generation-time", "1s"]).await;
    let mut terminal = top(&stage, USUAL);
    sees(
        &terminal,
        &[
            "[overview] jobs accounts events",
            "no worker has ever run on queue",
        ],
    )
    .await;
    assert!(terminal.is_taken());
    let _worker = stage.worker("worker", &[]).await;
    counts(&terminal, "completed", 0).await;
    // All at once for a while; they end one after the other.
    for n in 0..3 {
        let text = format!("text [[fake:time={}s]]", n + 2);
        stage.submit(&format!("deck-{n}"), &text).await;
    }
    counts(&terminal, "under way", 3).await;
    counts(&terminal, "completed", 3).await;
    let texts = [
        "a minute accepted",
        "ACCOUNT",
        "3 of 1000 in 1 h",
        "WORKER",
        "as of ",
    ];
    sees(&terminal, &texts).await;

    // To the state, to the job, and back.
    terminal.press(&DOWN.repeat(5)).await;
    chosen(&terminal, "completed").await;
    terminal.press(ENTER).await;
    sees(
        &terminal,
        &[
            "completed jobs, page 1",
            "deck-0",
            "deck-1",
            "deck-2",
            "gamma.app/docs",
        ],
    )
    .await;
    chosen(&terminal, "deck-2").await;
    terminal.press("j").await;
    chosen(&terminal, "deck-1").await;
    terminal.press(ENTER).await;
    let screen = sees(&terminal, &["one job", "deck-1 completed", "steps"]).await;
    assert!(screen.contains("submitting"), "{screen}");
    terminal.press("G").await;
    sees(&terminal, &["credits"]).await;
    terminal.press(ESCAPE).await;
    chosen(&terminal, "deck-1").await;
    terminal.press(ESCAPE).await;
    sees(&terminal, &["WORKER"]).await;

    // By its id, from anywhere; and one that there is not.
    terminal.press("/deck-0\r").await;
    sees(&terminal, &["deck-0 completed"]).await;
    terminal.press("/nobody\r").await;
    sees(&terminal, &["there is no job nobody"]).await;

    // The other screens, by digits and Tab.
    terminal.press("3").await;
    sees(&terminal, &["[accounts]", "default", "450 credits"]).await;
    terminal.press(ENTER).await;
    sees(&terminal, &["one account", "slots back", "spent today"]).await;
    terminal.press(ENTER).await;
    sees(&terminal, &["all jobs of default", "deck-0"]).await;
    terminal.press("4").await;
    sees(&terminal, &["[events]", "generating → completed"]).await;
    stage.submit("late", "text").await;
    sees(&terminal, &["late"]).await;
    terminal.press("\t").await;
    counts(&terminal, "completed", 4).await;
    terminal.press("?").await;
    sees(&terminal, &["everywhere", "go to a job by its id"]).await;
}

#[tokio::test]
async fn pages_are_turned_and_the_terminal_may_change_its_size() {
    let stage = Stage::start(&[]).await;
    // Nobody takes them in but a worker that is told to submit none.
    let _worker = stage.worker("worker", &[("ACCOUNTS__DEFAULT__LIMIT", "1")]).await;
    for n in 0..30 {
        stage
            .submit(&format!("job-{n:02}"), "text [[fake:poll=pending]]")
            .await;
    }
    let mut terminal = top(&stage, (40, 10));
    sees(
        &terminal,
        &["[overview] jobs accounts events", "waiting", "as of"],
    )
    .await;
    counts(&terminal, "waiting", 29).await;
    terminal.press("j\r").await;
    sees(&terminal, &["queued jobs, page 1", "job-01", "job-06"]).await;
    // At the end of a page the next one begins.
    terminal.press("G").await;
    chosen(&terminal, "job-06").await;
    terminal.press("j").await;
    sees(&terminal, &["page 2"]).await;
    chosen(&terminal, "job-07").await;
    terminal.press("n").await;
    chosen(&terminal, "job-13").await;
    terminal.press("b").await;
    sees(&terminal, &["page 2"]).await;

    terminal.resize(100, 40);
    let screen = sees(&terminal, &["job-07", "job-29", "WHAT THERE IS TO SAY"]).await;
    assert!(screen.lines().count() > 20, "{screen}");
    terminal.resize(40, 10);
    sees(&terminal, &["page 2", "job-07"]).await;
    terminal.resize(1, 1);
    terminal.resize(80, 24);
    sees(&terminal, &["page 2", "job-07", "job-20"]).await;
    terminal.press("f").await;
    sees(&terminal, &["submitting jobs, page 1", "no such jobs"]).await;
    terminal.press("F").await;
    sees(&terminal, &["queued jobs, page 1", "job-01"]).await;
}
