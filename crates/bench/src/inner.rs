//! A worker whose Gamma is in its own process: this program, called with `inner`. All but HTTP is as in the released binary.

use std::path::PathBuf;
use std::sync::Arc;

use gammaq_worker::settings::{Overrides, Settings, Source};
use gammaq_worker::surroundings::Surroundings;
use gammaq_worker::{run_in, signals, telemetry};

use crate::fake::{Shared, Within, serve};

/// Runs until it is told to end. The fake answers what the bench asks on a thread of its own.
pub(crate) fn run(config: PathBuf) -> Result<(), String> {
    let source = Source {
        config_file: Some(config),
        environment: Vec::new(),
        overrides: Overrides::new(),
    };
    let settings = Settings::load_for_worker(&source).map_err(|problems| problems.to_string())?;
    telemetry::init(&settings.log).map_err(|error| error.to_string())?;
    let world = Shared::new();
    let asked = world.clone();
    std::thread::spawn(move || serve(&asked, None));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let stop = signals::stop_on_signals().map_err(|error| error.to_string())?;
        let around = Surroundings {
            gamma: Arc::new(Within(world)),
            ..Surroundings::real(&settings).map_err(|error| error.to_string())?
        };
        // Not on the thread that waits here, as in the released binary.
        let worker = tokio::spawn(async move { run_in(around, &settings, stop).await });
        let done = worker.await.map_err(|error| error.to_string())?;
        done.map_err(|error| error.to_string())
    })
}
