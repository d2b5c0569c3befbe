//! The way in and the way out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::{JobId, JobResult, QueueName, Record};
use gammaq_queue::inbox::Appends;
use gammaq_queue::{Keys, Link, LinkSettings, Mode, Policy, Queue};
use tokio::time::Instant;

use crate::follow::{BLOCK, Follower};
#[cfg(feature = "otel")]
use crate::traces::Sending;
use crate::{Error, Interrupted, NewJob, WaitError, Waiter};

/// The most entries, and about the most bytes, that are sent before their answers are read.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// So long jobs are taken from the caller while a chunk is under way: much less than an answer may take.
const MEANWHILE: Duration = Duration::from_millis(50);

/// Which queue, and where. `Debug` leaves the address out: it may hold a password.
#[derive(Clone)]
pub struct ProducerSettings {
    /// `redis://`, `rediss://` or `unix://`; several with commas between them for sentinels or a cluster.
    pub url: String,
    /// What stands there.
    pub mode: Mode,
    /// PEM text of the authorities that may sign the certificate of a `rediss://` server; the web's where `None`.
    pub tls_ca: Option<Vec<u8>>,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// The queue.
    pub queue: String,
    /// For making a connection.
    pub connect_timeout: Duration,
    /// For one answer.
    pub response_timeout: Duration,
}

impl Default for ProducerSettings {
    /// The queue `main` of a Redis on this machine.
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            mode: Mode::Standalone,
            tls_ca: None,
            prefix: "gammaq".to_owned(),
            queue: "main".to_owned(),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for ProducerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerSettings")
            .field("prefix", &self.prefix)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// Enqueues jobs and waits for their results. Cheap to clone; all clones share two connections at most.
#[derive(Debug, Clone)]
pub struct Producer {
    queue: Queue,
    follower: Arc<Follower>,
}

impl Producer {
    /// A producer that connects at first use, and again whenever it must.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(settings: ProducerSettings) -> Result<Self, Error> {
        let name = |key: &str, text: &str| {
            QueueName::new(text).map_err(|error| Error::Settings(format!("redis.{key}: {error}")))
        };
        let keys = Keys::new(
            &name("prefix", &settings.prefix)?,
            &name("queue", &settings.queue)?,
        );
        let link = LinkSettings {
            url: settings.url,
            tls_ca: settings.tls_ca,
            connect_timeout: settings.connect_timeout,
            response_timeout: settings.response_timeout,
        };
        let link = Link::to_queue(link, &settings.mode, &keys)?;
        Self::on(Queue::new(Arc::new(link), keys, Policy::default()))
    }

    /// A producer for a queue whose Redis answers now.
    ///
    /// # Errors
    /// [`Error::Settings`], and [`Error::Unavailable`] where Redis can't be reached.
    pub async fn connect(settings: ProducerSettings) -> Result<Self, Error> {
        let producer = Self::new(settings)?;
        producer.queue.time().await?;
        Ok(producer)
    }

