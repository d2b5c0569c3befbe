use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use gammaq_testkit::{Process, ProcessBuilder, Signal, eventually};

use super::{SOON, ended, panic_of, state};

const HELPER: &str = "process::start_a_child_and_wait";

fn shell(script: &str) -> ProcessBuilder {
    Process::builder("sh").args(["-c", script])
}

#[tokio::test]
async fn output_is_captured_by_line_and_stream() {
    let process = shell("echo one; echo two >&2; printf 'three without an end'").spawn();
    assert!(process.wait(SOON).await.success());
    assert_eq!(process.stdout(), ["one", "three without an end"]);
    assert_eq!(process.stderr(), ["two"]);
    assert_eq!(process.lines().len(), 3);
}

#[tokio::test]
async fn waits_for_lines_that_come_and_looks_on_from_a_mark() {
    let process = shell("echo ready 1; read x; echo ready $x").stdin("2\n").spawn();
    assert_eq!(process.wait_line("ready", SOON).await, "ready 1");
    assert_eq!(process.wait_line_after(1, "ready", SOON).await, "ready 2");
    assert_eq!(process.mark(), 2);
}

#[tokio::test]
async fn a_line_that_can_no_longer_come_is_not_waited_for() {
    let began = Instant::now();
    let panic = panic_of(async { shell("echo other").spawn().wait_line("this", SOON).await }).await;
    assert!(panic.contains("this") && panic.contains("process.rs"), "{panic}");
    assert!(began.elapsed() < SOON / 2);
}

#[tokio::test]
async fn the_status_is_the_code_or_the_signal() {
    assert_eq!(shell("exit 69").spawn().wait(SOON).await.code(), Some(69));
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let process = Process::builder("sleep").arg("600").spawn();
        process.signal(signal);
        assert_eq!(process.wait(SOON).await.signal(), Some(signal.as_raw()));
    }
}

#[tokio::test]
async fn a_running_program_fails_the_wait() {
    let panic = panic_of(async {
        let process = Process::builder("sleep").arg("600").spawn();
        assert_eq!(process.try_wait(), None);
        process.wait(Duration::from_millis(30)).await
    });
    assert!(panic.await.contains("still running"));
}

#[tokio::test]
async fn a_signal_to_a_program_that_has_ended_fails_the_test() {
    let panic = panic_of(async {
        let process = shell("exit 3").spawn();
        process.wait(SOON).await;
        process.signal(Signal::KILL);
    });
    assert!(panic.await.contains("has ended"));
}

#[tokio::test]
async fn pause_stands_still_and_resume_goes_on() {
    let process = shell("while read x; do echo $x; done").stdin("go\n").spawn();
    process.wait_line("go", SOON).await;
    let process = Process::builder("sleep").arg("600").spawn();
    process.pause().await;
    assert_eq!(state(process.pid()), Some('T'));
    process.resume();
    eventually(SOON, "it goes on", || async { state(process.pid()) != Some('T') }).await;
}

#[tokio::test]
async fn settings_of_the_shell_do_not_reach_it() {
    // As set here, they are what a test process would have got from the shell.
    let outer = Process::builder(std::env::current_exe().expect("path"))
        .args([
            "--exact",
            "process::print_environment",
            "--ignored",
            "--nocapture",
        ])
        .env("GAMMAQ__REDIS__QUEUE", "leaked")
        .env("REDIS_URL", "leaked")
        .env("GAMMA_API_KEY", "leaked")
        .env("GAMMAQ_OTHER", "kept")
        .run(SOON)
        .await;
    assert!(outer.stdout.contains("GAMMAQ_OTHER=kept"), "{}", outer.stdout);
    assert!(!outer.stdout.contains("leaked"), "{}", outer.stdout);
    assert!(outer.stdout.contains("REDIS_URL=given"), "{}", outer.stdout);
}

#[tokio::test]
#[ignore = "the test process of the test above"]
async fn print_environment() {
    println!();
    println!("{}", Process::builder("env").run(SOON).await.stdout);
    println!(
        "{}",
        Process::builder("env")
            .env("REDIS_URL", "given")
            .run(SOON)
            .await
            .stdout
    );
}

#[tokio::test]
async fn run_gives_back_what_was_said_and_takes_a_large_input() {
    let input = "line\n".repeat(100_000);
    let finished = Process::builder("cat").stdin(input.clone()).run(SOON).await;
    assert!(finished.status.success() && finished.stderr.is_empty());
    assert_eq!(finished.stdout, input);
    // One that does not read its input is no error.
    assert!(
        Process::builder("true")
            .stdin(input)
            .run(SOON)
            .await
            .status
            .success()
    );
}

#[tokio::test]
#[should_panic(expected = "can't start no-such-program")]
async fn a_missing_program_is_named() {
    Process::builder("no-such-program").spawn();
}

#[tokio::test]
async fn a_drop_ends_it_and_all_it_started() {
    let process = shell("sleep 600 & echo child $!; wait").spawn();
    let child = process.wait_line("child", SOON).await;
    let child: u32 = child.trim_start_matches("child ").parse().expect("pid");
    let pid = process.pid();
    drop(process);
    assert_eq!(state(pid), None, "reaped");
    ended(child).await;
}

#[tokio::test]
async fn a_panic_ends_it_and_prints_its_output() {
    let outer = Process::builder(std::env::current_exe().expect("path"))
        .args([
            "--exact",
            "process::panic_with_a_child",
            "--ignored",
            "--nocapture",
        ])
        .run(SOON)
        .await;
    assert!(!outer.status.success());
    assert!(outer.stderr.contains("    last words"), "{}", outer.stderr);
    ended(child_pid(&outer.stdout)).await;
}

#[tokio::test]
#[ignore = "the test process of the test above"]
async fn panic_with_a_child() {
    let process = shell("echo last words; exec sleep 600").spawn();
    process.wait_line("last words", SOON).await;
    println!("\nchild {}", process.pid());
    panic!("as the test wants it");
}

#[tokio::test]
async fn it_dies_with_the_test_process() {
    let outer = Process::builder(std::env::current_exe().expect("path"))
        .args(["--exact", HELPER, "--ignored", "--nocapture"])
        .spawn();
    let child = child_pid(&outer.wait_line("child", SOON).await);
    assert!(state(child).is_some());
    outer.signal(Signal::KILL);
    ended(child).await;
}

#[tokio::test]
#[ignore = "the test process of the test above"]
async fn start_a_child_and_wait() {
    // Started on a thread that ends: that alone must not end the child.
    let started = std::thread::spawn(|| Process::builder("sleep").arg("600").spawn()).join();
    let process = started.expect("started");
    assert!(state(process.pid()).is_some_and(|state| state != 'Z'));
    println!("\nchild {}", process.pid());
    process.wait(Duration::from_secs(600)).await;
}

fn child_pid(output: &str) -> u32 {
    let pid = output
        .lines()
        .find_map(|line| line.strip_prefix("child ")?.parse().ok());
    pid.expect("a line with the child's pid")
}
