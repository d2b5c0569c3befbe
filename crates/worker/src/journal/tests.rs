use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use gammaq_job::{Kind, State};
use tempfile::TempDir;

use super::*;

const QUEUE: &str = "gammaq:{main}:";
const TTL: Duration = Duration::from_secs(7 * 24 * 3600);

fn open(directory: &Path, worker: &str) -> Journal {
    Journal::open(directory, worker, QUEUE, TTL).unwrap()
}

fn seen(id: &str) -> Standing {
    Standing {
        id: id.to_owned(),
        state: Some(State::Queued),
        seq: 5,
        created_at: 1,
        attempts: 0,
        intent: String::new(),
        entry_id: "1-0".to_owned(),
        fingerprint: "f".to_owned(),
        account: "default".to_owned(),
        kind: Kind::Generation,
        timeout: None,
        generations: BTreeSet::new(),
    }
}

fn intent(id: &str, worker: &str, n: u64) -> Intent {
    Intent {
        about: About {
            id: id.to_owned(),
            worker: worker.to_owned(),
            n,
        },
        at: 1_000,
        until: 2_000,
        queue: QUEUE.to_owned(),
        account: "default".to_owned(),
        slot: format!("{id}#5.0"),
        seq: 5,
        created_at: 1,
        attempt: 0,
        entry_id: "1-0".to_owned(),
        fingerprint: "f".to_owned(),
        fence: 1,
        intent: format!("{worker}#1#{n}"),
        base_url: "http://gamma".to_owned(),
    }
}

/// Has an intent written that nothing forbids.
async fn intend(journal: &Journal, id: &str, worker: &str) -> About {
    let intent = intent(id, worker, journal.number());
    let about = intent.about.clone();
    let intended = journal.intend(intent, &seen(id)).await;
    assert!(matches!(intended, Ok(Intended::Alone)), "{intended:?}");
    about
}

