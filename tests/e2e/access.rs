//! `deploy/redis/users.acl`: nobody gets in before passwords are set; then each user can do its work and no more.

use std::path::PathBuf;

use gammaq_testkit::{Process, Redis, gammaq_bin};
use gammaq_tests::{KEY, PATIENCE, Stage, version};

const SHIPPED: &str = include_str!("../../deploy/redis/users.acl");
const USERS: [&str; 5] = ["admin", "producer", "worker", "operator", "controller"];

/// The file as an operator leaves it: with passwords, here the users' names, or without. Redis 6.2 knows no `%R~`.
fn users(redis: &Redis, with_passwords: bool, version: (u32, u32)) -> PathBuf {
    let mut text = SHIPPED.to_owned();
    if with_passwords {
        for user in USERS {
            text = text.replace(
                &format!("user {user} off resetpass"),
                &format!("user {user} on >{user}"),
            );
        }
        // For what the tests do beside the users.
        text = text.replace("user default off", "user default on nopass ~* &* +@all");
    }
    if version >= (7, 2) {
        text = text.replace("+wait ", "+wait +waitaof ");
    }
    if version < (7, 0) {
        text = text.replace("%R~", "~").replace("%W~", "~");
    }
    let path = redis.dir().join("users.acl");
    if let Err(error) = std::fs::write(&path, text) {
        panic!("{}: {error}", path.display());
    }
    path
}

async fn guarded(with_passwords: bool) -> (Redis, (u32, u32)) {
    // Only for a directory that is there before the server is.
    let place = Redis::start().await;
    let version = version(&place).await;
    let file = users(&place, with_passwords, version);
    let redis = Redis::builder().config("aclfile", &format!("\"{}\"", file.display()));
    (redis.aof_always().start().await, version)
}

async fn as_user(redis: &Redis, user: &str, command: &[&str]) -> String {
    let login = ["--user", user, "--pass", user];
    redis.cli(&[&login, command].concat()).await
}

/// Words separated by spaces; keys are written without what they begin with.
fn words(command: &str) -> Vec<String> {
    let key = |word: &str| word.replace('@', "gammaq:{main}:");
    command.split(' ').map(key).collect()
}

#[tokio::test]
async fn as_it_is_shipped_nobody_gets_in() {
    let (redis, _) = guarded(false).await;
    let said = redis.cli(&["PING"]).await;
    assert!(said.contains("NOAUTH"), "{said}");
    for user in ["default"].iter().chain(&USERS) {
        for password in [user, ""] {
            let said = redis.cli(&["AUTH", user, password]).await;
            assert!(said.contains("WRONGPASS"), "{user}: {said}");
        }
    }
}

async fn gammaq(redis: &Redis, user: &str, command: &[&str]) -> String {
    let ran = Process::builder(gammaq_bin())
        .args(command)
        .env("REDIS_URL", format!("redis://{user}:{user}@{}", redis.address()))
        .run(PATIENCE)
        .await;
    assert!(ran.status.success(), "{user}: {command:?}: {ran:?}");
    ran.stdout
}

