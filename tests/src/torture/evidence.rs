//! What Redis holds at the end: every record with its result and its places, and the whole story in `events`.

use std::collections::{BTreeMap, BTreeSet};

use gammaq_testkit::Redis;
use serde_json::Value;

use super::judge::Record;
use super::recovery::Event;
use super::resp::{Connection, Reply};

const BASE: &str = "gammaq:{main}:";
const INDEXES: [&str; 5] = ["completed", "failed", "timed_out", "ambiguous", "cancelled"];
const PAGE: &str = "1000";
/// Beside records, results, accounts, budgets and sums of days: what an idle queue consists of. An inbox without entries stays a
/// stream.
const STANDING: [&str; 7] = [
    "inbox",
    "events",
    "stats",
    "schema",
    "workers",
    "account_names",
    "recalls",
];

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) records: Vec<Record>,
    pub(super) events: Vec<Event>,
    /// Keys that nobody should find in an idle queue.
    pub(super) leftovers: Vec<String>,
    /// `redis_version` of the server.
    pub(super) server: String,
}

/// Reads everything.
///
/// # Panics
///
/// When Redis can't be read: nobody breaks it any more.
pub(super) async fn gather(redis: &Redis) -> Evidence {
    let mut reader = Reader(Connection::to(redis.address()));
    let mut evidence = Evidence {
        server: reader.server().await,
        events: reader.events().await,
        ..Evidence::default()
    };
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for index in INDEXES {
        for id in reader.texts(&["ZRANGE", &at(index), "0", "-1"]).await {
            places.entry(id).or_default().push(index.to_owned());
        }
    }
    for key in reader.keys().await {
        let name = key.strip_prefix(BASE).unwrap_or(&key);
        match name.split_once(':') {
            Some(("job", id)) => {
                let index = places.remove(id).unwrap_or_default();
                evidence.records.push(reader.record(id, index).await);
            }
            Some(("result" | "account" | "budget" | "worker" | "spent", _)) => {}
            _ if STANDING.contains(&name) || INDEXES.contains(&name) => {}
            _ => evidence.leftovers.push(key),
        }
    }
    let gone = places.into_iter();
    evidence
        .leftovers
        .extend(gone.map(|(id, index)| format!("{id} stands in {index:?} without a record")));
    evidence
}

fn at(name: &str) -> String {
    format!("{BASE}{name}")
}

struct Reader(Connection);

impl Reader {
    async fn ask(&mut self, command: &[&str]) -> Reply {
        match self.0.ask(command).await {
            Ok(Reply::Error(error)) => panic!("{command:?}: {error}"),
            Ok(reply) => reply,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    async fn texts(&mut self, command: &[&str]) -> Vec<String> {
        let reply = self.ask(command).await;
        reply.list().iter().map(|it| it.text().to_owned()).collect()
    }

    async fn server(&mut self) -> String {
        let info = self.ask(&["INFO", "server"]).await;
        let version = info
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"))
            .unwrap_or_default();
        version.trim().to_owned()
    }

    async fn keys(&mut self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = self.ask(&["SCAN", &cursor, "COUNT", PAGE]).await;
            let [next, page] = reply.list() else {
                panic!("SCAN answered {reply:?}")
            };
            keys.extend(page.list().iter().map(|key| key.text().to_owned()));
            next.text().clone_into(&mut cursor);
            if cursor == "0" {
                return keys;
            }
        }
    }

    async fn record(&mut self, id: &str, places: Vec<String>) -> Record {
        let fields = self
            .texts(&[
                "HMGET",
                &at(&format!("job:{id}")),
                "state",
                "meta",
                "generation_id",
                "extra_generation_id",
                "intent_at",
                "finished_at",
                "last_error",
            ])
            .await;
        let field = |n: usize| fields.get(n).cloned().unwrap_or_default();
        let result = self.ask(&["GET", &at(&format!("result:{id}"))]).await;
        let result: Value = serde_json::from_str(result.text()).unwrap_or(Value::Null);
        let of_result = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
        Record {
            id: id.to_owned(),
            state: field(0),
            token: field(1),
            generation: field(2),
            extra: field(3)
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            intent_at: field(4).parse().unwrap_or(0),
            finished_at: field(5).parse().unwrap_or(0),
            last_error: field(6),
            places,
            result_state: of_result("state"),
            result_generation: of_result("generationId"),
        }
    }

    async fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut from = "-".to_owned();
        loop {
            let page = self
                .ask(&["XRANGE", &at("events"), &from, "+", "COUNT", PAGE])
                .await;
            let Some(last) = page.list().last() else {
                return events;
            };
            from = format!("({}", last.list()[0].text());
            events.extend(page.list().iter().map(|entry| event(&entry.list()[1])));
        }
    }
}

fn event(fields: &Reply) -> Event {
    let mut event = Event::default();
    for pair in fields.list().chunks(2) {
        let [name, value] = pair else { continue };
        let value = value.text();
        match name.text() {
            "id" => value.clone_into(&mut event.id),
            "state" => value.clone_into(&mut event.state),
            "at" => event.at = value.parse().unwrap_or(0),
            // host-pid-random
            "worker" => event.pid = value.rsplit('-').nth(1).and_then(|pid| pid.parse().ok()),
            _ => {}
        }
    }
    event
}
