//! One run: everything is drawn from its seed, so the same seed is the same run.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::AccountName;
use gammaq_queue::claim::OnAmbiguous;
use gammaq_worker::settings::{self, AccountSettings, Settings, Source};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::checks::{self, Counts};
use crate::dice::Dice;
use crate::gamma::{Cloud, REQUEST_TIMEOUT};
use crate::log::{self, Log};
use crate::operators;
use crate::plan::{Entry, Fault, Plan};
use crate::redis::{Dump, Redis, Reply};
use crate::server::{Recorded, Server};
use crate::workers::Workers;
use crate::world::{World, locked};

/// The queue's name.
pub(crate) const QUEUE: &str = "sim";
/// What its keys begin with.
pub(crate) const BASE: &str = "gammaq:{sim}:";
/// Between the answer to a look and the next look.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// Longer than anything takes once nothing goes wrong any more: pauses of accounts that grew before last longest.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long everything has to be over before a run ends: for what is late.
const QUIET: Duration = Duration::from_secs(10);

/// What beside the seed makes a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Whether to keep a line for everything that happens.
    pub trace: bool,
    /// Whether to keep every command of Redis with its answer.
    pub record: bool,
    /// Texts to replace in the scripts: the protocol broken on purpose.
    pub patches: &'a [(&'a str, &'a str)],
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// One number over all that happened: the same for the same run.
    pub fingerprint: u64,
    /// What was not as it is promised.
    pub wrongs: Vec<String>,
    /// What happened, where that was asked for.
    pub lines: Vec<String>,
    /// What was counted.
    pub counts: Counts,
    /// The commands of Redis, where they were asked for.
    pub recorded: Vec<Recorded>,
    /// What Redis held in the end.
    pub dump: Dump,
    /// Whether Redis forgot what it had written.
    pub rolled_back: bool,
}

/// Runs one seed.
///
/// # Panics
/// Where the simulation itself can't be set up.
pub fn run(seed: u64, options: &Options<'_>) -> Run {
    log::count_panics();
    let panics = log::panics();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    #[expect(clippy::expect_used, reason = "without a runtime there is nothing to say")]
    let runtime = runtime.expect("a runtime");
    let mut run = runtime.block_on(simulate(seed, options));
    drop(runtime);
    if log::panics() > panics {
        run.wrongs.push("something panicked".to_owned());
    }
    run
}

async fn simulate(seed: u64, options: &Options<'_>) -> Run {
    let world = Arc::new(World::new(Plan::draw(seed), options.trace));
    let _log = tracing::subscriber::set_default(Log(Arc::clone(&world)));
    world.note(format_args!("plan"), format_args!("{:?}", world.plan));
    let redis = Redis::new(options.patches);
    let server = Server::new(Arc::clone(&world), redis, Dice::new(seed, "net"), options.record);
    let cloud = Arc::new(Cloud::new(
        Arc::clone(&world),
        server.clone(),
        Dice::new(seed, "gamma"),
    ));
    let workers = Workers::start(
        Arc::clone(&cloud),
        settings(&world.plan),
        Dice::new(seed, "workers"),
    );
    let appended = tokio::spawn(append(Arc::clone(&world), server.clone()));
    for (at, fault) in world.plan.faults.clone() {
        tokio::spawn(happen(
            at,
            fault,
            Arc::clone(&world),
            server.clone(),
            Arc::clone(&workers),
        ));
    }
    tokio::spawn(operators::act(Arc::clone(&cloud), Dice::new(seed, "operators")));
    let appended = appended.await.unwrap_or_default();
    settle_down(&world, &server).await;
    let counts = checks::check(&cloud, &appended);
    let trace = std::mem::take(&mut *locked(&world.trace));
    Run {
        seed,
        fingerprint: trace.fingerprint(),
        wrongs: world.wrongs(),
        lines: trace.into_lines(),
        counts,
        recorded: server.take_recording(),
        dump: server.dump(),
        rolled_back: world.plan.rolls_back(),
    }
}

/// Appends what callers ask for; answers the id of each job with its entry.
async fn append(world: Arc<World>, server: Server) -> Vec<(String, Entry)> {
    let mut appended = Vec::new();
    for entry in world.plan.entries.clone() {
        world.wait_until(entry.at).await;
        let inbox = format!("{BASE}inbox");
        let mut args = vec!["XADD", &inbox, "*"];
        for (name, value) in &entry.fields {
            args.extend([*name, value.as_str()]);
        }
        // A caller goes on until its entry is in.
        loop {
            let reply = if server.is_up() {
                server.direct(format_args!("caller"), &args)
            } else {
                Reply::Nil
            };
            if let Reply::Bulk(_) = reply {
                break;
            }
            sleep(Duration::from_millis(250)).await;
        }
        let id = entry.fields.iter().find(|(name, _)| *name == "id");
        let id = id.map(|(_, id)| id.clone()).unwrap_or_default();
        appended.push((id, entry));
    }
    appended
}