#[tokio::test]
async fn each_user_can_do_its_work() {
    let (redis, _) = guarded(true).await;
    let stage = Stage::on(redis, &["--generation-time", "200ms"]).await;
    let redis = &stage.redis;
    let url = format!("redis://worker:worker@{}", redis.address());
    let worker = stage.spawn_worker("worker", &url, &[("REDIS__DURABILITY", "aof")]);
    worker.wait_line("the worker is ready", PATIENCE).await;

    // A producer with nothing but redis-cli.
    let request = r#"{"inputText":"text","title":"by-hand"}"#;
    let add = [
        "XADD",
        "gammaq:{main}:inbox",
        "*",
        "id",
        "by-hand",
        "request",
        request,
    ];
    let added = as_user(redis, "producer", &add).await;
    assert!(added.contains('-'), "{added}");
    stage.until("by-hand", "completed").await;
    for (command, expected) in [
        ("GET @result:by-hand", "completed"),
        ("HGETALL @job:by-hand", "generation_id"),
        ("HGET @job:by-hand state", "completed"),
        ("EXISTS @job:by-hand @result:by-hand", "2"),
        ("XREAD COUNT 10 STREAMS @events 0", "submitting"),
        ("XREVRANGE @events + - COUNT 1", "completed"),
        ("XLEN @inbox", "0"),
        ("PING", "PONG"),
    ] {
        let command = words(command);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let said = as_user(redis, "producer", &command).await;
        assert!(said.contains(expected), "{command:?}: {said}");
    }
    // One with the binary, which uses the crate.
    let said = gammaq(
        redis,
        "producer",
        &["enqueue", "text", "--id", "by-crate", "--wait"],
    )
    .await;
    assert!(said.contains("completed"), "{said}");
    gammaq(redis, "producer", &["wait", "by-hand"]).await;
    gammaq(redis, "producer", &["show", "by-hand"]).await;

    // Who gives commands, with nothing but redis-cli, and with the binary, which then asks the workers.
    stage.submit("unwanted", "text [[fake:time=60s]]").await;
    stage.until("unwanted", "generating").await;
    let add = words("XADD @control * op cancel id unwanted");
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    let added = as_user(redis, "controller", &add).await;
    assert!(added.contains('-'), "{added}");
    stage.until("unwanted", "cancelled").await;
    let said = gammaq(redis, "controller", &["retry", "unwanted"]).await;
    assert!(said.contains("retry: one more submit"), "{said}");
    stage.until("unwanted", "generating").await;
    let said = gammaq(redis, "controller", &["cancel", "unwanted", "--json"]).await;
    assert!(said.contains("\"outcome\":\"done\""), "{said}");
    assert!(stage.field("unwanted", "last_operation_by").await.contains('@'));
    gammaq(redis, "controller", &["pause", "default"]).await;
    gammaq(redis, "controller", &["resume", "default"]).await;
    gammaq(redis, "controller", &["status"]).await;

    // The worker's less usual ways: a bad entry, an inbox that was deleted, a retried submit.
    redis.cli(&["DEL", "gammaq:{main}:inbox"]).await;
    stage.submit("again", "text [[fake:post=429]]").await;
    stage.xadd(&[("id", "bad"), ("request", "nonsense")]).await;
    stage.until("bad", "failed").await;
    for (command, expected) in [
        ("CONFIG GET appendfsync", "appendfsync"),
        ("WAIT 0 1", "0"),
        ("INFO replication", "role:master"),
    ] {
        let command = words(command);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let said = as_user(redis, "worker", &command).await;
        assert!(said.contains(expected), "{command:?}: {said}");
    }

    for command in [
        &["status"][..],
        &["status", "--json"],
        &["list"],
        &["list", "--json"],
        &["show", "by-hand"],
        &["events"],
        &["events", "--since", "10m", "--json"],
    ] {
        assert!(
            !gammaq(redis, "operator", command).await.is_empty(),
            "{command:?}"
        );
    }
    // What was refused on the way stands here, also where somebody took no notice of it.
    let log = redis.cli(&["ACL", "LOG", "1000"]).await;
    let lines: Vec<&str> = log.lines().collect();
    let objects = lines
        .windows(2)
        .filter(|pair| pair[0] == "object")
        .map(|pair| pair[1]);
    // The library's own name and version, which not every server knows, may be refused; `gammaq` finds out that it has to
    // ask the workers by being refused a script; and `show` asks for the names of fields, which tells it whether it is a
    // caller that looks.
    let refused: Vec<&str> = objects
        .filter(|object| !["client", "client|setinfo", "evalsha", "hkeys"].contains(object))
        .collect();
    assert!(refused.is_empty(), "{log}");
    stage.assert_silent(&[&worker], &[KEY, "worker:worker"]);
}

/// Refused from Redis 7.0 on: 6.2 can't tell reading a key from writing it.
const SINCE_7: [(&str, &str); 4] = [
    ("controller", "XADD @inbox * request {}"),
    ("controller", "XADD @events * id by-hand state completed"),
    ("producer", "XADD @events * id by-hand state completed"),
    ("producer", "XRANGE @inbox - +"),
];

