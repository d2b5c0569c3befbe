//! The workers: the real ones, each started anew when it is gone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gammaq_job::QueueName;
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};
use gammaq_worker::settings::Settings;
use gammaq_worker::surroundings::{Spawner, Surroundings};
use gammaq_worker::{CancellationToken, run_in};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::gamma::{Cloud, Way};
use crate::life::Life;
use crate::run::QUEUE;
use crate::world::locked;

/// The process that a worker is now.
#[derive(Debug, Clone, Default)]
struct Process {
    life: Life,
    stop: CancellationToken,
    /// Until the next one is started when this one is gone.
    pause: Duration,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Workers {
    cloud: Arc<Cloud>,
    settings: Settings,
    seeds: Mutex<Dice>,
    processes: Vec<Mutex<Process>>,
}

impl Workers {
    /// Starts them.
    pub(crate) fn start(cloud: Arc<Cloud>, settings: Settings, seeds: Dice) -> Arc<Self> {
        let count = cloud.world.plan.workers;
        let workers = Arc::new(Self {
            cloud,
            settings,
            seeds: Mutex::new(seeds),
            processes: (0..count).map(|_| Mutex::default()).collect(),
        });
        for index in 0..count {
            tokio::spawn(Arc::clone(&workers).keep(index));
        }
        workers
    }

    async fn keep(self: Arc<Self>, index: usize) {
        let world = Arc::clone(&self.cloud.world);
        for number in 0.. {
            let process = Process::default();
            *locked(&self.processes[index]) = process.clone();
            let around = self.surroundings(index, number, &process.life);
            let (ended, end) = oneshot::channel();
            let (settings, stop) = (self.settings.clone(), process.stop.clone());
            process.life.spawn(Box::pin(async move {
                let _ = ended.send(run_in(around, &settings, stop).await);
            }));
            world.note(
                format_args!("w{index}"),
                format_args!("starts as w{index}-{number}"),
            );
            match end.await {
                Err(_) if process.life.is_over() => {
                    world.note(format_args!("w{index}"), format_args!("crashed"))
                }
                Err(_) => world.wrong(format!("w{index}-{number} panicked")),
                Ok(Ok(())) if process.stop.is_cancelled() => {
                    world.note(format_args!("w{index}"), format_args!("stopped"));
                }
                Ok(ended) => world.wrong(format!("w{index}-{number} ended by itself: {ended:?}")),
            }
            // The process is gone, and so is what it left running.
            process.life.end();
            self.cloud.disturb(index);
            let pause = locked(&self.processes[index]).pause;
            sleep(pause).await;
        }
    }

    fn surroundings(&self, index: usize, number: u64, life: &Life) -> Surroundings {
        let server = self.cloud.server.clone();
        let drivers = life.clone();
        let settings = LinkSettings {
            url: String::new(),
            tls_ca: None,
            connect_timeout: self.settings.redis.connect_timeout,
            response_timeout: self.settings.redis.response_timeout,
        };
        let link = Link::through(
            settings,
            move || server.connect(index),
            move |driver| drop(drivers.spawn(driver)),
        );
        let policy = Policy {
            events_cap: self.settings.results.events_cap.get(),
            results_ttl: self.settings.results.ttl,
            max_jobs: self.settings.results.max_jobs,
        };
        Surroundings {
            queue: Queue::new(Arc::new(link), keys(), policy),
            gamma: Arc::new(Way {
                cloud: Arc::clone(&self.cloud),
                worker: index,
                life: life.clone(),
            }),
            files: None,
            spawner: Arc::new(life.clone()),
            worker: format!("w{index}-{number}"),
            about: Vec::new(),
            seed: locked(&self.seeds).any(),
            service_manager: None,
        }
    }

    /// The process is gone at once; the next one starts after `pause`.
    pub(crate) fn crash(&self, index: usize, pause: Duration) {
        let life = {
            let mut process = locked(&self.processes[index]);
            process.pause = pause;
            process.life.clone()
        };
        life.end();
        self.cloud.disturb(index);
    }

    /// The process stands still for `time`.
    pub(crate) async fn freeze(&self, index: usize, time: Duration) {
        let life = locked(&self.processes[index]).life.clone();
        life.freeze();
        self.cloud.disturb(index);
        sleep(time).await;
        life.thaw();
    }

    /// The process is asked to stop.
    pub(crate) fn stop(&self, index: usize) {
        locked(&self.processes[index]).stop.cancel();
    }
}

/// The keys of the one queue.
pub(crate) fn keys() -> Keys {
    #[expect(clippy::expect_used, reason = "a constant name")]
    let name = |name: &str| QueueName::new(name).expect("a name");
    Keys::new(&name("gammaq"), &name(QUEUE))
}
