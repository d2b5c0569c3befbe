//! Where copies of files go, as the settings say it, and how many come at a time.

use std::time::Duration;

use gammaq_files::{FileSettings, Files, Host, Hosts, OpenError};

use crate::settings::{ExportSettings, HostPattern, Settings};

/// Over what time a download's speed is measured.
const WINDOW: Duration = Duration::from_secs(30);

/// Opens the store, where there is one.
pub(crate) fn open(settings: &Settings) -> Result<Option<Files>, OpenError> {
    let exports = &settings.exports;
    let Some(store) = &exports.store else {
        return Ok(None);
    };
    let hosts = exports.allowed_hosts.iter().map(|pattern| match pattern {
        HostPattern::Exact(name) => Host::Exact(name.clone()),
        HostPattern::Below(domain) => Host::Below(domain.clone()),
    });
    Files::open(FileSettings {
        store: store.clone(),
        hosts: Hosts::new(hosts.collect()),
        max_bytes: exports.max_bytes,
        min_speed: exports.min_speed,
        window: WINDOW,
        min_free: exports.min_free,
        connect_timeout: settings.gamma.connect_timeout.max(Duration::from_secs(1)),
    })
    .map(Some)
}

/// The store of a worker.
#[derive(Debug)]
pub(crate) struct Downloads {
    /// The way there.
    pub(crate) files: Files,
    keeps: bool,
}

impl Downloads {
    /// As the settings say it.
    pub(crate) fn new(files: Files, settings: &ExportSettings) -> Self {
        Self {
            files,
            keeps: settings.keep_files,
        }
    }

    /// The store, if copies go with their jobs.
    pub(crate) fn swept(&self) -> Option<&Files> {
        (!self.keeps).then_some(&self.files)
    }
}
