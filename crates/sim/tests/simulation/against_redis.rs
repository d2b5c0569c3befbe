//! The stand-in is held to a real server: the commands of whole runs, every script in the states that faults bring
//! about among them, get the same answers there and leave the same behind.
//!
//! A real server's clock can't be set, so its scripts are told the time and the ids of events by keys instead; and what
//! expired in a run is deleted there before the command that found it gone.

use std::collections::BTreeMap;

use gammaq_sim::redis::Reply;
use gammaq_sim::{Options, Recorded, Run, run};
use gammaq_testkit::Redis;

use crate::client::{Client, comparable, list, owned};

/// Where a script asks for the time, and what it asks a real server instead.
const CLOCK: (&str, &str) = (
    "local clock = redis.call('TIME')",
    "local clock = { redis.call('GET', 'sim:s'), redis.call('GET', 'sim:us') }",
);
/// The id of an event: what `*` stands for at that time.
const EVENT: (&str, &str) = ("events_cap, '*', 'id', id", "events_cap, event_id(), 'id', id");
const EVENT_ID: (&str, &str) = (
    "local function event(",
    "local function event_id()
       local last = redis.call('XREVRANGE', key('events'), '+', '-', 'COUNT', 1)[1]
       return int(math.max(now, last and tonumber(string.match(last[1], '^%d+')) or 0)) .. '-*'
     end
     local function event(",
);

/// A real server that is shown a run.
struct Shown {
    client: Client,
    /// Names of scripts: as the run knows them, and as they are here.
    scripts: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Shown {
    fn show(&mut self, recorded: &Recorded) -> Option<Reply> {
        let args = self.translated(recorded)?;
        let mut commands = vec![owned(&["CONFIG", "SET", "maxmemory", "0"])];
        for (key, part) in [
            ("sim:s", recorded.at_us / 1_000_000),
            ("sim:us", recorded.at_us % 1_000_000),
        ] {
            commands.push(owned(&["SET", key, &part.to_string()]));
        }
        for key in &recorded.expired {
            commands.push(vec![b"DEL".to_vec(), key.clone()]);
        }
        if recorded.full {
            commands.push(owned(&["CONFIG", "SET", "maxmemory", "1"]));
        }
        commands.push(args);
        let reply = self.client.pipeline(&commands);
        let is = |word: &str| recorded.args[0].eq_ignore_ascii_case(word.as_bytes());
        if is("SCRIPT") {
            self.scripts.clear_or_learn(recorded, &reply);
            return recorded.reply.clone();
        }
        Some(reply)
    }

    /// The command as a real server is sent it; `None` where it would say nothing.
    fn translated(&self, recorded: &Recorded) -> Option<Vec<Vec<u8>>> {
        let mut args = recorded.args.clone();
        let name = String::from_utf8_lossy(&args[0]).to_uppercase();
        match name.as_str() {
            "TIME" | "CLIENT" => return None,
            "EVALSHA" => {
                if let Some(here) = self.scripts.get(&args[1]) {
                    args[1].clone_from(here);
                }
            }
            "SCRIPT" if args.len() == 3 => {
                let source = String::from_utf8(args[2].clone()).unwrap();
                for (from, _) in [CLOCK, EVENT, EVENT_ID] {
                    assert!(
                        source.contains(from),
                        "no script asks for the time as {from:?} any more"
                    );
                }
                let source = [CLOCK, EVENT, EVENT_ID]
                    .iter()
                    .fold(source, |source, (from, to)| source.replace(from, to));
                args[2] = source.into_bytes();
            }
            // The id that `*` stood for.
            "XADD" => {
                if let Some(Reply::Bulk(id)) = &recorded.reply {
                    args[2].clone_from(id);
                }
            }
            "XREADGROUP" => {
                let at = args.iter().position(|arg| arg == b"BLOCK");
                at.into_iter().for_each(|at| drop(args.drain(at..at + 2)));
            }
            // How long an entry was left alone can't be said to a real server; whose it becomes can.
            "XAUTOCLAIM" => {
                let found = recorded.reply.as_ref().and_then(|reply| list(reply).get(1));
                let claimed = found
                    .map_or(&[][..], list)
                    .iter()
                    .map(|entry| match &list(entry)[0] {
                        Reply::Bulk(id) => id.clone(),
                        other => panic!("{other:?}"),
                    });
                let claimed: Vec<Vec<u8>> = claimed.collect();
                args[4] = b"99999999999".to_vec();
                if !claimed.is_empty() {
                    args.truncate(4);
                    args[0] = b"XCLAIM".to_vec();
                    args.push(b"0".to_vec());
                    args.extend(claimed);
                }
            }
            _ => {}
        }
        Some(args)
    }
}

trait Scripts {
    fn clear_or_learn(&mut self, recorded: &Recorded, reply: &Reply);
}

impl Scripts for BTreeMap<Vec<u8>, Vec<u8>> {
    fn clear_or_learn(&mut self, recorded: &Recorded, reply: &Reply) {
        match (&recorded.reply, reply) {
            (Some(Reply::Bulk(known)), Reply::Bulk(here)) => drop(self.insert(known.clone(), here.clone())),
            _ => self.clear(),
        }
    }
}

fn recorded(seed: u64) -> Run {
    let options = Options {
        record: true,
        ..Options::default()
    };
    run(seed, &options)
}

#[test]
fn a_real_server_answers_the_same_and_keeps_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let redis = runtime.block_on(Redis::start());
    let (mut shown, mut full, mut commands) = (0, 0, 0);
    // Some that go back in time can't be shown; of the others as many as take a moment.
    for seed in 10_000.. {
        let run = recorded(seed);
        if run.rolled_back {
            continue;
        }
        let mut real = Shown {
            client: Client::to(&redis),
            scripts: BTreeMap::new(),
        };
        real.client.run(&["FLUSHALL"]);
        real.client.run(&["SCRIPT", "FLUSH"]);
        for (number, recorded) in run.recorded.iter().enumerate() {
            full += u64::from(recorded.full);
            let Some(answer) = real.show(recorded) else {
                continue;
            };
            let mut expected = recorded.reply.clone().unwrap_or(Reply::NilList);
            let mut answer = answer;
            if recorded.args[0].eq_ignore_ascii_case(b"XAUTOCLAIM") && !expected.is_error() {
                let claims = !list(&list(&expected)[1]).is_empty();
                expected = list(&expected)[1].clone();
                // XCLAIM answers the entries alone.
                if !claims {
                    answer = list(&answer)[1].clone();
                }
            }
            let (answer, expected) = (
                comparable(&recorded.args, &answer),
                comparable(&recorded.args, &expected),
            );
            let args: Vec<_> = recorded
                .args
                .iter()
                .map(|arg| String::from_utf8_lossy(arg))
                .collect();
            assert_eq!(answer, expected, "seed {seed}, command {number}: {args:?}");
            commands += 1;
        }
        real.client.run(&["CONFIG", "SET", "maxmemory", "0"]);
        same_in_the_end(seed, &run, &mut real.client);
        shown += 1;
        if shown == 12 && full > 0 {
            break;
        }
    }
    println!("{commands} commands of {shown} runs, {full} of them in a full Redis");
}

fn same_in_the_end(seed: u64, run: &Run, client: &mut Client) {
    for (key, (held, expires_at)) in &run.dump {
        assert_eq!(&client.dump(key), held, "seed {seed}, {key}");
        let real = match client.run(&["PEXPIRETIME", key]) {
            Reply::Int(at) => u64::try_from(at).ok(),
            other => panic!("{other:?}"),
        };
        // A time that was set by how far off it is lies elsewhere on another clock.
        assert_eq!(
            real.is_some(),
            expires_at.is_some(),
            "seed {seed}, {key}: {real:?}, {expires_at:?}"
        );
    }
    for key in list(&client.run(&["KEYS", "*"])) {
        let Reply::Bulk(key) = key else { continue };
        let key = String::from_utf8_lossy(key).into_owned();
        if !run.dump.contains_key(&key) && !key.starts_with("sim:") {
            // Over in the run, and nobody looked since.
            assert_ne!(
                client.run(&["PTTL", &key]),
                Reply::Int(-1),
                "seed {seed}, {key} is only there"
            );
        }
    }
}
