//! What commands share: the settings, the queue, the way to print.

use std::io::{self, IsTerminal, Write};

use anyhow::Context as _;
use gammaq_producer::Producer;
use gammaq_queue::Queue;
use gammaq_worker::settings::{Overrides, Settings, Source};

use crate::args::{Color, Global};

/// What goes with every command.
#[derive(Debug)]
pub(crate) struct Context {
    /// Whether the answer is for a program.
    pub(crate) json: bool,
    source: Source,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        match global.color {
            // The library looks at NO_COLOR and at the terminal by itself.
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let mut overrides = Overrides::new();
        for assignment in &global.set {
            overrides.assign("--set", assignment);
        }
        if let Some(queue) = &global.queue {
            overrides.set("--queue", "redis.queue", queue);
        }
        Self {
            json: global.json,
            source: Source::from_process(global.config, overrides),
        }
    }

    /// Where the settings come from.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The settings of a worker.
    pub(crate) fn for_worker(&self) -> anyhow::Result<Settings> {
        Ok(Settings::load_for_worker(&self.source)?)
    }

    /// The queue, when its Redis has answered.
    pub(crate) async fn connect(&self) -> anyhow::Result<Producer> {
        let settings = Settings::load_for_client(&self.source)?;
        for warning in &settings.warnings {
            note(&format!("settings: {warning}"));
        }
        let producer = Producer::on(gammaq_worker::queue(&settings)?)?;
        let at = || match settings.redis.urls.first() {
            // Shown without its password.
            Some(url) => format!("asked the Redis at {url}"),
            None => "asked Redis".to_owned(),
        };
        producer.queue().time().await.with_context(at)?;
        Ok(producer)
    }

    /// The queue's name in full, with its prefix.
    pub(crate) fn queue_name(&self, queue: &Queue) -> String {
        queue.keys().base().trim_end_matches(':').to_owned()
    }

    /// Says so where no worker has ever run on the queue: another one may be meant.
    pub(crate) async fn note_unmade(&self, queue: &Queue) -> anyhow::Result<()> {
        if !queue.is_made().await? {
            let name = self.queue_name(queue);
            note(&format!(
                "no worker has ever run on queue {name}; is it another --queue or redis.prefix?"
            ));
        }
        Ok(())
    }

    /// Prints a line of the answer.
    pub(crate) fn line(&self, text: impl std::fmt::Display) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{text}")
    }

    /// Prints `value` as one line of JSON.
    pub(crate) fn json_line(&self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(value)?;
        Ok(writeln!(anstream::stdout().lock(), "{text}")?)
    }
}

/// Prints something beside the answer, for people.
pub(crate) fn note(text: &str) {
    // There is no other place to say that this one can't be written.
    let _ = writeln!(anstream::stderr().lock(), "gammaq: {text}");
}

/// Whether somebody watches: progress is for them.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}
