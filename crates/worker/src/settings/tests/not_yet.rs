//! Settings of what is not built yet.

use super::{Given, lines};
use crate::settings::load::Purpose;
use crate::settings::schema::{Meanwhile, NotYet};
use crate::settings::{Durability, RedisMode};

/// As if these were not built. Everything is, in this version.
const NOT_YET: &[NotYet] = &[
    NotYet {
        path: "exports.store",
        meanwhile: Meanwhile::Refused,
    },
    NotYet {
        path: "exports.timeout",
        meanwhile: Meanwhile::Idle,
    },
];

#[test]
fn what_is_not_built_is_refused() {
    let given = Given::account().set("exports.store", "file:///tmp");
    for purpose in [Purpose::Worker, Purpose::Client] {
        let lines = lines(&given, given.load_as(purpose, NOT_YET));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("exports.store") && lines[0].contains("not built yet in this version"),
            "{lines:?}"
        );
    }
}

#[test]
fn what_only_sizes_something_not_built_is_taken_with_a_warning() {
    let given = Given::account().set("exports.timeout", "1m");
    let settings = given.load_as(Purpose::Worker, NOT_YET).unwrap();
    assert_eq!(settings.warnings.len(), 1, "{:?}", settings.warnings);
}

#[test]
fn what_is_not_built_is_read_all_the_same() {
    let given = Given::account();
    given.put("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    given.put("token", "for-the-dashboard\n");
    let (secret, token) = (given.path("secret"), given.path("token"));
    let accounts = given.path("accounts");
    std::fs::create_dir(&accounts).unwrap();
    let given = given
        .set("redis.mode", "sentinel")
        .set("redis.sentinel_master", "mymaster")
        .set("redis.url", "redis://:a,b@one:26379, redis://two:26379")
        .set("redis.durability", "replica")
        .set("submit.journal", "journal")
        .set("exports.store", "s3://bucket/prefix")
        .set("callbacks.secret_file", &secret)
        .set("callbacks.allowed_hosts", "hooks.example.com")
        .set("accounts_dir", &accounts)
        .set("accounts.default.credits_floor", "100")
        .set("admin.token_file", &token);
    let settings = given.complete().unwrap();
    assert_eq!(
        settings.redis.mode,
        RedisMode::Sentinel {
            master: "mymaster".to_owned()
        }
    );
    let urls: Vec<_> = settings.redis.urls.iter().map(|url| url.expose()).collect();
    assert_eq!(
        urls,
        ["redis://:a,b@one:26379", "redis://two:26379"],
        "a comma in a password splits nothing"
    );
    assert_eq!(settings.redis.durability, Durability::Replica);
    assert_eq!(settings.exports.store.unwrap().as_str(), "s3://bucket/prefix");
    assert!(settings.callbacks.keys.is_some() && settings.admin.token.is_some());
    assert_eq!(
        settings
            .accounts
            .values()
            .next()
            .unwrap()
            .credits_floor
            .unwrap()
            .get(),
        100
    );
    assert_eq!(settings.accounts_dir.unwrap().to_str(), Some(&*accounts));

    for (key, value, says) in [
        ("redis.mode", "sentinel", "redis.sentinel_master has to say"),
        ("redis.mode", "clustr", "did you mean cluster?"),
        ("exports.store", "file://tmp/x", "three slashes"),
        ("exports.store", "s3:///x", "it has no bucket"),
        ("exports.store", "ftp://x/y", "allowed: file:///"),
        ("submit.journal", "", "it is empty"),
        ("admin.token_file", "/nowhere/at/all", "can't be read"),
        ("accounts.default.credits_floor", "0", "allowed: 1 to 1000000000"),
    ] {
        let given = Given::account().set(key, value);
        let lines = lines(&given, given.complete());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(says), "{key} = {value}: {lines:?}");
    }
}
