//! A worker by hand: it moves jobs through the queue's own scripts, one step at a call, without any Gamma.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::entry::judge;
use gammaq_job::{Entry, QueueName};
use gammaq_queue::accept::AcceptItem;
use gammaq_queue::claim::{Claim, ClaimRequest, OnAmbiguous};
use gammaq_queue::registry::Budget;
use gammaq_queue::settle::{Probe, SettlePolicy, Settled, Settlement, Verb};
use gammaq_queue::submit::{Begun, Generation, Recorded};
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};

const WORKER: &str = "by-hand";
const LEASE: Duration = Duration::from_secs(60);

/// A worker by hand for the queue `main`.
#[derive(Debug)]
pub(crate) struct Hand {
    queue: Queue,
}

impl Hand {
    /// One for the Redis at `url`, whose account `default` may submit a thousand jobs.
    pub(crate) async fn new(url: &str) -> Self {
        let settings = LinkSettings {
            url: url.to_owned(),
            tls_ca: None,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
        };
        let keys = Keys::new(
            &QueueName::new("gammaq").unwrap(),
            &QueueName::new("main").unwrap(),
        );
        let queue = Queue::new(Arc::new(Link::new(settings).unwrap()), keys, Policy::default());
        queue.check_schema().await.unwrap();
        queue.create_inbox().await.unwrap();
        let budget = Budget {
            limit: 1_000,
            window: Duration::from_secs(3600),
            credits_floor: None,
        };
        queue.register_account("default", budget).await.unwrap();
        Self { queue }
    }

    /// Takes everything in that stands in the inbox, and answers how much it was.
    pub(crate) async fn take_in(&self) -> usize {
        let mut total = 0;
        // A read that finds nothing would take a tenth of a second: Redis looks at its clock no more often.
        while self.queue.inbox_len().await.unwrap() > 0 {
            let entries = self
                .queue
                .read_inbox(WORKER, 1_000, Duration::from_millis(1))
                .await
                .unwrap();
            total += entries.len();
            let items: Vec<AcceptItem> = entries
                .iter()
                .map(|entry| AcceptItem {
                    entry_id: entry.id.clone(),
                    judged: judge(&Entry {
                        entry_id: &entry.id,
                        fields: &entry.slices(),
                    }),
                    account_known: false,
                })
                .collect();
            self.queue.accept_jobs(WORKER, &items).await.unwrap();
        }
        total
    }

    /// Takes in what there is, and submits the next job, up to its generation `gen-<id>`; answers its id.
    pub(crate) async fn submit_next(&self) -> String {
        self.take_in().await;
        let job = self.claim(0, 1).await.jobs.pop().expect("a job to submit");
        let late = u64::MAX >> 12;
        let begun = self
            .queue
            .begin_submit(WORKER, &job.id, job.fence, late, LEASE, "http://gamma")
            .await;
        assert_eq!(begun.unwrap(), Begun::Yes);
        let generation = Generation {
            id: &job.id,
            fence: job.fence,
            generation_id: &format!("gen-{}", job.id),
            first_look: Duration::ZERO,
            timeout: Duration::from_secs(300),
            probe: false,
            account: &job.account,
            slot: &job.slot,
            kept: Some(Duration::ZERO),
            fields: &[],
        };
        let recorded = self.queue.record_generation(WORKER, &generation).await.unwrap();
        assert_eq!(recorded, Recorded::Generating);
        job.id
    }

    /// Takes in what there is, and has the next job's POST under way; answers its id and fence.
    pub(crate) async fn begin_next(&self) -> (String, u64) {
        self.take_in().await;
        let job = self.claim(0, 1).await.jobs.pop().expect("a job to begin");
        let late = u64::MAX >> 12;
        let begun = self
            .queue
            .begin_submit(WORKER, &job.id, job.fence, late, LEASE, "http://gamma")
            .await;
        assert_eq!(begun.unwrap(), Begun::Yes);
        (job.id, job.fence)
    }

    /// Submits the next job so that its outcome isn't known; answers its id.
    pub(crate) async fn park_next(&self) -> String {
        let (id, fence) = self.begin_next().await;
        let error = r#"{"kind":"ambiguous","message":"the answer was lost","status":null,"requestId":null}"#;
        self.settle(&id, fence, Verb::Park, vec![("error", error.to_owned())])
            .await;
        id
    }

    /// Looks at the submitted jobs and ends them all: with a deck.
    pub(crate) async fn complete_all(&self) {
        for job in self.claim(1_000, 0).await.jobs {
            let fields = vec![
                ("gamma_id", format!("g_{}", job.id)),
                ("gamma_url", format!("https://gamma.app/docs/{}", job.id)),
                (
                    "pdf_url",
                    format!("https://assets.api.gamma.app/export/{}.pdf", job.id),
                ),
                ("credits_deducted", "150".to_owned()),
                ("credits_remaining", "3000".to_owned()),
                ("polls", (job.polls + 1).to_string()),
            ];
            self.settle(&job.id, job.fence, Verb::Complete, fields).await;
        }
    }

    /// Looks at the submitted jobs and ends them all: Gamma says that they failed.
    pub(crate) async fn fail_all(&self) {
        for job in self.claim(1_000, 0).await.jobs {
            let error = r#"{"kind":"generation_failed","message":"Failed to generate text.","status":422,"requestId":"r-1"}"#;
            self.settle(&job.id, job.fence, Verb::Fail, vec![("error", error.to_owned())])
                .await;
        }
    }

    async fn claim(&self, looks: usize, submits: usize) -> Claim {
        let request = ClaimRequest {
            worker: WORKER,
            want: looks.max(submits),
            lease: LEASE,
            on_ambiguous: OnAmbiguous::Park,
            spread: Duration::ZERO,
            looks,
            submits,
            not_after: u64::MAX,
            foreign: &[],
        };
        self.queue.claim_jobs(&request).await.unwrap()
    }

    async fn settle(&self, id: &str, fence: u64, verb: Verb, fields: Vec<(&'static str, String)>) {
        let policy = SettlePolicy {
            keep_requests: false,
            pause_first: Duration::from_secs(5),
            pause_most: Duration::from_secs(300),
            spread: Duration::ZERO,
            late_interval: Duration::from_secs(300),
            late_for: Duration::from_secs(3600),
            kept_for: Duration::from_secs(9),
        };
        let settlement = Settlement {
            id: id.to_owned(),
            fence,
            verb,
            probe: Probe::None,
            pause: None,
            jitter: 0.0,
            note: String::new(),
            fields,
            account_fields: Vec::new(),
        };
        let settled = self
            .queue
            .settle_jobs(WORKER, &policy, &[settlement])
            .await
            .unwrap();
        assert_eq!(settled, [Settled::Done]);
    }
}
