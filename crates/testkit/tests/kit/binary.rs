use gammaq_testkit::{Finished, Process, gammaq_bin};

use super::SOON;

/// What a test process, for which `GAMMAQ_BIN` is set, has as the binary.
async fn binary_given(path: &str) -> Finished {
    Process::builder(std::env::current_exe().expect("path"))
        .args(["--exact", "binary::print_binary", "--ignored", "--nocapture"])
        .env("GAMMAQ_BIN", path)
        .run(SOON)
        .await
}

#[tokio::test]
async fn a_binary_that_is_named_is_used_as_it_is() {
    let finished = binary_given("/bin/true").await;
    assert!(
        finished.stdout.lines().any(|line| line == "/bin/true"),
        "{}",
        finished.stdout
    );
}

#[tokio::test]
async fn a_binary_that_is_named_must_be_there() {
    let finished = binary_given("/nowhere/gammaq").await;
    assert!(!finished.status.success());
    assert!(
        finished.stderr.contains("GAMMAQ_BIN names /nowhere/gammaq"),
        "{}",
        finished.stderr
    );
}

#[test]
#[ignore = "the test process of those above; without GAMMAQ_BIN it builds the binary"]
fn print_binary() {
    println!("\n{}", gammaq_bin().display());
}
