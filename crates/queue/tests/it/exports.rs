//! The state `exporting`: seen from its beginning, taken over by any worker, never a second generation; and links that
//! stand in Redis no longer than they are good for.

use gammaq_job::{ExportFormat, File, Files, State};
use gammaq_queue::accept::Accepted;
use gammaq_queue::callbacks::{CallbackSettled, Told};
use gammaq_queue::claim::{Claimed, Step};
use gammaq_queue::settle::{Settled, Verb};

use crate::bench::{Bench, LONG, REQUEST, settlement};

const LINK: &str = "https://assets.api.gamma.app/export/pdf/1";
const WEEK_MS: u64 = 7 * 24 * 3_600_000;

impl Bench {
    /// A job whose deck is there and whose second file is not, before anybody has it.
    async fn exporting(&self, id: &str) {
        let fields = [("request", REQUEST), ("id", id), ("exports", "pdf,pptx")];
        assert_eq!(self.add_fields(&fields).await, Accepted::Queued);
        self.generating("A", &format!("gen-{id}")).await;
        let look = self.claim_one("A").await;
        assert_eq!(self.settle("A", begin(&look)).await, Settled::Done);
    }
}

fn begin(look: &Claimed) -> gammaq_queue::settle::Settlement {
    let mut item = settlement(look, Verb::Export);
    item.fields = vec![
        ("gamma_id", "gm".to_owned()),
        ("gamma_url", "https://gamma.app/docs/gm".to_owned()),
        ("pdf_url", LINK.to_owned()),
        ("pdf_linked_at", "7".to_owned()),
        ("credits_deducted", "12".to_owned()),
        ("files", waiting().to_json()),
    ];
    item
}

fn waiting() -> Files {
    let mut files = Files::default();
    let file = File {
        export_id: Some("e".to_owned()),
        ..File::default()
    };
    files.put(ExportFormat::Pptx, file);
    files
}

#[tokio::test]
async fn the_deck_is_seen_from_the_beginning_of_its_exports() {
    let bench = Bench::start().await;
    bench.exporting("a").await;
    assert_eq!(bench.state("a").await, "exporting");
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!(result.state, State::Exporting);
    assert_eq!(result.gamma_url.as_deref(), Some("https://gamma.app/docs/gm"));
    let files: Vec<_> = result
        .exports
        .iter()
        .map(|it| (it.url.as_deref(), it.error.as_deref()))
        .collect();
    assert_eq!(
        files,
        [(Some(LINK), None), (None, None)],
        "still to come is no error"
    );
    assert_eq!(bench.cmd::<i64>(&["PTTL", "@result:a"]).await, -1);
    assert_eq!(
        bench.cmd::<f64>(&["HGET", "@stats", "credits_deducted"]).await,
        12.0
    );
    // What it takes to go on is on the record, for any worker, and its link is not told in passing.
    let step = bench.claim_one("B").await;
    assert_eq!((step.step, step.gamma_id.as_str()), (Step::Export, "gm"));
    assert_eq!(step.files, waiting());
    assert_eq!(step.links.get(&ExportFormat::Pdf).map(String::as_str), Some(LINK));
    assert!(!format!("{step:?}").contains("export/pdf"));
}

#[tokio::test]
async fn what_comes_is_in_the_result_at_once_and_each_end_is_told() {
    let bench = Bench::start().await;
    bench.exporting("a").await;
    let polls = bench.stat("polls").await;
    let step = bench.claim_one("A").await;
    let mut item = settlement(&step, Verb::Again(LONG));
    item.fields = vec![
        ("pdf_stored", "file:///files/a.pdf".to_owned()),
        ("pdf_bytes", "123456".to_owned()),
        ("pdf_sha256", "ab".repeat(32)),
    ];
    assert_eq!(bench.settle("A", item).await, Settled::Done);
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!(result.exports[0].stored.as_deref(), Some("file:///files/a.pdf"));
    assert_eq!(result.exports[0].bytes, Some(123_456));
    assert_eq!(result.exports[0].sha256, Some("ab".repeat(32)));

    // Its worker dies; the next one ends it.
    bench.hurry("a").await;
    let dead = bench.claim_one("A").await;
    bench.hurry("a").await;
    let step = bench.claim_one("B").await;
    assert_eq!(bench.end("A", &dead, Verb::Complete).await, Settled::Stale);
    let mut item = settlement(&step, Verb::Complete);
    item.fields = vec![("pptx_error", "deck_too_large: no".to_owned())];
    assert_eq!(bench.settle("B", item).await, Settled::Done);
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!((result.state, result.error), (State::Completed, None));
    assert_eq!(result.exports[1].error.as_deref(), Some("deck_too_large: no"));
    assert_eq!(
        bench.stat("polls").await,
        polls,
        "a step for a file is no look at the generation"
    );
    assert_eq!(
        bench.cmd::<f64>(&["HGET", "@stats", "credits_deducted"]).await,
        12.0,
        "once"
    );
    assert_eq!(bench.field("a", "request").await, "");
}

