//! A worker dies at every await of the submit path: before it, while it is under way, after it. Another one takes
//! over, and dies at the next. In the end the ledger tells what was paid for, and Redis what became of it. The steps for
//! files that come after that are in `exports`.
//!
//! `GAMMAQ_CRASH_ROUNDS` has each point tried so many times (2).

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

mod exports;
mod track;

use gammaq_crash::points::{POINTS, Reached};
use gammaq_testkit::{Redis, Signal, eventually, seed};
use gammaq_tests::PATIENCE;

use self::track::{Moment, Track, bury};
use crate::journal::{go_back, redis_ms, save, submit_at};

const ROUNDS_VARIABLE: &str = "GAMMAQ_CRASH_ROUNDS";
/// Chains of workers side by side: most of a round is waiting.
const TRACKS: usize = 3;

fn rounds() -> usize {
    std::env::var(ROUNDS_VARIABLE).map_or(2, |rounds| rounds.parse().unwrap())
}

/// Every point that is wanted, as often as asked for; the first time before it, then at a moment of chance.
async fn die_everywhere(journal: bool, wanted: fn(Reached) -> bool) {
    let random = seed();
    let wanted: Vec<_> = POINTS.iter().filter(|(_, reached)| wanted(*reached)).collect();
    let tracks = (0..TRACKS).map(|number| {
        let points: Vec<_> = wanted.iter().copied().skip(number).step_by(TRACKS).collect();
        tokio::spawn(async move {
            let redis = Redis::builder().aof_always().start().await;
            // Twice the request's time is the shortest lease: an unanswered POST outlasts the time for sending.
            let settings = [("GAMMA__REQUEST_TIMEOUT", "800ms"), ("WORKER__LEASE", "1600ms")];
            let mut track = Track::start(redis, journal, &settings, random ^ number as u64).await;
            for round in 0..rounds() {
                for (name, reached) in &points {
                    let moment = match (round, track.draw(2)) {
                        (0, _) => Moment::Before,
                        (_, 0) => Moment::Within,
                        _ => Moment::After,
                    };
                    track.die_at(name, *reached, moment).await;
                }
            }
            track.settle_up().await;
        })
    });
    for track in tracks.collect::<Vec<_>>() {
        track.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_any_point_of_a_submit() {
    die_everywhere(false, |reached| {
        !matches!(reached, Reached::Journal | Reached::GoneBack | Reached::Exporting)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_a_journal_may_die_at_any_point_of_a_submit() {
    die_everywhere(true, |reached| {
        matches!(reached, Reached::Always | Reached::Journal)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_while_it_reminds_a_redis_that_went_back() {
    let random = seed();
    let points: Vec<_> = POINTS
        .iter()
        .filter(|(_, reached)| *reached == Reached::GoneBack)
        .collect();
    let settings = [("GAMMA__REQUEST_TIMEOUT", "2s"), ("WORKER__LEASE", "5s")];
    let mut track = Track::start(Redis::start().await, true, &settings, random).await;
    for round in 0..rounds() {
        for (name, _) in &points {
            let mark = match (round, track.draw(2)) {
                (0, _) => "",
                (_, 0) => "~",
                _ => "+",
            };
            let worker = track.stage.worker("before", &track.settings()).await;
            let (waits, begun, inbox) = (track.job("waits"), track.job("begun"), track.job("inbox"));
            track.stage.submit(&begun, "text [[fake:post=slow=800ms]]").await;
            track.stage.until(&begun, "submitting").await;
            let soon = (redis_ms(&track.stage).await + 1_000).to_string();
            submit_at(&track.stage, &waits, "text", &soon).await;
            eventually(PATIENCE, "it is taken in", || async {
                !track.stage.field(&waits, "state").await.is_empty()
            })
            .await;
            worker.pause().await;
            track.stage.submit(&inbox, "text").await;
            let saved = save(&track.stage).await;
            worker.resume();
            for id in [&waits, &begun, &inbox] {
                let what = format!("{id} has its generation, or is parked");
                eventually(PATIENCE, &what, || async {
                    !track.stage.field(id, "generation_id").await.is_empty()
                        || track.stage.field(id, "state").await == "ambiguous"
                })
                .await;
            }
            worker.signal(Signal::KILL);
            worker.wait(PATIENCE).await;
            go_back(&track.stage, &saved).await;
            let victim = track.victim(&format!("{name}{mark}"));
            bury(&victim, name).await;
        }
    }
    track.settle_up().await;
}
