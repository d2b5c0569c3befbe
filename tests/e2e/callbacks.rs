//! Callbacks to a receiver that somebody else could have written: signed, tried again, and never where they may not go.

use gammaq_testkit::{Process, eventually, gammaq_bin};
use gammaq_tests::receiver::{OTHER_SECRET, Receiver, SECRET};
use gammaq_tests::{KEY, PATIENCE, Stage, admin};
use serde_json::Value;

async fn gammaq(stage: &Stage, args: &[&str]) -> String {
    let finished = Process::builder(gammaq_bin())
        .args(args)
        .env("REDIS_URL", stage.redis.url())
        .run(PATIENCE)
        .await;
    assert_eq!(finished.status.code(), Some(0), "{args:?}: {}", finished.stderr);
    finished.stdout
}

fn id_of(received: &Value) -> &str {
    received["headers"]["webhook-id"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn every_end_arrives_verified_and_says_what_the_result_says() {
    let stage = Stage::start(&["--generation-time", "100ms", "--cost", "150"]).await;
    let receiver = Receiver::start().await;
    // In the middle of a rotation: the receiver knows the old secret alone.
    receiver.put_secrets(&format!("{OTHER_SECRET}\n{SECRET}\n"));
    let admin = [("ADMIN__LISTEN", "127.0.0.1:0")];
    let worker = stage.calling_worker("worker", &receiver, &admin).await;
    let request = r#"{"inputText":"Our secret plan","title":"a","textMode":"generate"}"#;
    let url = receiver.url("ok?token=hush");
    let fields = [
        ("id", "a"),
        ("callback", url.as_str()),
        ("request", request),
        ("exports", "pdf"),
        ("meta", "order 7"),
    ];
    stage.xadd(&fields).await;
    stage
        .xadd(&[
            ("id", "bad"),
            ("callback", &receiver.url("ok?bad")),
            ("request", "{}"),
        ])
        .await;
    let good = receiver.until("ok?token=hush", 1).await.remove(0);
    let bad = receiver.until("ok?bad", 1).await.remove(0);
    stage.until_callback("a", "delivered").await;
    stage.until_callback("bad", "delivered").await;

    assert!(
        good["verified"] == true && bad["verified"] == true,
        "{good} {bad}"
    );
    assert_eq!(good["body"]["type"], "job.completed");
    let (data, result) = (&good["body"]["data"], stage.result("a").await);
    for field in [
        "id",
        "state",
        "gammaUrl",
        "generationId",
        "credits",
        "meta",
        "finishedAt",
    ] {
        assert_eq!(data[field], result[field], "{field}");
        assert!(!data[field].is_null(), "{field}");
    }
    assert!(result["exportUrl"].is_string());
    assert!(!good.to_string().contains("/export/"), "{good}");
    assert!(!good.to_string().contains(KEY) && good["headers"]["x-api-key"].is_null());
    assert_eq!(bad["body"]["type"], "job.failed");
    assert_eq!(bad["body"]["data"]["error"]["kind"], "invalid_request");
    assert_ne!(id_of(&good), id_of(&bad));
    assert_eq!(id_of(&good), stage.field("a", "callback_id").await);

    let shown = gammaq(&stage, &["show", "a"]).await;
    assert!(shown.contains("delivered"), "{shown}");
    assert!(
        gammaq(&stage, &["list", "--callback", "failed", "--json"])
            .await
            .contains("\"jobs\":[]")
    );
    let samples = admin::metrics(&admin::address(&worker).await).await;
    let sample = |name: &str| samples.get(name).copied();
    assert_eq!(sample("gammaq_callbacks_total{outcome=\"delivered\"}"), Some(2.0));
    assert_eq!(
        sample("gammaq_callback_requests_total{status=\"204\"}"),
        Some(2.0)
    );
    assert_eq!(sample("gammaq_callbacks_failed"), Some(0.0));
    stage.assert_honest(2, &[]).await;
    stage.assert_silent(
        &[&worker],
        &["secret plan", "token=hush", &SECRET[6..], &OTHER_SECRET[6..]],
    );
}

#[tokio::test]
async fn a_worker_killed_before_it_noted_the_delivery_is_followed_by_another_with_the_same_message() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let receiver = Receiver::start().await;
    let first = stage
        .calling_worker("first", &receiver, &[("CALLBACKS__TIMEOUT", "5s")])
        .await;
    stage.submit_with_callback("a", &receiver.url("hold/a")).await;
    receiver.until("hold/a", 1).await;
    assert_eq!(stage.field("a", "state").await, "completed");
    assert_eq!(stage.field("a", "callback_status").await, "due");
    first.kill_all();
    let _second = stage.calling_worker("second", &receiver, &[]).await;
    let received = receiver.until("hold/a", 2).await;
    stage.until_callback("a", "delivered").await;
    assert_eq!(id_of(&received[0]), id_of(&received[1]));
    assert!(received.iter().all(|it| it["verified"] == true), "{received:?}");
    assert_eq!(received[0]["body"]["data"], received[1]["body"]["data"]);
    assert_eq!(receiver.received("hold/a").len(), 2);
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn receivers_in_trouble_are_called_again_as_they_ask_and_no_job_minds() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let receiver = Receiver::start().await;
    let worker = stage.calling_worker("worker", &receiver, &[]).await;
    for path in ["down/3/a", "busy/a", "gone", "redirect", "slow", "endless"] {
        let id = path.replace('/', "-");
        stage.submit_with_callback(&id, &receiver.url(path)).await;
    }
    // Nobody listens there.
    let nobody = gammaq_testkit::free_port();
    stage
        .submit_with_callback("nobody", &format!("https://127.0.0.1:{nobody}/ok"))
        .await;
    stage.until_count("completed", 7).await;

    stage.until_callback("down-3-a", "delivered").await;
    let down = receiver.received("down/3/a");
    assert_eq!(down.len(), 4);
    assert!(down.iter().all(|it| id_of(it) == id_of(&down[0])), "{down:?}");
    assert_eq!(stage.field("down-3-a", "callback_attempts").await, "4");

    stage.until_callback("busy-a", "delivered").await;
    let at = |received: &Value| received["at"].as_f64().unwrap();
    let busy = receiver.received("busy/a");
    assert_eq!(busy.len(), 2);
    assert!(at(&busy[1]) - at(&busy[0]) >= 2.0, "{busy:?}");

    stage.until_callback("gone", "failed").await;
    assert_eq!(stage.field("gone", "callback_error").await, "answered 410");
    assert_eq!(receiver.received("gone").len(), 1);

    // It said 200, and that is all that counts: what pours behind it is cut off.
    stage.until_callback("endless", "delivered").await;
    let line = receiver.process.wait_line("poured ", PATIENCE).await;
    let poured: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(
        poured < 16 << 20,
        "{poured} bytes went out, into buffers for the most part"
    );
    assert_eq!(receiver.received("endless").len(), 1);

    for (id, why) in [
        ("redirect", "answered 307, and redirects are not followed"),
        ("slow", "no answer within 700ms"),
        ("nobody", "no connection: "),
    ] {
        stage.until_callback(id, "failed").await;
        let error = stage.field(id, "callback_error").await;
        assert!(error.starts_with(why), "{id}: {error}");
    }
    assert!(receiver.received("redirect").len() > 3);
    assert!(receiver.received("ok").is_empty(), "a redirect was followed");
    let listed: Value =
        serde_json::from_str(&gammaq(&stage, &["list", "--callback", "failed", "--json"]).await).unwrap();
    let mut ids: Vec<&str> = listed["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["gone", "nobody", "redirect", "slow"]);
    let told = gammaq(&stage, &["list", "--callback", "failed"]).await;
    assert!(told.contains("answered 410"), "{told}");
    let shown = gammaq(&stage, &["show", "gone"]).await;
    assert!(
        shown.contains("given up") && shown.contains("answered 410"),
        "{shown}"
    );

    // As the runbook has it.
    stage
        .redis
        .cli(&["ZADD", &stage.key("callbacks"), "0", "gone"])
        .await;
    receiver.until("gone", 2).await;
    stage.assert_honest(7, &[]).await;
    stage.assert_silent(&[&worker], &[&SECRET[6..]]);
}

#[tokio::test]
async fn what_is_inside_is_not_called_whatever_it_is_called() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let receiver = Receiver::start().await;
    let worker = stage.calling_worker("worker", &receiver, &[]).await;
    let literal = "the callback's address is not a public one";
    let cases = [
        ("literal", "127.0.0.2", literal),
        ("number", "2130706434", literal),
        ("mapped", "[::ffff:127.0.0.1]", literal),
        ("any", "0.0.0.0", literal),
        (
            "name",
            "localhost",
            "the callback's host leads to an address that is not public",
        ),
    ];
    for (id, host, _) in cases {
        let url = receiver.url_at(host, &format!("ok/{id}"));
        stage.submit_with_callback(id, &url).await;
    }
    stage
        .submit_with_callback("allowed", &receiver.url("ok/allowed"))
        .await;
    stage.until_callback("allowed", "delivered").await;
    for (id, _, why) in cases {
        stage.until_callback(id, "failed").await;
        let error = stage.field(id, "callback_error").await;
        assert!(error.starts_with(why), "{id}: {error}");
        assert!(!error.contains("127.0.0"), "{error}");
        assert!(
            receiver.received(&format!("ok/{id}")).is_empty(),
            "{id} was called"
        );
        assert_eq!(stage.field(id, "state").await, "completed");
    }
    // The same name where it is allowed: nothing else kept it from arriving.
    let by_name = [("CALLBACKS__ALLOWED_HOSTS", "127.0.0.1,localhost")];
    let _other = stage.calling_worker("other", &receiver, &by_name).await;
    drop(worker);
    stage
        .submit_with_callback("named", &receiver.url_at("localhost", "ok/named"))
        .await;
    stage.until_callback("named", "delivered").await;
}

/// Far more than a worker makes at once are due for a receiver that takes half a minute for each.
#[tokio::test]
async fn a_slow_receiver_leaves_room_for_others() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let receiver = Receiver::start().await;
    let settings = [
        ("ADMIN__LISTEN", "127.0.0.1:0"),
        ("CALLBACKS__ALLOWED_HOSTS", "127.0.0.1,127.0.0.2"),
        ("CALLBACKS__TIMEOUT", "2m"),
        ("CALLBACKS__RETRY_FOR", "1h"),
    ];
    let worker = stage.calling_worker("worker", &receiver, &settings).await;
    for n in 0..80 {
        let url = receiver.url_at("127.0.0.2", "slow");
        stage.submit_with_callback(&format!("slow-{n}"), &url).await;
    }
    stage.until_count("completed", 80).await;
    receiver.until("slow", 16).await;
    for n in 0..3 {
        stage
            .submit_with_callback(&format!("quick-{n}"), &receiver.url("ok"))
            .await;
    }
    for n in 0..3 {
        stage.until_callback(&format!("quick-{n}"), "delivered").await;
    }
    let slow = receiver.received("slow").len();
    let samples = admin::metrics(&admin::address(&worker).await).await;
    let delivered = samples["gammaq_callbacks_total{outcome=\"delivered\"}"] as usize - 3;
    assert!(
        slow >= 16 && slow - delivered <= 16,
        "{slow} began, {delivered} were delivered"
    );
    assert!(samples["gammaq_callbacks_put_off_total"] > 0.0);
}

