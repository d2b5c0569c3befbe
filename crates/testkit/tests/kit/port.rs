use std::collections::HashSet;
use std::net::TcpListener;

use gammaq_testkit::{Process, free_port};

use super::SOON;

const COUNT: usize = 100;
const HELPER: &str = "port::print_ports";

#[test]
fn a_free_port_can_be_listened_on() {
    let port = free_port();
    TcpListener::bind(("127.0.0.1", port)).expect("is free");
}

#[test]
fn one_process_never_gets_a_port_twice() {
    let ports: HashSet<u16> = (0..COUNT).map(|_| free_port()).collect();
    assert_eq!(ports.len(), COUNT);
}

#[tokio::test]
async fn two_processes_never_get_the_same_port() {
    // So many that two independent draws would share some: 1,000 of 10,000 on each side.
    let ours: HashSet<u16> = (0..10 * COUNT).map(|_| free_port()).collect();
    let other = std::env::current_exe().expect("path");
    let output = Process::builder(other)
        .args(["--exact", HELPER, "--ignored", "--nocapture"])
        .run(SOON)
        .await;
    let theirs: HashSet<u16> = output
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("port ")?.parse().ok())
        .collect();
    assert_eq!(theirs.len(), 10 * COUNT, "{}{}", output.stdout, output.stderr);
    assert!(ours.is_disjoint(&theirs));
}

#[test]
#[ignore = "the other process of the test above"]
fn print_ports() {
    println!();
    (0..10 * COUNT).for_each(|_| println!("port {}", free_port()));
}
