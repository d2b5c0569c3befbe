//! What callers and hands put into Redis without measure: the worker says what is wrong with it and goes on, and its
//! memory stays within what one answer of Redis takes. Redis's answers arrive whole: an entry of 100 MB has to be read
//! before it can be refused, and that is what can't be bounded here. `proto-max-bulk-len` of the server can.

use gammaq_testkit::{Process, now_ms};
use gammaq_tests::{PATIENCE, Stage};

const MIB: u64 = 1024 * 1024;

/// What a process holds at the most since its start, in bytes.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let kib = kib.unwrap_or(0);
    assert!(
        kib > 0,
        "the worker lives, and Linux says what it holds: {status}"
    );
    kib * 1024
}

/// Appends an entry whose field `name` is `value`, however long.
async fn append(stage: &Stage, id: &str, name: &str, value: &[u8]) {
    let args = ["-x", "XADD", "gammaq:{main}:inbox", "*", "id", id, name];
    stage.redis.cli_raw(&args, value).await;
}

/// Waits until the job failed at once, with an error that says these words.
async fn refused(stage: &Stage, id: &str, words: &str) {
    stage.until(id, "failed").await;
    let error = stage.result(id).await["error"].clone();
    assert_eq!(error["kind"], "invalid_request", "{id}: {error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(words) && message.len() < 5_000,
        "{id}: {message}"
    );
}

#[tokio::test]
async fn entries_without_measure_fail_with_words_and_memory_stays_bounded() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("worker", &[]).await;
    stage.submit("first", "wind").await;
    stage.until("first", "completed").await;

    // A little too much: nothing of it is more than an ordinary job.
    let before = peak(&worker);
    let request = |bytes: usize| {
        let frame = r#"{"textMode":"generate","x":"","inputText":"wind"}"#;
        frame.replace(
            r#""x":"""#,
            &format!(r#""x":"{}""#, "y".repeat(bytes - frame.len())),
        )
    };
    let most = 2 * 1024 * 1024;
    append(&stage, "fits", "request", request(most).as_bytes()).await;
    append(&stage, "over", "request", request(most + 1).as_bytes()).await;
    stage.until("fits", "completed").await;
    refused(&stage, "over", "request").await;
    assert_eq!(
        stage.field("over", "request").await,
        "",
        "what is too long isn't kept"
    );
    append(&stage, "meta", "meta", "m".repeat(4097).as_bytes()).await;
    refused(&stage, "meta", "meta: 4097 bytes").await;
    append(&stage, "deep", "request", "[".repeat(1_000_000).as_bytes()).await;
    refused(&stage, "deep", "request").await;
    let mut many = String::from("XADD gammaq:{main}:inbox * id many");
    for n in 0..100_000 {
        many.push_str(&format!(" f{n} v"));
    }
    stage.redis.cli_raw(&[], format!("{many}\n").as_bytes()).await;
    refused(&stage, "many", "request: missing").await;
    let grown = peak(&worker) - before;
    assert!(grown <= 64 * MIB, "{} MiB more", grown / MIB);

    // Far too much: it arrives whole, and is held a known number of times.
    let before = peak(&worker);
    let huge = 100 * MIB;
    append(
        &stage,
        "huge",
        "request",
        &vec![b'x'; usize::try_from(huge).expect("64 bits")],
    )
    .await;
    refused(&stage, "huge", "request: 104857600 bytes").await;
    let grown = peak(&worker).saturating_sub(before);
    println!("an entry of 100 MiB: {} MiB more", grown / MIB);
    assert!(grown <= 3 * huge + 32 * MIB, "{} MiB more", grown / MIB);

    // A record's field: it never leaves Redis.
    let before = peak(&worker);
    let run_at = (now_ms() + 3_000).to_string();
    let good = r#"{"inputText":"x","textMode":"generate"}"#;
    stage
        .xadd(&[("id", "field"), ("run_at", &run_at), ("request", good)])
        .await;
    stage.until("field", "queued").await;
    let args = ["-x", "HSET", "gammaq:{main}:job:field", "warnings"];
    stage
        .redis
        .cli_raw(&args, &vec![b'x'; usize::try_from(huge).expect("64 bits")])
        .await;
    gammaq_testkit::eventually(PATIENCE, "it is set aside", || async {
        let seen = stage
            .redis
            .cli(&["XREVRANGE", "gammaq:{main}:events", "+", "-", "COUNT", "20"])
            .await;
        if seen.contains("set aside: no readable record") {
            Ok(())
        } else {
            Err(seen)
        }
    })
    .await;
    let grown = peak(&worker).saturating_sub(before);
    assert!(grown <= 32 * MIB, "{} MiB more", grown / MIB);

    stage.submit("last", "wind").await;
    stage.until("last", "completed").await;
    assert!(worker.try_wait().is_none());
}
