//! How far a generation is: on the record as it came, in `events` a quarter at a time.

use gammaq_job::State;
use gammaq_queue::claim::Claimed;
use gammaq_queue::settle::{Settled, Settlement, Verb};

use crate::bench::{Bench, millis, settlement};

fn looked(job: &Claimed, verb: Verb, percent: u32) -> Settlement {
    let mut item = settlement(job, verb);
    item.fields
        .push(("progress", format!(r#"{{"percentage":{percent}}}"#)));
    item.fields.push(("progress_quarter", (percent / 25).to_string()));
    item
}

impl Bench {
    /// What `events` has of progress, oldest first.
    async fn progress_told(&self) -> Vec<String> {
        let script = "local out = {}
             for _, entry in ipairs(redis.call('XRANGE', base .. 'events', '-', '+')) do
               local fields = entry[2]
               for i = 1, #fields, 2 do
                 if fields[i] == 'note' and string.find(fields[i + 1], 'progress', 1, true) then
                   out[#out + 1] = fields[4] .. ' ' .. fields[6] .. ' ' .. fields[i + 1]
                 end
               end
             end
             return out";
        self.eval(script).await
    }

    async fn look_once(&self, percent: u32) {
        self.hurry("g").await;
        let job = self.claim_one("A").await;
        let item = looked(&job, Verb::Again(millis(0)), percent);
        assert_eq!(self.settle("A", item.clone()).await, Settled::Done);
        // As after an answer that was lost, and by a worker that has the job no more.
        assert_eq!(self.settle("A", item).await, Settled::Stale);
        assert_eq!(
            self.settle("B", looked(&job, Verb::Again(millis(0)), 99)).await,
            Settled::Stale
        );
    }
}

#[tokio::test]
async fn each_quarter_is_told_once_however_often_it_is_looked_at() {
    let bench = Bench::start().await;
    bench.add("g").await;
    bench.generating("A", "gen_1").await;
    for percent in [0, 10, 24, 25, 26, 60, 30, 60, 49, 99, 100, 100, 12] {
        bench.look_once(percent).await;
        assert_eq!(
            bench.field("g", "progress").await,
            format!(r#"{{"percentage":{percent}}}"#),
            "as it came"
        );
    }
    let told = |quarter: u32| format!("generating generating progress: {} %", quarter * 25);
    assert_eq!(bench.progress_told().await, [1, 2, 3, 4].map(told));
    assert_eq!(bench.field("g", "progress_quarter").await, "4");
    assert_eq!(bench.state("g").await, "generating");

    bench.hurry("g").await;
    let job = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
    let record = bench.queue.record("g").await.unwrap().unwrap();
    assert_eq!(
        (record.get("progress"), record.get("progress_quarter")),
        (None, None)
    );
}

/// A jump over quarters is one entry, and nonsense is none.
#[tokio::test]
async fn a_jump_is_one_entry_and_nonsense_is_none() {
    let bench = Bench::start().await;
    bench.add("g").await;
    bench.generating("A", "gen_1").await;
    bench.hurry("g").await;
    let job = bench.claim_one("A").await;
    let mut item = settlement(&job, Verb::Again(millis(0)));
    item.fields.push(("progress_quarter", "half".to_owned()));
    assert_eq!(bench.settle("A", item).await, Settled::Done);
    assert!(bench.progress_told().await.is_empty());
    bench.look_once(80).await;
    assert_eq!(
        bench.progress_told().await,
        ["generating generating progress: 75 %"]
    );
    assert_eq!(
        bench.queue.record("g").await.unwrap().unwrap().state(),
        Some(State::Generating)
    );
}