    /// A producer beside other users of the same queue.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn on(queue: Queue) -> Result<Self, Error> {
        let blocking = queue.on(Arc::new(queue.link().for_blocking(BLOCK)));
        Ok(Self {
            queue,
            follower: Arc::new(Follower::new(blocking)),
        })
    }

    /// The queue itself.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(crate) fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Enqueues one job in one round trip: when this answers, Redis has it. Under an id that exists nothing new
    /// is made, and the answer is the same.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn enqueue(&self, job: NewJob) -> Result<JobId, Error> {
        #[cfg(feature = "otel")]
        return self.enqueue_traced(job).await;
        #[cfg(not(feature = "otel"))]
        self.append_one(job).await
    }

    #[cfg(feature = "otel")]
    async fn enqueue_traced(&self, mut job: NewJob) -> Result<JobId, Error> {
        let sending = Sending::one(&self.queue_name(), &job);
        sending.carry(&mut job);
        let done = self.append_one(job).await;
        sending.end(done.iter().map(JobId::as_str), done.as_ref().err());
        done
    }

    /// The queue as keys begin with it.
    #[cfg(feature = "otel")]
    fn queue_name(&self) -> String {
        self.queue.keys().base().trim_end_matches(':').to_owned()
    }

    async fn append_one(&self, job: NewJob) -> Result<JobId, Error> {
        let fields = job.into_fields()?;
        let entry_id = self.queue.append(&fields.as_slices()).await?;
        job_id(fields.own_id, entry_id)
    }

    /// Enqueues many jobs, a few hundred in a round trip, and answers their ids in order.
    ///
    /// # Errors
    /// [`Interrupted`] at the first chunk that has a job that can't be used, or can't be written; the jobs of
    /// earlier chunks are enqueued.
    pub async fn enqueue_many(
        &self,
        jobs: impl IntoIterator<Item = NewJob>,
    ) -> Result<Vec<JobId>, Interrupted> {
        #[cfg(feature = "otel")]
        let sending = Sending::many(&self.queue_name());
        #[cfg(feature = "otel")]
        let jobs = jobs.into_iter().map(|mut job| {
            sending.carry_unless_set(&mut job);
            job
        });
        let done = self.append_all(jobs).await;
        #[cfg(feature = "otel")]
        match &done {
            Ok(ids) => sending.end(ids.iter().map(JobId::as_str), None),
            Err(it) => sending.end(it.ids.iter().map(JobId::as_str), Some(&it.error)),
        }
        done
    }

    /// While Redis takes in a chunk the next one is checked, and made ready.
    async fn append_all(&self, jobs: impl IntoIterator<Item = NewJob>) -> Result<Vec<JobId>, Interrupted> {
        let (mut ids, mut jobs) = (Vec::new(), jobs.into_iter().fuse());
        let mut chunk = Chunk::new(&self.queue);
        loop {
            match chunk.fill(&mut jobs, None) {
                Ok(()) if chunk.own_ids.is_empty() => return Ok(ids),
                Ok(()) => {}
                Err(error) => return Err(Interrupted { ids, error }),
            }
            let mut next = Chunk::new(&self.queue);
            let meanwhile = async {
                // What is sent leaves first, and where jobs come slowly the answer is waited for without them.
                tokio::task::yield_now().await;
                next.fill(&mut jobs, Some(Instant::now() + MEANWHILE))
            };
            let (appended, filled) = tokio::join!(biased; self.append(chunk, &mut ids), meanwhile);
            if let Err(error) = appended.and(filled) {
                return Err(Interrupted { ids, error });
            }
            chunk = next;
        }
    }

    async fn append(&self, chunk: Chunk, ids: &mut Vec<JobId>) -> Result<(), Error> {
        let entry_ids = self.queue.send(chunk.appends).await?;
        for (own_id, entry_id) in chunk.own_ids.into_iter().zip(entry_ids) {
            ids.push(job_id(own_id, entry_id)?);
        }
        Ok(())
    }

    /// The whole record of a job; `None` where there is none, or no worker has taken it in yet.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn status(&self, id: &JobId) -> Result<Option<Record>, Error> {
        Ok(self.queue.record(id.as_str()).await?)
    }

    /// The result of a job as it is now; `None` where it has none yet. It may be there before the end, as soon
    /// as the deck's address is known: its `state` says which.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn result(&self, id: &JobId) -> Result<Option<JobResult>, Error> {
        Ok(self.queue.result(id.as_str()).await?)
    }

    /// Waits up to `within` for the end of a job, over restarts of Redis too. An end is every state that a job
    /// does not leave by itself: `completed`, `failed`, `timed_out`, `cancelled`, and `ambiguous`, which an
    /// operator decides; look at the `state` of the result.
    ///
    /// # Errors
    /// See [`WaitError`].
    pub async fn wait(&self, id: &JobId, within: Duration) -> Result<JobResult, WaitError> {
        // A wait without end is a wait of years here: `Instant` can't hold more.
        const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
        self.waiter(id).end(Instant::now() + within.min(LONGEST)).await
    }

    /// Follows a job, for those who want to see it move. Runs on the tokio runtime that it is called in.
    pub fn waiter(&self, id: &JobId) -> Waiter {
        Waiter::new(self.clone(), id.clone())
    }
}

/// Jobs that go together, checked.
#[derive(Debug)]
struct Chunk {
    appends: Appends,
    /// The ids that the caller chose.
    own_ids: Vec<Option<String>>,
    bytes: usize,
}

impl Chunk {
    fn new(queue: &Queue) -> Self {
        Self {
            appends: queue.appends(),
            own_ids: Vec::new(),
            bytes: 0,
        }
    }

    /// Takes jobs until it is full, there are no more, or it is `until`.
    fn fill(&mut self, jobs: &mut impl Iterator<Item = NewJob>, until: Option<Instant>) -> Result<(), Error> {
        while self.own_ids.len() < CHUNK && self.bytes < CHUNK_BYTES {
            let Some(job) = jobs.next() else {
                break;
            };
            let fields = job.into_fields()?;
            self.bytes += fields.size();
            self.appends.push(&fields.as_slices());
            self.own_ids.push(fields.own_id);
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
        }
        Ok(())
    }
}

/// The caller's id, or the one that Redis gave the entry.
fn job_id(own_id: Option<String>, entry_id: String) -> Result<JobId, Error> {
    JobId::new(own_id.unwrap_or(entry_id))
        .map_err(|error| Error::Fault(gammaq_queue::Error::Refused(error.to_string())))
}
