//! What a record takes in each way that it could be kept: memory, and the server's time for what a look reads and writes of it. There
//! is no worker in it: these are the fields of a job in flight, and bare commands.

use super::lifecycle::PAUSE;
use crate::figures::Case;
use crate::resp::encoded;
use crate::rig::{PAYLOAD, Rig, request};
use crate::usage::Server;
use crate::{Options, told};

const NAME: &str = "record";
/// Commands that go together.
const TOGETHER: usize = 500;
/// Far apart, so that one record after another isn't found in the processor's caches; it shares no factor with the number of records.
const STRIDE: usize = 7_919;
/// What may stand on a record between two looks, beside its request.
const FIELDS: [(&str, &str); 26] = [
    ("v", "1"),
    ("state", "generating"),
    ("account", "a00020"),
    ("priority", "5"),
    ("created_at", "1795958280544"),
    ("seq", "101"),
    ("fence", "2"),
    ("attempts", "1"),
    ("polls", "1"),
    ("fingerprint", "2958ac89bde3ec9ee679ae678592fa07"),
    ("entry_id", "1795958280531-18"),
    ("kind", "generation"),
    ("worker", "host-22104-c410e392"),
    ("slot", ""),
    ("intent_at", "1795958280574"),
    ("base_url", "https://public-api.gamma.app"),
    ("intent", "host-22104-c410e392#1#1795958283548"),
    ("generation_id", "FXrvq1qYhe39XQpsLet6"),
    ("submitted_at", "1795958280601"),
    ("deadline", "1795979880601"),
    ("next_at", "1795958290616"),
    ("kept_fence", "2"),
    ("submit_request_id", "0d9f4c9a-36e1-4a0f-9a52-6a1c1f0e7f3b"),
    ("title", "Renewable energy"),
    ("meta", "order 4711"),
    ("exports", "pdf"),
];
/// What a claim reads of it for a look.
const READ: [&str; 15] = [
    "v",
    "fence",
    "exports",
    "late_until",
    "created_at",
    "traceparent",
    "state",
    "account",
    "kind",
    "generation_id",
    "base_url",
    "polls",
    "poll_failures",
    "deadline",
    "warnings",
];

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let ways = [
        ("one hash, the server's own settings", "64", false),
        ("one hash, redis.conf", "4096", false),
        (
            "the request in a key of its own, the server's own settings",
            "64",
            true,
        ),
    ];
    let mut cases = Vec::new();
    for (name, largest, apart) in ways {
        let redis = options.aof.redis().config("hash-max-ziplist-value", largest);
        let mut rig = Rig::start(redis).await?;
        cases.push(told(
            measure(&mut rig, options.scaled(20_000), name, apart).await?,
        ));
    }
    Ok(cases)
}

async fn measure(rig: &mut Rig, records: usize, name: &str, apart: bool) -> Result<Case, String> {
    let empty = Server::look(&mut rig.resp).await?;
    pipelined(rig, records, |n| write(n, apart)).await?;
    tokio::time::sleep(PAUSE).await;
    let full = Server::look(&mut rig.resp).await?;
    let looks = |n: usize| vec![read(n * STRIDE % records), looked(n * STRIDE % records)];
    pipelined(rig, records, looks).await?;
    let after = Server::look(&mut rig.resp).await?;
    let all = records as f64;
    Ok(Case::new(NAME, name)
        .with(
            "record_bytes",
            (full.memory - empty.memory) / all - PAYLOAD as f64,
        )
        .with("record_look", (after.cpu_us - full.cpu_us) / all))
}

/// Sends what `commands` makes of each number.
async fn pipelined(
    rig: &mut Rig,
    numbers: usize,
    commands: impl Fn(usize) -> Vec<Vec<u8>>,
) -> Result<(), String> {
    for first in (0..numbers).step_by(TOGETHER) {
        let sent: Vec<Vec<u8>> = (first..numbers.min(first + TOGETHER))
            .flat_map(&commands)
            .collect();
        rig.resp.pipeline(&sent.concat(), sent.len()).await?;
    }
    Ok(())
}

fn key(kind: &str, n: usize) -> String {
    format!("bench:{{main}}:{kind}:job-{n:07}")
}

fn write(n: usize, apart: bool) -> Vec<Vec<u8>> {
    let (record, id, text) = (key("job", n), format!("job-{n:07}"), request(n));
    let mut words = vec!["HSET", record.as_str(), "id", id.as_str()];
    words.extend(FIELDS.iter().flat_map(|(name, value)| [*name, *value]));
    if !apart {
        words.extend(["request", text.as_str()]);
        return vec![encoded(&words)];
    }
    vec![encoded(&words), encoded(&["SET", &key("request", n), &text])]
}

fn read(n: usize) -> Vec<u8> {
    let record = key("job", n);
    encoded(&[&["HMGET", record.as_str()][..], &READ].concat())
}

fn looked(n: usize) -> Vec<u8> {
    let polls = (n % 100).to_string();
    encoded(&[
        "HSET",
        &key("job", n),
        "polls",
        &polls,
        "next_at",
        "1795958295616",
    ])
}
