//! What each setting takes, what it refuses, and what the settings are then.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Given, lines};
use crate::settings::{Durability, HostPattern, LogFormat, OnAmbiguous, RedisMode};

#[test]
fn nothing_written_gives_the_defaults() {
    let settings = Given::account().worker().unwrap();
    assert_eq!(settings.redis.urls[0].to_string(), "redis://127.0.0.1:6379");
    assert_eq!(settings.redis.mode, RedisMode::Standalone);
    assert_eq!(
        (settings.redis.prefix.as_str(), settings.redis.queue.as_str()),
        ("gammaq", "main")
    );
    assert_eq!(settings.redis.durability, Durability::None);
    assert_eq!(settings.redis.response_timeout, Duration::from_secs(3));
    assert_eq!(settings.gamma.base_url.as_str(), "https://public-api.gamma.app/");
    assert_eq!(settings.gamma.connect_timeout, Duration::from_secs(5));
    assert_eq!(settings.gamma.request_timeout, Duration::from_secs(30));
    let (name, account) = settings.accounts.iter().next().unwrap();
    assert_eq!((name.as_str(), account.limit.get()), ("default", 50));
    assert_eq!(
        (account.window, account.credits_floor),
        (Duration::from_secs(3600), None)
    );
    assert_eq!(settings.submit.on_ambiguous, OnAmbiguous::Park);
    assert_eq!(settings.poll.interval, Duration::from_secs(5));
    assert_eq!(settings.poll.slow_interval, Duration::from_secs(15));
    assert_eq!(settings.poll.backoff_max, Duration::from_secs(300));
    assert_eq!(settings.poll.timeout, Duration::from_secs(300));
    assert_eq!(settings.poll.agent_timeout, Duration::from_secs(2400));
    assert_eq!(settings.poll.late_interval, Duration::from_secs(300));
    assert_eq!(settings.poll.late_for, Duration::from_secs(3600));
    assert_eq!(settings.worker.concurrency.get(), 256);
    assert_eq!(settings.worker.lease, Duration::from_secs(60));
    assert_eq!(settings.worker.shutdown_grace, Duration::from_secs(30));
    assert_eq!(settings.exports.timeout, Duration::from_secs(900));
    assert_eq!(settings.exports.max_bytes, 256 * 1024 * 1024);
    assert_eq!(
        settings.exports.allowed_hosts,
        [HostPattern::Below("gamma.app".to_owned())]
    );
    assert_eq!(settings.results.ttl, Duration::from_secs(7 * 86_400));
    assert_eq!(settings.results.max_jobs, None);
    assert_eq!(
        (settings.results.keep_requests, settings.results.events_cap.get()),
        (false, 10_000)
    );
    assert_eq!(settings.admin.listen, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(
        (settings.log.format, settings.log.filter.as_str()),
        (LogFormat::Auto, "info")
    );
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn bad_values_are_refused_with_what_is_allowed() {
    for (key, value, says) in [
        ("redis.url", "127.0.0.1:6379", "not an address"),
        ("redis.url", "http://127.0.0.1", "allowed: redis://"),
        ("redis.url", "redis://", "it has no host"),
        ("redis.url", "redis://host/one", "not the number of a database"),
        ("redis.url", "redis://host/#insecure", "%23"),
        ("redis.url", "unix://", "it has no path"),
        ("redis.url", ",", "it is empty"),
        (
            "redis.url",
            "redis://one,redis://two",
            "several addresses want redis.mode",
        ),
        (
            "redis.sentinel_master",
            "mymaster",
            "redis.mode = \"sentinel\" alone",
        ),
        ("redis.prefix", "", "1 to 64 of"),
        ("redis.queue", "a b", "1 to 64 of"),
        ("redis.queue", &"q".repeat(65), "1 to 64 of"),
        ("redis.queue", "{main}", "1 to 64 of"),
        ("gamma.base_url", "public-api.gamma.app", "not an address"),
        ("gamma.base_url", "ftp://host", "allowed: https://"),
        (
            "gamma.base_url",
            "https://user@host",
            "it has a user or a password",
        ),
        ("gamma.base_url", "https://host/?a=b", "it has a query"),
        ("gamma.request_timeout", "0s", "allowed: 20ms to 10m"),
        ("gamma.request_timeout", "30", "a number without a unit"),
        (
            "gamma.connect_timeout",
            "30s",
            "less than gamma.request_timeout (30s)",
        ),
        ("accounts.default.limit", "0", "allowed: 1 to 10000"),
        ("accounts.default.limit", "10001", "allowed: 1 to 10000"),
        ("accounts.default.limit", "-1", "allowed: 1 to 10000"),
        (
            "accounts.default.limit",
            "fifty",
            "text instead of a whole number",
        ),
        ("accounts.default.limit", "1.5", "text instead of a whole number"),
        ("accounts.default.window", "99ms", "allowed: 100ms to 31d"),
        ("submit.on_ambiguous", "parc", "did you mean park?"),
        ("submit.max_resubmits", "11", "allowed: 1 to 10"),
        ("poll.interval", "9ms", "allowed: 10ms to 1h"),
        ("poll.interval", "-5s", "not a length of time"),
        ("poll.interval", "", "not a length of time"),
        ("poll.interval", "99999999999999999999d", "not a length of time"),
        ("poll.slow_interval", "4s", "at least poll.interval (5s)"),
        ("poll.backoff_max", "4s", "at least poll.interval (5s)"),
        ("worker.concurrency", "0", "allowed: 1 to 10000"),
        ("worker.lease", "59s", "at least twice gamma.request_timeout (1m)"),
        ("exports.max_bytes", "256 MiX", "not a number of bytes"),
        ("exports.max_bytes", "99999999999 GiB", "not a number of bytes"),
        ("exports.max_bytes", "1023", "allowed: 1 KiB to 16 GiB"),
        ("exports.allowed_hosts", "*", "allowed: a list of hosts"),
        ("exports.allowed_hosts", "*.com", "a domain of its own"),
        ("exports.allowed_hosts", "https://gamma.app", "a host alone"),
        ("exports.allowed_hosts", "gamma.app:443", "a host alone"),
        ("exports.allowed_hosts", "a..b", "allowed: a list of hosts"),
        ("results.ttl", "10ms", "allowed: 1s to 365d"),
        ("results.max_jobs", "0", "allowed: 1 to 1000000000"),
        ("results.keep_requests", "maybe", "true or false"),
        ("results.events_cap", "1", "allowed: 100 to 10000000"),
        ("admin.listen", "localhost:9464", "an IP address and a port"),
        ("admin.listen", ":9464", "an IP address and a port"),
        ("log.format", "xml", "allowed: auto, pretty, json"),
        ("log.filter", "inof", "did you mean info?"),
        ("log.filter", "warning", "did you mean warn?"),
        ("log.filter", "a=b=c", "not a filter"),
        ("log.filter", "", "it is empty"),
    ] {
        let given = Given::account().set(key, value);
        let lines = lines(&given, given.worker());
        assert_eq!(lines.len(), 1, "{key} = {value}: {lines:?}");
        assert!(
            lines[0].starts_with(&format!("{key} = ")) && lines[0].contains(says),
            "{value}: {lines:?}"
        );
        assert!(lines[0].contains("(--set): "), "{lines:?}");
    }
}

#[test]
fn a_wrong_type_is_refused_and_hides_nothing() {
    let given = Given::account().file(
        "accounts.default.limit = '50'\n\
         [redis]\nqueue = 5\nurl = { host = 'x' }\n\
         [poll]\ninterval = 5\ntimeout = 1.5\n\
         [worker]\nconcurrency = [1]\nlease = true\n\
         [results]\nkeep_requests = 'true'\n\
         [exports]\nallowed_hosts = [1]\nmax_bytes = false\n",
    );
    let expected = [
        "redis.url = a table (named.toml): not a value; allowed: redis://",
        "redis.queue = 5 (named.toml): a number instead of text; ",
        "accounts.default.limit = \"50\" (named.toml): text instead of a whole number; ",
        "poll.interval = 5 (named.toml): a number without a unit; ",
        "poll.timeout = 1.5 (named.toml): a fraction instead of text; ",
        "worker.concurrency = [1] (named.toml): a list instead of a whole number; ",
        "worker.lease = true (named.toml): true or false instead of text; ",
        "exports.max_bytes = false (named.toml): true or false instead of text; ",
        "exports.allowed_hosts = [1] (named.toml): a number instead of text; ",
        "results.keep_requests = \"true\" (named.toml): allowed: true or false",
    ];
    let lines = lines(&given, given.worker());
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{line} against {start}");
    }
}

#[test]
fn every_problem_of_every_layer_is_told_at_once() {
    let given = Given::nothing()
        .file("pol = 1\n[redis]\nquue = 'x'\n[nothing]\nx = 1\n[accounts.a]\n[accounts.b.c]\nlimit = 1")
        .env("GAMMAQ__WORKER__LEESE", "60s")
        .env("GAMMAQ__REDIS", "redis://x")
        .env("GAMMAQ__ACCOUNTS__BAD NAME__API_KEY", "k")
        .set("poll.interval", "5")
        .set("queue", "main")
        .assign("poll.interval")
        .assign("what");
    let expected = [
        "accounts.b.c (named.toml): unknown key; a name with a dot goes in quotes: [accounts.\"b.c\"]",
        "nothing (named.toml): unknown key",
        "pol (named.toml): unknown key; did you mean poll?",
        "redis.quue (named.toml): unknown key; did you mean redis.queue?",
        "redis (environment variable GAMMAQ__REDIS): a section with keys is wanted, not a value",
        "worker.leese (environment variable GAMMAQ__WORKER__LEESE): unknown key; did you mean worker.lease?",
        "queue (--set): unknown key; did you mean redis.queue?",
        "--set: poll.interval has no value; wanted: key=value, as in poll.interval=10s",
        "--set: it has no value; wanted: key=value, as in poll.interval=10s",
        "accounts.a.api_key: an account needs its api_key or its api_key_file",
        "accounts.b.api_key: an account needs its api_key or its api_key_file",
        "\"accounts.bad name\": not the name of an account; allowed: 1 to 64 of A-Z a-z 0-9 . _ -",
        "poll.interval = \"5\" (--set): a number without a unit; \
         allowed: 10ms to 1h, with its unit (ms, s, m, h, d)",
    ];
    let lines = lines(&given, given.worker());
    assert_eq!(lines, expected, "{lines:#?}");
}

#[test]
fn a_rule_says_nothing_about_a_value_that_is_wrong_in_itself() {
    let given = Given::account()
        .set("gamma.request_timeout", "thirty")
        .set("worker.lease", "1s");
    let lines = lines(&given, given.worker());
    assert_eq!(lines.len(), 1, "{lines:?}");
    let given = Given::account().set("gamma.request_timeout", "31s");
    let lines = super::lines(&given, given.worker());
    assert_eq!(
        lines,
        ["worker.lease = 60s (the default): allowed: at least twice gamma.request_timeout (62s)"]
    );
}

#[test]
fn small_values_are_allowed() {
    let given = Given::account()
        .set("worker.lease", "1s")
        .set("gamma.request_timeout", "300ms")
        .set("gamma.connect_timeout", "100ms")
        .set("redis.response_timeout", "200ms")
        .set("accounts.default.window", "100ms")
        .set("poll.interval", "10ms")
        .set("exports.max_bytes", "2 kib")
        .set("admin.listen", "off")
        .set("results.keep_requests", "true")
        .set("submit.on_ambiguous", "resubmit");
    let settings = given.complete().unwrap();
    assert_eq!(settings.worker.lease, Duration::from_secs(1));
    assert_eq!(settings.exports.max_bytes, 2048);
    assert_eq!(settings.admin.listen, None);
    assert!(settings.results.keep_requests);
    assert_eq!(
        settings.submit.on_ambiguous,
        OnAmbiguous::Resubmit {
            at_most: NonZeroU32::MIN
        }
    );
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn what_is_allowed_and_odd_is_warned_of() {
    let given = Given::account()
        .set("redis.response_timeout", "60s")
        .set("worker.shutdown_grace", "29s")
        .set("gamma.base_url", "http://gamma.test");
    let warnings = given.worker().unwrap().warnings;
    assert!(
        warnings[0].starts_with("redis.response_timeout is not below worker.lease"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].starts_with("worker.shutdown_grace is below gamma.request_timeout"),
        "{warnings:?}"
    );
    assert!(
        warnings[2].starts_with("gamma.base_url is plain http"),
        "{warnings:?}"
    );
    for here in [
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    ] {
        assert!(
            Given::account()
                .set("gamma.base_url", here)
                .worker()
                .unwrap()
                .warnings
                .is_empty(),
            "{here}"
        );
    }
}

#[test]
fn a_file_of_authorities_must_be_there_and_of_use() {
    let given = Given::account();
    let path = given.path("ca.pem");
    let given = given
        .set("redis.tls_ca_file", &path)
        .set("redis.url", "rediss://host");
    for loaded in [given.worker(), given.client()] {
        let lines = lines(&given, loaded);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("redis.tls_ca_file = \"ca.pem\" (--set): this file can't be read"),
            "{lines:?}"
        );
    }
    given.put("ca.pem", "-----BEGIN CERTIFICATE-----");
    assert!(given.worker().unwrap().warnings.is_empty());
    let given = given.set("redis.url", "redis://host");
    let expected = "redis.tls_ca_file is not used: no address in redis.url begins with rediss://";
    assert_eq!(given.worker().unwrap().warnings, [expected]);
}

#[test]
fn key_and_file_in_one_layer_are_refused() {
    let given = Given::nothing().file("[accounts.default]\napi_key = 'a'\napi_key_file = 'b'");
    let expected = "accounts.default.api_key = <hidden> (named.toml): there is an api_key_file too; one of them is wanted";
    assert_eq!(lines(&given, given.worker()), [expected]);
}

#[test]
fn a_host_pattern_means_names_below_it_or_one_host() {
    let hosts = |patterns: &str| {
        let given = Given::account().set("exports.allowed_hosts", patterns);
        given.worker().unwrap().exports.allowed_hosts
    };
    let below = &hosts("*.Gamma.app")[0];
    for (host, matches) in [
        ("files.gamma.app", true),
        ("a.b.gamma.app", true),
        ("FILES.GAMMA.APP.", true),
        ("gamma.app", false),
        (".gamma.app", false),
        ("evilgamma.app", false),
        ("gamma.app.evil.com", false),
    ] {
        assert_eq!(below.matches(host), matches, "{host}");
    }
    let exact = &hosts("gamma.app,[::1]");
    assert!(exact[0].matches("gamma.app") && !exact[0].matches("x.gamma.app"));
    assert!(exact[1].matches("[::1]") && exact[1].matches("::1") && !exact[1].matches("::2"));
}

#[test]
fn a_token_that_can_be_guessed_is_refused() {
    for (token, fits) in [("fifteen-letters", false), ("sixteen--letters", true)] {
        let given = Given::account();
        given.put("token", token);
        let path = given.path("token");
        let given = given.set("admin.token_file", &path);
        let lines = lines(&given, given.worker());
        assert_eq!(lines.is_empty(), fits, "{lines:?}");
        assert!(
            fits || lines[0].contains("at least 16 characters") && !lines[0].contains(token),
            "{lines:?}"
        );
        assert!(given.client().is_ok(), "it needs no token");
    }
}