async fn happen(at: Duration, fault: Fault, world: Arc<World>, server: Server, workers: Arc<Workers>) {
    if let Fault::Rollback { lost, down } = fault {
        world.wait_until(at.saturating_sub(lost)).await;
        let snapshot = server.snapshot();
        world.wait_until(at).await;
        world.note(format_args!("fault"), format_args!("{fault:?}"));
        server.go_down();
        sleep(down).await;
        return server.come_up(Some(snapshot));
    }
    world.wait_until(at).await;
    world.note(format_args!("fault"), format_args!("{fault:?}"));
    match fault {
        Fault::Crash(worker, pause) => workers.crash(worker, pause),
        Fault::Freeze(worker, time) => workers.freeze(worker, time).await,
        Fault::Stop(worker) => workers.stop(worker),
        Fault::Partition(worker, time) => server.partition(worker, Instant::now() + time),
        Fault::Restart(down) => {
            server.go_down();
            sleep(down).await;
            server.come_up(None);
        }
        Fault::Full(time) => {
            server.set_full(true);
            sleep(time).await;
            server.set_full(false);
        }
        Fault::Jump(by) => server.set_clock(by),
        Fault::Rollback { .. } => {}
    }
}

/// Waits until everything is over, and has been for a while.
async fn settle_down(world: &World, server: &Server) {
    let end = world.plan.calm_from + PATIENCE;
    let mut quiet_since = None;
    world.wait_until(world.plan.over_at()).await;
    loop {
        sleep(Duration::from_millis(500)).await;
        let left = if world.is_calm() {
            left(world, server)
        } else {
            vec!["calm".to_owned()]
        };
        if left.is_empty() {
            let since = *quiet_since.get_or_insert(Instant::now());
            if since.elapsed() >= QUIET {
                return;
            }
            continue;
        }
        quiet_since = None;
        if world.started.elapsed() > end {
            return world.wrong(format!("not over: {}", left.join(", ")));
        }
    }
}

/// What is not over yet.
fn left(world: &World, server: &Server) -> Vec<String> {
    let mut keys = vec!["due".to_owned(), "accounts".to_owned()];
    keys.extend(
        world
            .plan
            .accounts
            .iter()
            .map(|account| format!("pending:{}", account.name)),
    );
    let count = |command: &str, key: &str| {
        let reply = server.direct(format_args!("look"), &[command, &format!("{BASE}{key}")]);
        match reply {
            Reply::Int(0) => None,
            other => Some(format!("{key} {other:?}")),
        }
    };
    let mut left: Vec<String> = keys.iter().filter_map(|key| count("ZCARD", key)).collect();
    left.extend(count("XLEN", "inbox"));
    left.extend(count("XLEN", "control"));
    left
}

fn settings(plan: &Plan) -> Settings {
    let secs = Duration::from_secs;
    let source = Source {
        // No file of the directory that this runs in.
        config_file: Some(PathBuf::from("/dev/null")),
        environment: vec![("GAMMA_API_KEY".to_owned(), "sim".to_owned())],
        ..Source::default()
    };
    #[expect(clippy::expect_used, reason = "constants")]
    let mut settings = Settings::load_for_worker(&source).expect("settings");
    settings.redis.connect_timeout = secs(1);
    settings.redis.response_timeout = secs(2);
    settings.gamma.connect_timeout = secs(2);
    settings.gamma.request_timeout = REQUEST_TIMEOUT;
    settings.poll.interval = INTERVAL;
    settings.poll.slow_interval = secs(4);
    settings.poll.backoff_max = secs(10);
    settings.poll.timeout = secs(20);
    settings.poll.agent_timeout = secs(30);
    settings.poll.late_interval = secs(5);
    settings.poll.late_for = secs(30);
    settings.worker.lease = secs(20);
    settings.worker.shutdown_grace = secs(8);
    settings.worker.concurrency = plan.concurrency.try_into().unwrap_or(settings.worker.concurrency);
    settings.admin.listen = None;
    settings.submit.on_ambiguous = match plan.on_ambiguous {
        OnAmbiguous::Park => settings::OnAmbiguous::Park,
        OnAmbiguous::Resubmit(most) => settings::OnAmbiguous::Resubmit {
            at_most: NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN),
        },
    };
    let account = |account: &crate::plan::Account| {
        let name = AccountName::new(account.name).ok()?;
        let settings = AccountSettings {
            api_key: SecretString::from(format!("key-of-{name}")),
            limit: NonZeroU32::new(account.limit)?,
            window: account.window,
            credits_floor: None,
            in_directory: false,
        };
        Some((name, settings))
    };
    settings.accounts = Arc::new(plan.accounts.iter().filter_map(account).collect());
    settings
}
