//! However it ends, the terminal is the shell's again.

use gammaq_testkit::{Signal, Terminal};
use gammaq_tests::{PATIENCE, Stage};

use super::{USUAL, sees, top};

async fn assert_restored(terminal: Terminal, how: &str) {
    let left = terminal.ended(PATIENCE).await;
    assert!(left.is_restored(), "{how}: {left:?}");
    assert_eq!(left.code, "0", "{how}: {left:?}");
    assert!(
        left.screen.contains("pid=") && !left.screen.contains("[overview]"),
        "{how}: {left:?}"
    );
}

#[tokio::test]
async fn keys_and_signals_end_it_and_the_terminal_is_restored() {
    let stage = Stage::start(&[]).await;
    for keys in ["q", "\x03", "/typing\x03", "P\x03"] {
        let mut terminal = top(&stage, USUAL);
        sees(&terminal, &["[overview]"]).await;
        assert!(terminal.is_taken());
        terminal.press(keys).await;
        assert_restored(terminal, keys).await;
    }
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let terminal = top(&stage, USUAL);
        sees(&terminal, &["[overview]"]).await;
        terminal.signal(signal).await;
        assert_restored(terminal, &format!("{signal:?}")).await;
    }
}

#[tokio::test]
async fn what_can_not_begin_leaves_the_terminal_alone() {
    let stage = Stage::start(&[]).await;
    stage.redis.kill().await;
    let left = top(&stage, USUAL).ended(PATIENCE).await;
    assert_eq!(left.code, "69", "{left:?}");
    assert!(
        left.is_restored() && left.screen.contains("can't be reached"),
        "{left:?}"
    );
}
