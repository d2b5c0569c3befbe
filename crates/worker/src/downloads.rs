//! Where copies of files go, as the settings say it.

use std::time::Duration;

use gammaq_files::{FileSettings, Files, Host, Hosts, OpenError};

use crate::settings::{HostPattern, Settings};

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
