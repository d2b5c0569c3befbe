//! A worker dies on the way of a job that wants files, at every await of a step for one: when it fetches the copy of the
//! first, whose link came with the deck, when it asks for the second, when it looks for it. Another one takes over.

use gammaq_crash::points::{POINTS, Reached};
use gammaq_testkit::{Process, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::Value;
use tempfile::TempDir;

use super::TRACKS;
use super::track::{Moment, bury};
use crate::downloads::names;

/// The first look at the deck finds it, and so does the first look at a file: without a fault each step is done once.
const FAKE: &[&str] = &["--generation-time", "0s", "--export-time", "0s"];

/// What the worker was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It fetched a file's copy.
    Fetches,
    /// It asked for a file.
    Asks,
    /// It looked for one.
    Looks,
}

use Step::{Asks, Fetches, Looks};

/// Where, and at which arrival there, a worker dies within which step. Others come by before: the submit, the look at the
/// deck, and the copy of the first file.
fn arrivals(point: &str) -> &'static [(u64, Step)] {
    match point {
        "export_download" | "export_fetch" => &[(1, Fetches)],
        "export_begin" | "export_ask" => &[(1, Asks)],
        "export_look" | "export_poll" => &[(1, Looks)],
        "step_export" | "export_stop" | "export_lost" | "export_step" => &[(2, Asks), (3, Looks)],
        "exchange_time" | "exchange_head" | "exchange_body" | "within_time" => &[(3, Asks), (4, Looks)],
        // Each body is one piece and an end.
        "exchange_piece" => &[(5, Asks), (7, Looks)],
        "settle_step" => &[(4, Asks), (5, Looks)],
        // A submit that was accepted is recorded, not settled.
        "settled" | "settle_batch" | "settle_jobs" => &[(3, Asks), (4, Looks)],
        _ => &[],
    }
}

/// Whether the await ends only where something ends the step: a wish to stop, or another worker that has the job.
fn ends_a_step(point: &str) -> bool {
    matches!(point, "export_stop" | "export_lost")
}

#[derive(Debug, Clone, Copy)]
struct Death {
    point: &'static str,
    moment: Moment,
    arrival: u64,
    step: Step,
}

fn deaths() -> Vec<Death> {
    let mut deaths = Vec::new();
    for (point, reached) in POINTS {
        let own = *reached == Reached::Exporting;
        assert!(!own || !arrivals(point).is_empty(), "nobody dies at {point}");
        for (arrival, step) in arrivals(point).iter().copied() {
            for moment in [Moment::Before, Moment::Within, Moment::After] {
                let ends = moment == Moment::After && ends_a_step(point);
                // What others come by too is tried at all moments by them, and here where it is known what was done.
                if (own || moment != Moment::Within) && (!ends || step == Asks) {
                    deaths.push(Death {
                        point,
                        moment,
                        arrival: if ends { 1 } else { arrival },
                        step,
                    });
                }
            }
        }
    }
    deaths
}

/// How often the deck's files were asked for.
async fn asked(stage: &Stage, id: &str) -> usize {
    let deck = stage.field(id, "gamma_id").await;
    let asked = stage.ledger().await.exports;
    let asked = asked.iter().filter(|it| it.gamma_id == deck);
    asked
        .inspect(|it| assert_eq!(it.export_as.as_deref(), Some("pptx"), "{id}"))
        .count()
}

async fn heir(stage: &Stage, settings: &[(&str, &str)], id: &str) -> Process {
    let heir = stage.worker("heir", settings).await;
    stage.until(id, "completed").await;
    heir
}

async fn die_and_go_on(stage: &Stage, death: Death) {
    let Death {
        point,
        moment,
        arrival,
        step,
    } = death;
    let (store, id) = (
        TempDir::new().unwrap(),
        format!("{point}-{arrival}-{moment:?}-{step:?}"),
    );
    let place = format!("file://{}", store.path().display());
    let settings = [
        ("EXPORTS__STORE", place.as_str()),
        ("EXPORTS__KEEP_FILES", "false"),
        ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
        ("EXPORTS__MIN_FREE", "1 MiB"),
        ("LOG__FILTER", "info"),
        ("WORKER__LEASE", "2s"),
    ];
    let ends = moment == Moment::After && ends_a_step(point);
    let text = if ends {
        "text [[fake:export=slow=60s*1]]"
    } else {
        "text"
    };
    let prepare = format!("export GAMMAQ_CRASH_AT='{point}{}:{arrival}'", moment.mark());
    let victim = stage.spawn_worker_after(&prepare, &format!("victim-of-{id}"), &settings);
    stage.submit_with(&id, "pdf,pptx", text).await;
    if ends {
        eventually(PATIENCE, "the file is asked for", || async {
            asked(stage, &id).await == 1
        })
        .await;
    }
    let heir = if ends && point == "export_lost" {
        // It stands still for longer than its lease, and hears of it when it goes on.
        victim.pause().await;
        let heir = heir(stage, &settings, &id).await;
        victim.resume();
        bury(&victim, point).await;
        heir
    } else {
        if ends {
            victim.signal(Signal::TERM);
        }
        bury(&victim, point).await;
        // It died on the way that is meant; one that dies a moment later may have come to the end of it.
        let state = stage.field(&id, "state").await;
        assert!(state == "exporting" || moment == Moment::Within, "{id}: {state}");
        heir(stage, &settings, &id).await
    };

    let ledger = stage.ledger().await;
    let posts = ledger
        .posts
        .iter()
        .filter(|post| post.title.as_deref() == Some(&id));
    assert_eq!(posts.count(), 1, "{id}: paid for twice");
    // Only where nobody knows what who asked first was answered is it asked for again; one that dies a moment after it began
    // with the copy may have asked by then.
    let may_have_asked = step == Asks || (step == Fetches && moment == Moment::Within);
    let most = if may_have_asked { 2 } else { 1 };
    let asked = asked(stage, &id).await;
    assert!((1..=most).contains(&asked), "{id}: asked for {asked} times");
    for number in 0..2 {
        let file = stage.export(&id, number).await;
        assert_eq!(file["error"], Value::Null, "{id}");
        stage.assert_copy(&file).await;
    }
    assert_eq!(
        names(store.path()),
        [format!("{id}.pdf"), format!("{id}.pptx")],
        "{id}: something is left over"
    );
    heir.signal(Signal::TERM);
    heir.wait(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_any_point_of_a_step_for_a_file() {
    let deaths = deaths();
    let tracks = (0..TRACKS).map(|number| {
        let deaths: Vec<_> = deaths.iter().copied().skip(number).step_by(TRACKS).collect();
        tokio::spawn(async move {
            let stage = Stage::start(FAKE).await;
            let count = deaths.len() as u64;
            for death in deaths {
                die_and_go_on(&stage, death).await;
            }
            stage.assert_honest(count, &[]).await;
        })
    });
    for track in tracks.collect::<Vec<_>>() {
        track.await.unwrap();
    }
}