const FORBIDDEN: [(&str, &str); 68] = [
    // What is in the inbox is others' too.
    ("producer", "DEL @inbox"),
    ("producer", "XDEL @inbox 1-1"),
    ("producer", "XTRIM @inbox MAXLEN 0"),
    ("producer", "XREADGROUP GROUP workers me COUNT 1 STREAMS @inbox >"),
    ("producer", "XACK @inbox workers 1-1"),
    ("producer", "XGROUP DESTROY @inbox workers"),
    // Jobs and results are the workers'.
    ("producer", "HSET @job:by-hand state queued"),
    ("producer", "DEL @job:by-hand"),
    ("producer", "SET @result:by-hand {}"),
    ("producer", "EXPIRE @result:by-hand 1"),
    ("producer", "ZADD @due 1 by-hand"),
    ("producer", "ZREM @budget:default by-hand#1.0"),
    ("producer", "HSET @account:default limit 1000"),
    ("producer", "HGETALL @account:default"),
    ("producer", "ZADD @pending:default 0 by-hand"),
    ("producer", "XADD @control * op cancel id by-hand"),
    ("producer", "GET @schema"),
    ("producer", "HGETALL @stats"),
    ("producer", "XADD other:{main}:inbox * request {}"),
    ("producer", "GET other"),
    ("producer", "EVAL return 0"),
    ("producer", "KEYS *"),
    ("producer", "FLUSHALL"),
    ("producer", "CONFIG GET *"),
    ("producer", "PUBLISH channel text"),
    // A worker works on its queue, and on nothing of the server's.
    ("worker", "GET other"),
    ("worker", "SET other x"),
    ("worker", "HGETALL other:{main}:job:a"),
    ("worker", "FLUSHALL"),
    ("worker", "FLUSHDB"),
    ("worker", "SWAPDB 0 1"),
    ("worker", "KEYS *"),
    ("worker", "CONFIG SET maxmemory 1"),
    ("worker", "CONFIG REWRITE"),
    ("worker", "SHUTDOWN NOSAVE"),
    ("worker", "BGSAVE"),
    ("worker", "REPLICAOF NO ONE"),
    ("worker", "LATENCY RESET"),
    ("worker", "CLUSTER RESET"),
    ("worker", "SCRIPT FLUSH"),
    ("worker", "SCRIPT KILL"),
    ("worker", "CLIENT KILL TYPE normal"),
    ("worker", "CLIENT LIST"),
    ("worker", "ACL SETUSER worker +@all"),
    ("worker", "ACL LIST"),
    ("worker", "PUBLISH channel text"),
    // An operator looks.
    ("operator", "XADD @inbox * request {}"),
    ("operator", "XADD @control * op cancel id by-hand"),
    ("operator", "XTRIM @events MAXLEN 0"),
    ("operator", "DEL @job:by-hand"),
    ("operator", "HSET @job:by-hand state queued"),
    ("operator", "ZREM @ambiguous by-hand"),
    ("operator", "PERSIST @schema"),
    ("operator", "GET other"),
    ("operator", "KEYS *"),
    ("operator", "EVALSHA 0 0"),
    ("operator", "CONFIG GET *"),
    ("operator", "FLUSHALL"),
    // Who gives commands carries none out, and takes none away.
    ("controller", "XDEL @control 1-1"),
    ("controller", "XTRIM @control MAXLEN 0"),
    ("controller", "DEL @control"),
    ("controller", "HSET @job:by-hand state queued"),
    ("controller", "ZREM @ambiguous by-hand"),
    ("controller", "HSET @account:default paused_until 0"),
    ("controller", "DEL @paused"),
    ("controller", "EVALSHA 0 0"),
    ("controller", "GET other"),
    ("controller", "FLUSHALL"),
];

#[tokio::test]
async fn what_is_not_its_work_is_refused() {
    let (redis, version) = guarded(true).await;
    redis
        .cli(&[
            "XGROUP",
            "CREATE",
            "gammaq:{main}:inbox",
            "workers",
            "0",
            "MKSTREAM",
        ])
        .await;
    redis.cli(&["SET", "other", "secret"]).await;
    let since_7: &[_] = if version < (7, 0) { &[] } else { &SINCE_7 };
    for (user, command) in FORBIDDEN.iter().chain(since_7) {
        let command = words(command);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let said = as_user(&redis, user, &command).await;
        assert!(said.starts_with("NOPERM"), "{user}: {command:?}: {said}");
    }
    // Nor by way of a script.
    let said = as_user(
        &redis,
        "worker",
        &["EVAL", "return redis.call('GET', 'other')", "0"],
    )
    .await;
    assert!(
        !said.contains("secret") && said.to_lowercase().contains("key"),
        "{said}"
    );
    let said = as_user(&redis, "worker", &["EVAL", "return redis.call('FLUSHALL')", "0"]).await;
    assert!(redis.cli(&["GET", "other"]).await == "secret", "{said}");
}
