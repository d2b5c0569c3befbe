//! A fence that comes again, and a submit that becomes a look.

use gammaq_job::{Files, Kind, State};
use gammaq_queue::claim::Step;
use tokio::sync::Semaphore;

use super::*;

fn claimed(fence: u64) -> Claimed {
    Claimed {
        id: "a".into(),
        fence,
        step: Step::Submit,
        probe: false,
        request: "{}".into(),
        claimed_at: 0,
        late: std::time::Duration::ZERO,
        state: State::Queued,
        account: "default".into(),
        attempts: 0,
        kind: Kind::Generation,
        exports: vec![],
        generation_id: String::new(),
        base_url: String::new(),
        polls: 0,
        poll_failures: 0,
        deadline: 0,
        created_at: 0,
        traceparent: String::new(),
        late_until: 0,
        resubmits: 0,
        timeout: None,
        submit_failures: 0,
        warnings: vec![],
        slot: "a#0".into(),
        gamma_id: "gm".into(),
        files: Files::default(),
        links: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_fence_that_comes_again_starts_no_second_step() {
    let (holds, permits) = (Arc::<Holds>::default(), Arc::new(Semaphore::new(9)));
    let (permit, now) = (
        || Arc::clone(&permits).try_acquire_owned().unwrap(),
        Instant::now(),
    );
    let first = holds.take(claimed(5), permit(), (now, now)).unwrap();
    // A failover lost the claim, and the one after it has the same number, or a lower one.
    assert!(holds.take(claimed(5), permit(), (now, now)).is_none());
    assert!(holds.take(claimed(4), permit(), (now, now)).is_none());
    assert_eq!((permits.available_permits(), holds.count()), (8, 1));
    assert!(!first.lost.is_cancelled());
    // A later claim is one that knows of the first: its lease ended.
    let second = holds.take(claimed(6), permit(), (now, now)).unwrap();
    assert!(first.lost.is_cancelled() && !second.lost.is_cancelled());
    drop(first);
    assert_eq!(holds.list(), [("a".to_owned(), 6)]);
}

#[tokio::test]
async fn what_was_submitted_is_looked_at_under_the_same_fence() {
    let (holds, permits) = (Arc::<Holds>::default(), Arc::new(Semaphore::new(1)));
    let (permit, now) = (
        || Arc::clone(&permits).try_acquire_owned().unwrap(),
        Instant::now(),
    );
    let submit = Claimed {
        polls: 7,
        poll_failures: 2,
        ..claimed(5)
    };
    let hold = holds.take(submit, permit(), (now, now)).unwrap();
    hold.begin();
    hold.records();
    // A renewal that finds the next fence already.
    holds.lost(&["a".to_owned()], &[("a".to_owned(), 5)]);
    assert!(!hold.lost.is_cancelled());
    assert_eq!(hold.take_request(), "{}");
    assert_eq!(hold.take_request(), "", "only its submit needs it");
    let made = Made {
        generation_id: "g".to_owned(),
        base_url: "http://gamma".to_owned(),
        deadline: 9,
        warnings: vec!["w".to_owned()],
    };
    assert!(hold.keep_made(Box::new(made)));
    hold.free_permit();
    assert_eq!((permits.available_permits(), holds.count()), (1, 0));
    assert_eq!(holds.to_renew(), [], "its lease lasts until after its look");

    let late = Duration::from_millis(3);
    let look = |hold| Hold::look_again(hold, permit(), (8, late), (now, now));
    assert_eq!((hold.fence(), holds.list()), (6, vec![("a".to_owned(), 6)]));
    let shared = Arc::clone(&hold);
    let hold = look(hold).expect_err("something still works on it");
    drop(shared);
    let hold = look(hold).unwrap();
    let job = &hold.job;
    assert_eq!(
        (job.step, job.state, job.fence),
        (Step::Look, State::Generating, 6)
    );
    assert_eq!((job.generation_id.as_str(), job.deadline), ("g", 9));
    assert_eq!(
        (job.base_url.as_str(), job.warnings.as_slice()),
        ("http://gamma", &["w".to_owned()][..])
    );
    // Looks of an earlier generation, as the claim told of them.
    assert_eq!((job.polls, job.poll_failures, job.attempts), (7, 2, 1));
    assert_eq!((job.claimed_at, job.late), (8, late));
    assert!(!hold.untroubled && !hold.begun() && job.slot.is_empty());
    assert_eq!((permits.available_permits(), holds.count()), (0, 1));

    hold.free_permit();
    let hold = look(hold).unwrap();
    assert_eq!((hold.job.polls, hold.job.poll_failures), (8, 0));
    assert!(hold.untroubled);
    assert_eq!((hold.fence(), holds.list()), (6, vec![("a".to_owned(), 6)]));
    holds.forgotten("a", 6);
    assert!(!hold.lost.is_cancelled(), "it is not of that submit");
    holds.forgotten("a", 5);
    assert!(hold.lost.is_cancelled());
    drop(hold);
    assert_eq!(holds.list(), []);
}

#[tokio::test]
async fn a_hold_of_a_past_that_redis_lost_takes_nothing_from_the_one_after_it() {
    let (holds, permits) = (Arc::<Holds>::default(), Arc::new(Semaphore::new(2)));
    let (permit, now) = (
        || Arc::clone(&permits).try_acquire_owned().unwrap(),
        Instant::now(),
    );
    let old = holds.take(claimed(5), permit(), (now, now)).unwrap();
    old.records();
    // Claimed anew, under the fence that the record gave to the old one.
    let new = holds.take(claimed(6), permit(), (now, now)).unwrap();
    holds.forgotten("a", 5);
    assert!(old.lost.is_cancelled() && !new.lost.is_cancelled());
    let made = Made {
        generation_id: "g".to_owned(),
        base_url: String::new(),
        deadline: 9,
        warnings: vec![],
    };
    assert!(!old.keep_made(Box::new(made)));
    drop(old);
    assert_eq!((new.fence(), holds.list()), (6, vec![("a".to_owned(), 6)]));
}
