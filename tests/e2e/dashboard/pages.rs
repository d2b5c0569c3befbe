//! What pages hold, and what they don't.

use gammaq_testkit::eventually;
use gammaq_tests::dashboard::{Shown, TOKEN};
use gammaq_tests::{KEY, PATIENCE};

use crate::journal::redis_ms;

const EVIL: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'";

#[tokio::test]
async fn what_callers_and_gamma_say_is_text_and_no_page() {
    let shown = Shown::start(true).await;
    let stage = &shown.stage;
    let request = |title: &str, text: &str| {
        serde_json::json!({ "inputText": format!("top secret {text} {EVIL}"), "title": title }).to_string()
    };
    let (kept, request) = (request("kept", "[[fake:post=lost_after*1]]"), request("good", ""));
    stage.xadd(&[("id", "kept"), ("request", &kept)]).await;
    stage.until("kept", "ambiguous").await;
    stage
        .xadd(&[
            ("id", "good"),
            ("request", &request),
            ("meta", EVIL),
            ("exports", "pdf"),
            ("odd", EVIL),
        ])
        .await;
    stage.until("good", "completed").await;
    // An entry that is wrong becomes a job that says so, with what was wrong.
    let bad = stage
        .xadd(&[
            ("request", "{\"inputText\":5}"),
            ("priority", EVIL),
            ("account", EVIL),
        ])
        .await;
    stage.until(&bad, "failed").await;
    // By hand: what no caller can bring about.
    for (id, field) in [
        ("good", "last_error"),
        ("good", "worker"),
        ("good", "kind"),
        (bad.as_str(), "state"),
    ] {
        stage
            .redis
            .cli(&["HSET", &stage.key(&format!("job:{id}")), field, EVIL])
            .await;
    }
    stage
        .redis
        .cli(&["ZADD", &stage.key("ambiguous"), "1", EVIL])
        .await;
    stage
        .redis
        .cli(&["ZADD", &stage.key("account_names"), "0", EVIL])
        .await;
    stage
        .redis
        .cli(&[
            "HSET",
            &stage.key("account:default"),
            "pause_reason",
            EVIL,
            EVIL,
            EVIL,
        ])
        .await;
    stage
        .redis
        .cli(&[
            "XADD",
            &stage.key("events"),
            "*",
            "id",
            "good",
            "state",
            EVIL,
            "from",
            EVIL,
            "at",
            "9999999999999",
            "note",
            EVIL,
            "by",
            EVIL,
        ])
        .await;
    let (cookie, _) = shown.sign_in("%3Cb%3Eme%3C%2Fb%3E").await;
    let encoded = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27";
    let paths = [
        "/".to_owned(),
        "/accounts".to_owned(),
        "/accounts/default".to_owned(),
        "/jobs".to_owned(),
        "/parked".to_owned(),
        format!("/jobs/{bad}"),
        format!("/jobs?state={encoded}&account={encoded}&after={encoded}"),
        format!("/search?q={encoded}"),
        format!("/jobs/{encoded}"),
        format!("/accounts/{encoded}"),
        format!("/{encoded}"),
        format!("/sign-in?next=/{encoded}"),
        "/jobs/good".to_owned(),
        "/jobs/kept".to_owned(),
        "/jobs/kept?request=1".to_owned(),
    ];
    let mut escaped = 0;
    for path in &paths {
        for headers in [&[][..], &[&*cookie]] {
            let page = shown.ask("GET", path, headers, "").await;
            assert!(page.status < 500, "{path}: {page:?}");
            for raw in ["<script>alert", "<img", "onerror=alert(2)>\"", "<b>me", "\"'\""] {
                assert!(!page.body.contains(raw), "{path} has {raw}: {}", page.body);
            }
            escaped += page.body.matches("&lt;img").count();
            for secret in [KEY, TOKEN, "sk-gamma"] {
                assert!(!page.body.contains(secret), "{path}");
            }
            // The text is somebody's, and so are the files.
            let may = !headers.is_empty();
            let asked = path.ends_with("request=1");
            assert_eq!(
                page.body.contains("top secret"),
                may && asked,
                "{path} {headers:?}"
            );
            assert!(may || !page.body.contains("/export/"), "{path}: {}", page.body);
        }
    }
    assert!(escaped > 10, "{escaped}");
}

