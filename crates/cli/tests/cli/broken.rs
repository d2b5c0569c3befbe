//! Keys of other types, made by hand: reading commands name them and show the rest.

use gammaq_testkit::Redis;

use crate::reading::six;
use crate::{code, run};

#[tokio::test]
async fn a_key_of_another_type_hides_nothing_else() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    for name in [
        "inbox",
        "due",
        "accounts",
        "account_names",
        "account:default",
        "pending:default",
        "budget:default",
        "stats",
        "workers",
        "ambiguous",
        "completed",
        "schema",
        "job:done",
        "result:done",
        "events",
    ] {
        let key = format!("gammaq:{{main}}:{name}");
        let kept = format!("kept:{name}");
        redis.cli(&["RENAME", &key, &kept]).await;
        redis.cli(&["LPUSH", &key, "odd"]).await;
        let mut named = false;
        for args in [
            &["status"][..],
            &["list"],
            &["list", "--account", "default"],
            &["show", "done"],
            &["show", "waiting"],
            &["accounts"],
            &["accounts", "default"],
            &["events"],
        ] {
            for json in [&[][..], &["--json"]] {
                let finished = run(&redis, &[args, json].concat()).await;
                let said = format!("{}{}", finished.stdout, finished.stderr);
                assert!(!said.contains("panicked"), "{name} {args:?}: {finished:?}");
                // What was asked for alone may be what is broken; all others answer.
                let alone = matches!(args, ["events"] | ["accounts", _] | ["show", "done"]);
                let expected = if alone { &[0, 70][..] } else { &[0] };
                assert!(
                    expected.contains(&code(&finished)),
                    "{name} {args:?}: {finished:?}"
                );
                named |= said.contains(&key);
            }
        }
        assert!(named || name == "events", "{name} is named by none");
        redis.cli(&["DEL", &key]).await;
        redis.cli(&["RENAME", &kept, &key]).await;
    }
}

#[tokio::test]
async fn a_record_with_nonsense_in_it_is_shown() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    let key = "gammaq:{main}:job:done";
    for field in [
        "state",
        "created_at",
        "finished_at",
        "error",
        "priority",
        "account",
    ] {
        redis.cli(&["HSET", key, field, "\u{1b}[31m nonsense"]).await;
        for args in [
            &["show", "done"][..],
            &["show", "done", "--json"],
            &["list"],
            &["list", "--json"],
        ] {
            let finished = run(&redis, args).await;
            assert_eq!(code(&finished), 0, "{field} {args:?}: {finished:?}");
        }
    }
}