#[tokio::test]
async fn a_deck_that_came_late_gets_its_files_too() {
    let bench = Bench::start().await;
    bench.add_with_callback("a").await;
    bench.generating("A", "gen").await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::TimeOut).await, Settled::Done);
    let news = bench.callbacks("C").await.remove(0);
    bench.hurry("a").await;
    let late = bench.claim_one("A").await;
    assert_eq!(bench.settle("A", begin(&late)).await, Settled::Done);
    assert_eq!(bench.count("timed_out").await, 0);
    // Under way again, so its former end is told no more.
    assert_eq!(bench.count("callbacks").await, 0);
    assert_eq!(
        bench.tell("C", &news, Told::Delivered).await,
        CallbackSettled::Stale
    );
    let step = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &step, Verb::Complete).await, Settled::Done);
    assert_eq!(bench.field("a", "late").await, "1");
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!((result.state, result.error), (State::Completed, None));
    assert_eq!(bench.callbacks("C").await.remove(0).state, State::Completed);
}

#[tokio::test]
async fn an_account_that_has_to_wait_holds_its_exports_back_too() {
    let bench = Bench::start().await;
    bench.exporting("a").await;
    let step = bench.claim_one("A").await;
    bench.exporting("b").await;
    let limited = crate::bench::limited(&step, Verb::Again(std::time::Duration::ZERO), Some(LONG));
    assert_eq!(bench.settle("A", limited).await, Settled::Done);
    assert!(bench.claim("A", 9).await.is_empty());
    let resumes: u64 = bench.cmd(&["HGET", "@account:default", "paused_until"]).await;
    for id in ["a", "b"] {
        assert!(bench.score("due", id).await.unwrap() >= resumes, "{id}");
    }
}

#[tokio::test]
async fn links_go_when_they_are_good_no_more() {
    let bench = Bench::start().await;
    bench.exporting("a").await;
    let step = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &step, Verb::Complete).await, Settled::Done);
    let now = bench.queue.time().await.unwrap();
    let until = bench.score("links", "a").await.unwrap();
    assert!(
        (now + WEEK_MS - 60_000..=now + WEEK_MS).contains(&until),
        "{until} at {now}"
    );
    assert_eq!(bench.queue.drop_links(100).await.unwrap(), 0, "still good");

    let left: i64 = bench.cmd(&["PTTL", "@result:a"]).await;
    for (id, score) in [("a", "1"), ("gone", "1")] {
        bench.cmd::<u64>(&["ZADD", "@links", score, id]).await;
    }
    assert_eq!(bench.queue.drop_links(100).await.unwrap(), 2);
    assert_eq!(bench.queue.drop_links(100).await.unwrap(), 0);
    assert_eq!(bench.count("links").await, 0);
    assert_eq!(
        (
            bench.field("a", "pdf_url").await,
            bench.field("a", "gamma_url").await.len()
        ),
        (String::new(), 25)
    );
    let text = bench.queue.result_text("a").await.unwrap().unwrap();
    assert!(
        !text.contains("/export/") && text.contains("the link expired"),
        "{text}"
    );
    let after: i64 = bench.cmd(&["PTTL", "@result:a"]).await;
    assert!((1..=left).contains(&after), "{after} of {left}");
    let keys: Vec<String> = bench.cmd(&["KEYS", "*"]).await;
    assert!(keys.iter().all(|key| !key.contains("gone")), "{keys:?}");
}

#[tokio::test]
async fn a_new_job_under_a_known_id_keeps_nothing_of_the_files_before() {
    let bench = Bench::start().await;
    bench.exporting("a").await;
    bench.cmd::<u64>(&["DEL", "@job:a", "@result:a"]).await;
    bench.cmd::<u64>(&["ZREM", "@due", "a"]).await;
    assert!(bench.score("links", "a").await.is_some());
    bench.add("a").await;
    assert_eq!(bench.score("links", "a").await, None);
}