#[tokio::test]
async fn jobs_are_found_and_pages_turned() {
    let shown = Shown::start(false).await;
    let stage = &shown.stage;
    for n in 0..45 {
        stage.submit(&format!("deck-{n:02}"), "text").await;
    }
    stage.until_count("completed", 45).await;
    // Older than those, and not so old that they are swept.
    let an_hour_ago = redis_ms(stage).await - 3_600_000;
    for n in 0..70 {
        stage
            .redis
            .cli(&[
                "HSET",
                &stage.key(&format!("job:old-{n:02}")),
                "id",
                &format!("old-{n:02}"),
                "state",
                "cancelled",
                "account",
                "default",
                "v",
                "1",
            ])
            .await;
        stage
            .redis
            .cli(&[
                "ZADD",
                &stage.key("cancelled"),
                &(an_hour_ago + n).to_string(),
                &format!("old-{n:02}"),
            ])
            .await;
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut path = "/jobs".to_owned();
    let mut pages = 0;
    loop {
        let page = shown.page(&path).await;
        assert_eq!(page.status, 200);
        seen.extend(
            page.body
                .split("href=\"/jobs/")
                .skip(1)
                .filter_map(|rest| Some(rest.split('"').next()?.to_owned())),
        );
        pages += 1;
        let Some(next) = page.body.split("id=\"next\" href=\"").nth(1) else {
            break;
        };
        path = next.split('"').next().unwrap_or_default().replace("&amp;", "&");
    }
    assert_eq!((pages, seen.len()), (3, 115));
    let failed = shown.page("/jobs?state=failed").await;
    assert!(failed.body.contains("No such jobs."), "{}", failed.body);

    let generation = stage.field("deck-07", "generation_id").await;
    stage
        .redis
        .cli(&[
            "HSET",
            &stage.key("job:old-03"),
            "extra_generation_id",
            "gen-a,gen-b",
        ])
        .await;
    for (wanted, id) in [
        ("deck-07", "deck-07"),
        (&*generation, "deck-07"),
        ("gen-b", "old-03"),
        ("+old-00+", "old-00"),
    ] {
        let found = shown.page(&format!("/search?q={wanted}")).await;
        assert_eq!(
            (found.status, found.header("location")),
            (303, Some(&*format!("/jobs/{id}"))),
            "{wanted}"
        );
    }
    let nothing = shown.page("/search?q=no-such-generation").await;
    assert_eq!(nothing.status, 404);
    assert!(
        nothing.body.contains("any of 115 jobs") && nothing.body.contains("all there are"),
        "{}",
        nothing.body
    );
    assert_eq!(shown.page("/jobs/nobody").await.status, 404);
    assert_eq!(shown.page("/accounts/nobody").await.status, 404);
    let account = shown.page("/accounts/default").await;
    assert!(
        account.body.contains("45 of 50 slots are taken"),
        "{}",
        account.body
    );
}

#[tokio::test]
async fn a_redis_that_is_gone_is_said_and_comes_back() {
    let shown = Shown::start(false).await;
    assert_eq!(shown.page("/").await.status, 200);
    shown.stage.redis.pause().await;
    // What was read within the last second is still shown.
    eventually(PATIENCE, "Redis is missed", || async {
        shown.page("/").await.status == 503
    })
    .await;
    for path in [
        "/",
        "/accounts",
        "/jobs",
        "/jobs/deck",
        "/parked",
        "/search?q=deck",
    ] {
        let page = shown.page(path).await;
        assert_eq!(page.status, 503, "{path}: {page:?}");
    }
    let page = shown.page("/jobs").await;
    assert!(
        page.body.contains("Redis does not answer") && page.body.contains("data-lost"),
        "{}",
        page.body
    );
    // Many at once: some are told to come again, and health is not held up.
    let many: Vec<_> = (0..60)
        .map(|_| {
            let address = shown.address.clone();
            tokio::spawn(async move {
                gammaq_tests::dashboard::ask(&address, "GET", "/", &[], "")
                    .await
                    .status
            })
        })
        .collect();
    assert_eq!(shown.page("/healthz").await.status, 200);
    for asked in many {
        assert_eq!(asked.await.unwrap(), 503);
    }
    shown.stage.redis.resume();
    eventually(PATIENCE, "pages are back", || async {
        let status = shown.page("/").await.status;
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
}
