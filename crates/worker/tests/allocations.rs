//! What a look takes of the allocator, in a worker that runs in this process against a fake and a Redis in others. No clock is
//! involved: a slow machine allocates as often as a quick one.

use std::path::PathBuf;
use std::time::Duration;

use gammaq_testkit::{Process, Redis, eventually, gammaq_bin};
use gammaq_worker::CancellationToken;
use gammaq_worker::settings::{Settings, Source};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const PATIENCE: Duration = Duration::from_secs(60);
const JOBS: usize = 50;
const LOOKS: u64 = 500;
/// A look of a job that is kept was at 117 and 33,200 bytes when this was written: HTTP exchange and settlement.
const MOST: f64 = 125.0;
const MOST_BYTES: f64 = 36_000.0;

async fn looks(redis: &Redis) -> u64 {
    let said = redis.cli(&["HGET", "gammaq:{main}:stats", "polls"]).await;
    said.trim().parse().unwrap_or(0)
}

#[tokio::test]
async fn a_look() {
    let redis = Redis::start().await;
    let fake = Process::builder(gammaq_bin())
        .name("fake-gamma")
        .args(["fake-gamma", "--listen", "127.0.0.1:0", "--limit", "0"])
        .args(["--generation-time", "600s"])
        .spawn();
    let line = fake.wait_line("fake-gamma listening on ", PATIENCE).await;
    let fake_url = line.rsplit(' ').next().unwrap().trim().to_owned();
    let variables = [
        ("REDIS_URL", redis.url()),
        ("GAMMA_API_KEY", "sk-gamma-test".to_owned()),
        ("GAMMAQ__GAMMA__BASE_URL", fake_url),
        ("GAMMAQ__POLL__INTERVAL", "100ms".to_owned()),
        ("GAMMAQ__ACCOUNTS__DEFAULT__LIMIT", "1000".to_owned()),
        ("GAMMAQ__ADMIN__LISTEN", "off".to_owned()),
    ];
    let source = Source {
        config_file: Some(PathBuf::from("/dev/null")),
        environment: variables.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        ..Source::default()
    };
    let settings = Settings::load_for_worker(&source).unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let stop = stop.clone();
        async move { gammaq_worker::run(&settings, stop).await }
    });
    for _ in 0..JOBS {
        let request = r#"{"inputText":"Renewable energy","textMode":"generate"}"#;
        redis
            .cli(&["XADD", "gammaq:{main}:inbox", "*", "request", request])
            .await;
    }
    eventually(PATIENCE, "all generate, and connections are made", || async {
        looks(&redis).await > 10 * JOBS as u64
    })
    .await;

    let profiler = dhat::Profiler::builder().testing().build();
    let (looks_before, before) = (looks(&redis).await, dhat::HeapStats::get());
    // Asked seldom: whoever asks allocates too.
    let enough = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let looks = looks(&redis).await;
            if looks >= looks_before + LOOKS {
                return looks;
            }
        }
    };
    let looks_after = tokio::time::timeout(PATIENCE, enough).await.unwrap();
    let after = dhat::HeapStats::get();
    drop(profiler);
    let each = |before: u64, after: u64| (after - before) as f64 / (looks_after - looks_before) as f64;
    let blocks = each(before.total_blocks, after.total_blocks);
    let bytes = each(before.total_bytes, after.total_bytes);
    assert!(
        blocks <= MOST && bytes <= MOST_BYTES,
        "{blocks:.0} allocations of {bytes:.0} bytes a look"
    );
    stop.cancel();
    worker.await.unwrap().unwrap();
}
