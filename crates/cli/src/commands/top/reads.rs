//! What the screens show, read from Redis apart from drawing and keys: one read at a time, each of them bounded, again
//! after each interval, and at once when another screen wants something else.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::State;
use gammaq_job::json::cut;
use gammaq_queue::events::Event;
use gammaq_queue::read::accounts::{AccountView, AccountViews};
use gammaq_queue::read::overview::{Overview, Rates};
use gammaq_queue::read::pages::{Cursor, Filter, JobPage};
use gammaq_queue::read::story::Story;
use gammaq_queue::spending::{DAYS_KEPT, Day};
use gammaq_queue::{Error, Queue};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::commands::{accounts, status};

/// How many events are read for the first time, and at most after that.
const EVENTS: usize = 200;
const MORE_EVENTS: usize = 500;
/// Rates are of minutes, and take some thousand events to count: no oftener than this.
const RATES_EVERY: Duration = Duration::from_secs(5);

/// What a screen shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Want {
    /// The queue at one look.
    Overview,
    /// A page of jobs.
    Jobs {
        state: Option<State>,
        account: Option<String>,
        after: Option<Cursor>,
        limit: usize,
    },
    /// One job's story.
    Job(String),
    /// All accounts.
    Accounts,
    /// One account.
    Account(String),
    /// What happens.
    Events,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Overview(Box<Overview>, Option<Rates>),
    Jobs(JobPage),
    /// `None` where there is no such job.
    Job(Option<Box<Story>>),
    Accounts(AccountViews, Vec<Day>),
    /// `None` where nothing is known of it.
    Account(Option<Box<AccountView>>, Vec<Day>),
    /// What came since the last time, or the newest of all where reading began anew.
    Events {
        events: Vec<Event>,
        anew: bool,
    },
}

/// The end of a read.
#[derive(Debug)]
pub(super) struct News {
    pub(super) want: Want,
    /// Redis's time and what was found, or why nothing was.
    pub(super) found: Result<(u64, Found), Error>,
}

/// Reads what is wanted until nobody wants anything more.
pub(super) async fn run(
    queue: Queue,
    mut wants: watch::Receiver<Want>,
    at_once: Arc<Notify>,
    interval: Duration,
    news: mpsc::Sender<News>,
) {
    let mut reader = Reader::new(queue);
    loop {
        let want = wants.borrow_and_update().clone();
        reader.events_at = None;
        loop {
            tokio::select! {
                biased;
                // A read that nobody wants any more is dropped, however long it would wait for its answer.
                changed = wants.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                found = reader.look(&want) => {
                    if news.send(News { want: want.clone(), found }).await.is_err() {
                        return;
                    }
                }
            }
            tokio::select! {
                biased;
                changed = wants.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                () = at_once.notified() => {}
                () = sleep(interval) => {}
            }
        }
    }
}

/// Who looks, and what was seen before.
pub(super) struct Reader {
    queue: Queue,
    rates: Option<(Instant, Rates)>,
    events_at: Option<String>,
}

impl Reader {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            rates: None,
            events_at: None,
        }
    }

    /// One look, by the queries of the commands that print the same.
    pub(super) async fn look(&mut self, want: &Want) -> Result<(u64, Found), Error> {
        let looked = self.look_at(want).await;
        if looked.is_err() {
            // What happened meanwhile may be more than is read at once, or gone.
            self.events_at = None;
        }
        looked
    }

    async fn look_at(&mut self, want: &Want) -> Result<(u64, Found), Error> {
        let queue = &self.queue;
        match want {
            Want::Overview => {
                let overview = queue.overview().await?;
                let rates = self.rates().await?;
                Ok((overview.now, Found::Overview(Box::new(overview), rates)))
            }
            Want::Jobs {
                state,
                account,
                after,
                limit,
            } => {
                let filter = Filter {
                    state: *state,
                    account: account.clone(),
                    ..Filter::default()
                };
                let now = queue.time().await?;
                let page = queue.jobs(&filter, after.as_ref(), *limit).await?;
                Ok((now, Found::Jobs(page)))
            }
            Want::Job(id) => match queue.story(id, false).await? {
                Some(story) => Ok((story.now, Found::Job(Some(Box::new(story))))),
                None => Ok((queue.time().await?, Found::Job(None))),
            },
            Want::Accounts => {
                let views = queue.accounts(accounts::MOST).await?;
                let days = spending(queue).await?;
                Ok((views.now, Found::Accounts(views, days)))
            }
            Want::Account(name) => {
                let now = queue.time().await?;
                if !queue.knows_account(name).await? {
                    return Ok((now, Found::Account(None, Vec::new())));
                }
                let view = queue.account(name).await?;
                let days = spending(queue).await?;
                Ok((now, Found::Account(Some(Box::new(view)), days)))
            }
            Want::Events => self.events().await,
        }
    }

    async fn rates(&mut self) -> Result<Option<Rates>, Error> {
        if let Some((at, rates)) = &self.rates
            && at.elapsed() < RATES_EVERY
        {
            return Ok(Some(rates.clone()));
        }
        match self.queue.rates(status::WINDOW_MS).await {
            // Where the stream is broken, the overview is what matters.
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(rates) => {
                self.rates = Some((Instant::now(), rates.clone()));
                Ok(Some(rates))
            }
        }
    }

    async fn events(&mut self) -> Result<(u64, Found), Error> {
        let queue = &self.queue;
        let now = queue.time().await?;
        let mut anew = true;
        let mut events = Vec::new();
        if let Some(at) = &self.events_at {
            events = queue.events_from(&format!("({at}"), MORE_EVENTS).await?;
            // Whoever is behind by so many sees the newest, not a film of the past.
            anew = events.len() >= MORE_EVENTS;
        }
        if anew {
            events = queue.newest_events(EVENTS).await?;
        }
        if let Some(last) = events.last() {
            self.events_at = Some(last.entry_id.clone());
        }
        Ok((now, Found::Events { events, anew }))
    }
}

/// The days that are kept; none where they are broken by hand.
async fn spending(queue: &Queue) -> Result<Vec<Day>, Error> {
    match queue.spending(DAYS_KEPT).await {
        Err(Error::Refused(_)) => Ok(Vec::new()),
        days => days,
    }
}

/// An error in one line, with what to do about it.
pub(super) fn trouble(error: &anyhow::Error) -> String {
    let text = cut(&format!("{error:#}"), 300);
    match crate::exit::judge(error).1 {
        Some(next) => format!("{text}; {next}"),
        None => text,
    }
}
