//! Whatever stands in Redis: it is shown, and does nothing to the terminal.

use gammaq_tests::Stage;

use super::{sees, top_at};

/// Sets the title of the window, clears the screen, and turns what follows around.
const EVIL: &str = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}";

#[tokio::test]
async fn escape_sequences_in_redis_stay_text() {
    let stage = Stage::start(&[]).await;
    let id = format!("id-{EVIL}漢字");
    let job = stage.key(&format!("job:{id}"));
    let error = serde_json::json!({ "kind": "refused", "message": EVIL }).to_string();
    let account = format!("acc-{EVIL}");
    for command in [
        vec!["SET", &stage.key("schema"), "1"],
        vec![
            "HSET",
            &job,
            "id",
            &id,
            "state",
            "failed",
            "account",
            &account,
            "error",
            &error,
            "created_at",
            "1",
            "worker",
            EVIL,
        ],
        vec!["ZADD", &stage.key("failed"), "1", &id],
        vec!["ZADD", &stage.key("due"), "1", &id],
        vec!["ZADD", &stage.key("accounts"), "1", &account],
        vec![
            "HSET",
            &stage.key(&format!("account:{account}")),
            "pause_reason",
            EVIL,
            "paused_until",
            "9000000000000",
            "note",
            EVIL,
        ],
        vec!["HSET", &stage.key("paused"), "by", EVIL, "at", "1"],
        vec!["ZADD", &stage.key("workers"), "1", &id],
        vec![
            "HSET",
            &stage.key(&format!("worker:{id}")),
            "host",
            EVIL,
            "halted",
            EVIL,
            "version",
            EVIL,
        ],
        vec![
            "XADD",
            &stage.key("events"),
            "*",
            "id",
            &id,
            "state",
            EVIL,
            "from",
            EVIL,
            "note",
            EVIL,
            "by",
            EVIL,
            "at",
            "5",
        ],
    ] {
        let said = stage.redis.cli(&command).await;
        assert!(!said.contains("ERR"), "{said}");
    }
    for (env, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let mut terminal = top_at(&stage.redis.url(), (120, 40), env);
        sees(&terminal, &["[overview]", "id-\\u{1b}]0;owned"]).await;
        terminal.press("2").await;
        sees(&terminal, &["all jobs", "id-\\u{1b}]0;owned", "failed"]).await;
        terminal.press("\r").await;
        sees(&terminal, &["one job", "\\u{202e}", "漢字 failed"]).await;
        // No command can name it.
        terminal.press("c").await;
        sees(&terminal, &["A-Z"]).await;
        terminal.press("3").await;
        sees(&terminal, &["[accounts]", "acc-\\u{1b}"]).await;
        terminal.press("\r").await;
        sees(&terminal, &["one account", "\\u{9b}31m"]).await;
        terminal.press("4").await;
        sees(&terminal, &["[events]", "owned"]).await;
        let bytes = terminal.bytes();
        let text = String::from_utf8_lossy(&bytes);
        for bad in ["\x1b]0;", "\x07", "\u{9b}", "\u{202e}"] {
            assert!(!text.contains(bad), "{bad:?} reached the terminal");
        }
        let colours = text.contains("38;5;") || (1..8).any(|n| text.contains(&format!("\x1b[3{n}m")));
        assert_eq!(colours, coloured, "NO_COLOR: {env:?}");
    }
    // So small that nothing has room.
    let terminal = top_at(&stage.redis.url(), (40, 10), &[]);
    sees(&terminal, &["[overview]"]).await;
}