#[tokio::test]
async fn a_full_redis_a_redis_that_restarts_and_a_worker_without_a_secret_lose_no_callback() {
    let redis = gammaq_testkit::Redis::builder().aof_always().start().await;
    let stage = Stage::on(redis, &["--generation-time", "300ms"]).await;
    let receiver = Receiver::start().await;
    let silent = stage.worker("silent", &[]).await;
    stage.submit_with_callback("a", &receiver.url("ok/a")).await;
    stage.submit_with_callback("b", &receiver.url("down/2/b")).await;
    stage.until("a", "generating").await;
    stage.until("b", "generating").await;
    stage.redis.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    stage.until_count("completed", 2).await;
    let warnings = stage.field("a", "warnings").await;
    assert!(warnings.contains("no callbacks.secret_file"), "{warnings}");
    assert_eq!(stage.number("ZCARD", "callbacks").await, 2);
    assert!(receiver.received("ok/a").is_empty());
    let _calling = stage.calling_worker("calling", &receiver, &[]).await;
    stage.until_callback("a", "delivered").await;
    receiver.until("down/2/b", 1).await;
    stage.redis.kill().await;
    stage.redis.restart().await;
    eventually(PATIENCE, "the second one arrives, too", || async {
        let status = stage.field("b", "callback_status").await;
        if status == "delivered" {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;
    let received = receiver.received("down/2/b");
    assert!(received.len() >= 3 && received.iter().all(|it| id_of(it) == id_of(&received[0])));
    assert_eq!(stage.number("ZCARD", "callbacks").await, 0);
    drop(silent);
}