/// The files with something in them, by name.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::read_to_string(path).unwrap().contains("\"intent\""))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_one_worker_wrote_another_knows_at_once_and_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let (a, b) = (open(directory.path(), "A"), open(directory.path(), "B"));
    assert!(b.forbidding(&seen("a")).await.unwrap().is_empty());
    let about = intend(&a, "a", "A").await;
    assert_eq!(
        b.forbidding(&seen("a")).await.unwrap().len(),
        1,
        "B reads A's file"
    );
    assert_eq!(
        a.forbidding(&seen("a")).await.unwrap().len(),
        1,
        "and A knows its own"
    );
    let line = Line::Generation {
        about,
        at: 1_500,
        generation_id: "g".to_owned(),
    };
    a.write(line).await.unwrap();
    drop((a, b));
    let c = open(directory.path(), "C");
    let found = c.forbidding(&seen("a")).await.unwrap();
    assert_eq!(found[0].generation_id.as_deref(), Some("g"));
    // In another queue the id is another job's.
    let other = Journal::open(directory.path(), "D", "gammaq:{other}:", TTL).unwrap();
    assert!(other.forbidding(&seen("a")).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_that_hold_the_same_job_never_both_send() {
    let directory = TempDir::new().unwrap();
    let (a, b) = (open(directory.path(), "A"), open(directory.path(), "B"));
    let (mut alone, mut both) = (0, 0);
    for n in 0..200 {
        let id = format!("job-{n}");
        // Both asked before either began, and were told that nothing is known.
        let (now, shown) = (seen(&id), seen(&id));
        let (of_a, of_b) = tokio::join!(a.forbidding(&now), b.forbidding(&shown));
        assert!(of_a.unwrap().is_empty() && of_b.unwrap().is_empty());
        let (of_a, of_b) = tokio::join!(
            a.intend(intent(&id, "A", a.number()), &now),
            b.intend(intent(&id, "B", b.number()), &shown)
        );
        let sent = [of_a, of_b]
            .iter()
            .filter(|it| matches!(it, Ok(Intended::Alone)))
            .count();
        assert!(sent <= 1, "{id}: both would send");
        alone += usize::from(sent == 1);
        both += usize::from(sent == 0);
    }
    assert_eq!(alone + both, 200);
    // Where both stood back, either may send the next time.
    drop((a, b));
    let c = open(directory.path(), "C");
    let mut free = 0;
    for n in 0..200 {
        free += usize::from(c.forbidding(&seen(&format!("job-{n}"))).await.unwrap().is_empty());
    }
    assert_eq!(free, both);
}

#[tokio::test]
async fn a_torn_end_and_a_broken_line_hide_nothing_else() {
    let directory = TempDir::new().unwrap();
    let a = open(directory.path(), "A");
    intend(&a, "first", "A").await;
    drop(a);
    let file = files(directory.path()).pop().unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    let whole = Line::Intent(intent("second", "A", 9)).to_text();
    let torn = Line::Intent(intent("third", "A", 10)).to_text();
    write!(
        file,
        "{{\"event\":\"inte\0nt\"}}\nnonsense\n{whole}{}",
        &torn[..40]
    )
    .unwrap();
    let b = open(directory.path(), "B");
    for (id, known) in [("first", 1), ("second", 1), ("third", 0)] {
        assert_eq!(b.forbidding(&seen(id)).await.unwrap().len(), known, "{id}");
    }
    // The rest of a line that was on its way is read when it is there.
    write!(file, "{}", &torn[40..]).unwrap();
    assert_eq!(b.forbidding(&seen("third")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_its_directory_nothing_goes_and_what_was_to_be_said_is_written_later() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("journal");
    let a = open(&directory, "A");
    let about = intend(&a, "a", "A").await;
    assert!(a.works());

    fs::rename(&directory, home.path().join("away")).unwrap();
    let intended = a.intend(intent("b", "A", 2), &seen("b")).await;
    assert!(matches!(intended, Err(Unavailable)), "{intended:?}");
    assert!(!a.works());
    assert_eq!(a.forbidding(&seen("a")).await.unwrap_err(), Unavailable);
    let line = Line::Generation {
        about,
        at: 1_500,
        generation_id: "g".to_owned(),
    };
    assert_eq!(a.write(line).await, Err(Unavailable));

    fs::rename(home.path().join("away"), &directory).unwrap();
    wait_until(|| a.works()).await;
    let c = open(&directory, "C");
    let found = c.forbidding(&seen("a")).await.unwrap();
    assert_eq!(found[0].generation_id.as_deref(), Some("g"));
    // It may have reached the disk, but its POST did not leave: it forbids nothing.
    assert!(c.forbidding(&seen("b")).await.unwrap().is_empty());
}

#[tokio::test]
async fn another_directory_in_its_place_is_noticed_and_so_is_a_file_that_was_removed() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("journal");
    let a = open(&directory, "A");
    intend(&a, "a", "A").await;
    // The open file would take writes as before, where nobody reads them.
    fs::rename(&directory, home.path().join("away")).unwrap();
    fs::create_dir(&directory).unwrap();
    let intended = a.intend(intent("b", "A", 2), &seen("b")).await;
    assert!(matches!(intended, Err(Unavailable)), "{intended:?}");
    wait_until(|| a.works()).await;
    intend(&a, "c", "A").await;
    assert_eq!(files(&directory).len(), 1);
    assert_eq!(a.forbidding(&seen("a")).await.unwrap().len(), 1, "A remembers");
}

#[tokio::test]
async fn old_files_go_whole_and_empty_ones_with_their_worker() {
    let directory = TempDir::new().unwrap();
    let a = open(directory.path(), "A");
    intend(&a, "a", "A").await;
    drop(open(directory.path(), "idle"));
    wait_until(|| fs::read_dir(directory.path()).unwrap().count() == 1).await;
    let dir = directory::Directory::new(directory.path());
    assert_eq!(dir.drop_old(Duration::from_secs(60)).unwrap(), 0);
    let old = std::time::SystemTime::now() - Duration::from_secs(120);
    let file = fs::File::options()
        .append(true)
        .open(&files(directory.path())[0])
        .unwrap();
    file.set_modified(old).unwrap();
    assert_eq!(dir.drop_old(Duration::from_secs(60)).unwrap(), 1);
    assert_eq!(kept_for(Duration::from_secs(60)), 8 * DAY);
    assert_eq!(kept_for(30 * DAY), 31 * DAY);
}

#[tokio::test]
async fn many_at_once_are_all_written() {
    let directory = TempDir::new().unwrap();
    let a = std::sync::Arc::new(open(directory.path(), "A"));
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let a = std::sync::Arc::clone(&a);
            tokio::spawn(async move { intend(&a, &format!("job-{n}"), "A").await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let b = open(directory.path(), "B");
    assert_eq!(b.since(0).await.unwrap().len(), 500);
}

async fn wait_until(condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
