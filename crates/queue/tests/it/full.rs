//! A full Redis: what would start something new is refused and changes nothing, what is under way goes on.

use std::collections::BTreeMap;

use gammaq_queue::Error;
use gammaq_queue::accept::Accepted;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use crate::bench::{Bench, LONG, REQUEST, asking, generation, item, millis, settlement};

impl Bench {
    pub(crate) async fn fill(&self) {
        self.cmd::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
            .await;
        self.cmd::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
        self.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
    }

    /// Every key with what is in it.
    async fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let keys: Vec<String> = self.cmd(&["KEYS", "*"]).await;
        let mut all = BTreeMap::new();
        for key in keys {
            let dump: Vec<u8> = self.cmd(&["DUMP", &key]).await;
            all.insert(key, dump);
        }
        all
    }
}

#[tokio::test]
async fn nothing_new_starts() {
    let bench = Bench::start().await;
    bench.add("waits").await;
    let waits = bench.claim_one("A").await;
    let good: &[(&str, &[u8])] = &[("request", REQUEST.as_bytes())];
    let bad: &[(&str, &[u8])] = &[("request", b"nonsense")];
    // The first of them was taken meanwhile: taking it off the stream would be a write that a full Redis allows.
    let taken = bench
        .queue
        .append_many(&[good, good, bad])
        .await
        .unwrap()
        .remove(0);
    let entries = bench.queue.read_inbox("A", 9, millis(1)).await.unwrap();
    bench.cmd::<u64>(&["XDEL", "@inbox", &taken]).await;
    let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();

    bench.fill().await;
    let before = bench.everything().await;
    for items in [&items[..], &items[1..], &items[2..]] {
        let refused = bench.queue.accept_jobs("A", items).await;
        assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    }
    let refused = bench.try_begin("A", &waits, LONG).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    let refused = bench.queue.append(good).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    let after = bench.everything().await;
    assert!(
        before == after,
        "a refused script changed {:?}",
        before.iter().find(|(k, v)| after.get(*k) != Some(v))
    );
    assert!(Error::Full(String::new()).is_temporary());

    // With room again all of it goes on.
    bench.cmd::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let outcomes = bench.queue.accept_jobs("A", &items).await.unwrap();
    assert_eq!(outcomes, [Accepted::Gone, Accepted::Queued, Accepted::Failed]);
    assert_eq!(bench.begin("A", &waits).await, Begun::Yes);
}

#[tokio::test]
async fn what_was_begun_is_recorded_and_looked_at_and_ends() {
    let bench = Bench::start().await;
    for id in ["late", "probe", "a"] {
        bench.add(id).await;
    }
    let jobs = bench.claim("A", 3).await;
    for job in &jobs {
        assert_eq!(bench.begin("A", job).await, Begun::Yes);
    }
    assert_eq!(bench.end("A", &jobs[0], Verb::Park).await, Settled::Done);
    bench.fill().await;

    let held: Vec<_> = jobs[1..].iter().map(|job| (job.id.clone(), job.fence)).collect();
    assert!(
        bench
            .queue
            .renew_leases("A", LONG, &held)
            .await
            .unwrap()
            .is_empty()
    );
    for job in &jobs {
        let fields = [("warnings", "[]".to_owned())];
        let mut made = generation(job, &job.id);
        made.fields = &fields;
        made.probe = job.id == "probe";
        bench.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
        let recorded = bench.queue.record_generation("A", &made).await.unwrap();
        assert_eq!(recorded, Recorded::Generating, "{}", job.id);
        assert_eq!(bench.record("A", job, &job.id).await, Recorded::Known);
    }
    bench.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
    let looks = bench.claim("B", 9).await;
    assert_eq!(looks.len(), 3);
    let verbs = [Verb::Complete, Verb::TimeOut, Verb::Again(millis(0))];
    let items: Vec<_> = looks
        .iter()
        .zip(verbs)
        .map(|(job, verb)| settlement(job, verb))
        .collect();
    let outcomes = bench
        .queue
        .settle_jobs("B", &crate::bench::SETTLE, &items)
        .await
        .unwrap();
    assert_eq!(outcomes, [Settled::Done; 3]);
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    let states = [
        bench.state(&looks[0].id).await,
        bench.state(&looks[1].id).await,
        bench.state(&looks[2].id).await,
    ];
    assert_eq!(states, ["completed", "timed_out", "generating"]);
    assert!(bench.queue.result(&looks[0].id).await.unwrap().is_some());
    // A lease that ended is noticed, too.
    let dead = bench.claim_one("dead").await;
    bench.hurry(&dead.id).await;
    assert_eq!(bench.claim_one("B").await.fence, dead.fence + 1);
}

#[tokio::test]
async fn a_worker_that_knows_may_leave_submits_alone() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.fill().await;
    let request = gammaq_queue::claim::ClaimRequest {
        submits: 0,
        not_after: u64::MAX,
        ..asking("A")
    };
    let claim = bench.queue.claim_jobs(&request).await.unwrap();
    assert!(claim.jobs.is_empty());
    assert_eq!(claim.next_at, None);
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn every_script_is_loaded_again_after_a_flush() {
    let bench = Bench::start().await;
    let flush = async || bench.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
    flush().await;
    bench.add("a").await;
    flush().await;
    let job = bench.claim_one("A").await;
    flush().await;
    assert_eq!(bench.begin("A", &job).await, Begun::Yes);
    flush().await;
    assert!(
        bench
            .queue
            .renew_leases("A", LONG, &[("a".to_owned(), job.fence)])
            .await
            .unwrap()
            .is_empty()
    );
    flush().await;
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Generating);
    flush().await;
    let look = bench.claim_one("A").await;
    flush().await;
    assert_eq!(bench.end("A", &look, Verb::Complete).await, Settled::Done);
    flush().await;
    assert_eq!(bench.queue.sweep_jobs(1).await.unwrap(), 0);
}
