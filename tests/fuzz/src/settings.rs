//! Settings: a file, environment variables and flags either give settings that hold, or problems that name their key;
//! neither shows a secret.

use std::path::Path;

use arbitrary::Unstructured;
use gammaq_worker::settings::{Overrides, Problems, Settings, Source};

use crate::{SECRET, word};

const KEYS: [&str; 25] = [
    "redis.url",
    "redis.mode",
    "redis.queue",
    "redis.prefix",
    "redis.durability",
    "gamma.base_url",
    "gamma.connect_timeout",
    "gamma.request_timeout",
    "accounts.default.api_key",
    "accounts.default.limit",
    "accounts.default.window",
    "accounts.ä.api_key",
    "submit.on_ambiguous",
    "submit.max_resubmits",
    "poll.interval",
    "poll.timeout",
    "worker.lease",
    "worker.concurrency",
    "exports.max_bytes",
    "exports.allowed_hosts",
    "results.ttl",
    "results.keep_requests",
    "results.max_jobs",
    "log.filter",
    "admin.listen",
];
const VALUES: [&str; 24] = [
    "",
    "5s",
    "1h",
    "-1s",
    "99999999999999999999d",
    "0",
    "1",
    "50",
    "true",
    "park",
    "resubmit",
    "cluster",
    "sentinel",
    "redis://127.0.0.1:6379",
    "rediss://user:n3ver-t0-be-seen@localhost/3",
    "redis://:n3ver-t0-be-seen@[::1",
    "unix:///tmp/x",
    "https://u:n3ver-t0-be-seen@gamma.app",
    "off",
    "[::]:0",
    "*.gamma.app,127.0.0.1",
    "16 GiB",
    "info,gammaq=trace",
    "ä\u{0}\n€",
];
/// Where a secret is looked for.
const SECRET_PLACES: [&str; 3] = ["redis.url", "gamma.base_url", "accounts.default.api_key"];
/// Lines of a file.
const LINES: [&str; 12] = [
    "[redis]",
    "[accounts.default]",
    "[poll]",
    "api_key = \"n3ver-t0-be-seen\"",
    "url = \"redis://:n3ver-t0-be-seen@x\"",
    "interval = 5",
    "interval = \"5s\"",
    "limit = 50",
    "limit = -1",
    "x = [1, \"a\", {b = 2}]",
    "[[accounts]]",
    "\"unclosed",
];

/// Loads settings made of `data`; `file` is written anew for it.
pub fn check(data: &[u8], file: &Path) {
    let mut u = Unstructured::new(data);
    let mut toml = Vec::new();
    for _ in 0..u.int_in_range(0..=8_u8).unwrap_or(0) {
        toml.extend(word(&mut u, &LINES));
        toml.push(b'\n');
    }
    std::fs::write(file, toml).expect("a file for the settings");
    let mut environment = vec![("GAMMA_API_KEY".to_owned(), SECRET.to_owned())];
    let mut overrides = Overrides::new();
    for _ in 0..u.int_in_range(0..=6_u8).unwrap_or(0) {
        let key = String::from_utf8_lossy(&word(&mut u, &KEYS)).into_owned();
        let mut value = String::from_utf8_lossy(&word(&mut u, &VALUES)).into_owned();
        // What is written where no secret belongs is shown: a filter for the log, for one.
        if value.contains(SECRET) && !SECRET_PLACES.contains(&key.as_str()) {
            value = "x".to_owned();
        }
        match u.int_in_range(0..=3_u8) {
            Ok(0) => overrides.set("--set", &key, &value),
            Ok(1) => overrides.assign("--set", &format!("{key}={value}")),
            // An API key in the place of an assignment.
            Ok(2) => overrides.assign("--set", &format!("sk-gamma-{SECRET}{value}")),
            _ => environment.push((
                format!("GAMMAQ__{}", key.to_uppercase().replace('.', "__")),
                value,
            )),
        }
    }
    let source = Source {
        config_file: Some(file.to_owned()),
        environment,
        overrides,
    };
    assert!(!format!("{source:?}").contains(SECRET));
    for loaded in [
        Settings::load_for_worker(&source),
        Settings::load_for_client(&source),
    ] {
        match loaded {
            Ok(settings) => {
                assert!(!format!("{settings:?}").contains(SECRET), "{settings:?}");
                assert!(settings.poll.slow_interval >= settings.poll.interval);
                assert!(settings.worker.lease >= settings.gamma.request_timeout * 2);
            }
            Err(problems) => named(&problems),
        }
    }
}

fn named(problems: &Problems) {
    let text = problems.to_string();
    assert!(
        !text.contains(SECRET) && !format!("{problems:?}").contains(SECRET),
        "{text}"
    );
    assert_eq!(
        text.lines().count(),
        problems.iter().count(),
        "one line a problem: {text}"
    );
    assert!(problems.iter().count() > 0);
    for problem in problems {
        assert!(!problem.key.is_empty() && !problem.what.is_empty(), "{problem:?}");
    }
}
