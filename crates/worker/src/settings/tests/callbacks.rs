//! The settings of callbacks, and the file of their secrets.

use std::time::Duration;

use super::{Given, lines};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn a_worker_reads_its_secrets_and_a_client_leaves_them() {
    let given = Given::account();
    given.put("secrets", &format!("{SECRET}\n{SECRET}\n"));
    let path = given.path("secrets");
    let given = given.set("callbacks.secret_file", &path);
    let settings = given.worker().unwrap();
    assert!(settings.callbacks.keys.is_some());
    let shown = format!("{settings:?}");
    assert!(!shown.contains(&SECRET[6..]), "{shown}");
    assert!(given.client().unwrap().callbacks.keys.is_none());

    let callbacks = Given::account().worker().unwrap().callbacks;
    assert!(callbacks.keys.is_none() && callbacks.allowed_hosts.is_empty());
    assert_eq!(callbacks.timeout, Duration::from_secs(15));
    assert_eq!(callbacks.retry_for, Duration::from_secs(86_400));
    assert_eq!(callbacks.per_host.get(), 16);
}

#[test]
fn what_is_wrong_is_said_by_key_and_shows_no_secret() {
    for (key, value, says) in [
        ("callbacks.secret_file", "/nowhere/at/all", "can't be read"),
        ("callbacks.tls_ca_file", "/nowhere/at/all", "can't be read"),
        ("callbacks.timeout", "6m", "allowed: 10ms to 5m"),
        ("callbacks.per_host", "0", "allowed: 1 to 64"),
        ("callbacks.per_host", "65", "allowed: 1 to 64"),
        ("callbacks.retry_for", "8d", "allowed: 10ms to 7d"),
        (
            "callbacks.retry_most",
            "5s",
            "allowed: at least callbacks.retry_first (10s)",
        ),
        ("callbacks.allowed_hosts", "https://x", "a host alone is wanted"),
    ] {
        let given = Given::account().set(key, value);
        let lines = lines(&given, given.worker());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(key) && lines[0].contains(says), "{lines:?}");
    }
    for (content, says) in [
        (format!("{SECRET}\nhush-hush\n"), "line 2 is not a secret"),
        ("\n".to_owned(), "this file has 0 secrets"),
    ] {
        let given = Given::account();
        given.put("secrets", &content);
        let path = given.path("secrets");
        let given = given.set("callbacks.secret_file", &path);
        let lines = lines(&given, given.worker());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(says) && !lines[0].contains("hush"), "{lines:?}");
    }
}
