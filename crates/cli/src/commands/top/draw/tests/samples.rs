//! What Redis may have answered, with `text` in every word of it.

use gammaq_job::Record;
use gammaq_queue::events::Event;
use gammaq_queue::read::accounts::{AccountView, AccountViews};
use gammaq_queue::read::overview::{Overview, Placed, QueuePause, Rates};
use gammaq_queue::read::pages::{JobPage, JobRow};
use gammaq_queue::read::story::Story;
use gammaq_queue::read::workers::WorkerView;

use super::*;

pub(super) fn overview(text: &str) -> Found {
    let account = AccountView {
        name: format!("default{text}"),
        pending: 2,
        limit: 5,
        used: 5,
        window_ms: 3_600_000,
        next_at: NOW + 60_000,
        fields: [("credits_remaining".to_owned(), format!("99{text}"))].into(),
        ..AccountView::default()
    };
    let worker = WorkerView {
        id: format!("vm-1-abc{text}"),
        heartbeat_at: Some(NOW - 2_000),
        started_at: Some(NOW - 60_000),
        running: Some(1),
        capacity: Some(256),
        halted: Some(format!("its queue lost its data{text}")),
        version: Some(format!("0.1.0{text}")),
        ..WorkerView::default()
    };
    let ended = ["ambiguous", "cancelled", "completed", "failed", "timed_out"];
    let overview = Overview {
        now: NOW,
        schema: Some("1".to_owned()),
        paused: Some(QueuePause {
            by: format!("carol{text}"),
            at: NOW - 5_000,
        }),
        due: 3,
        oldest_due: Some(Placed {
            id: format!("oldest-due{text}"),
            at: NOW - 90_000,
        }),
        oldest_late_ms: 90_000,
        ended: ended.map(|word| (word.to_owned(), 7)).into(),
        accounts: vec![account],
        workers: vec![worker],
        ..Overview::default()
    };
    let rates = Rates {
        from: NOW - 300_000,
        to: NOW,
        per_minute: [("completed".to_owned(), 2.8)].into(),
        ..Rates::default()
    };
    Found::Overview(Box::new(overview), Some(rates))
}

pub(super) fn jobs(text: &str) -> Found {
    let row = |(state, id): (&str, &str)| JobRow {
        id: format!("{id}{text}"),
        state: state.to_owned(),
        account: format!("default{text}"),
        created_at: Some(NOW - 61_000),
        last_error: Some(format!("trouble{text}")),
        ..JobRow::default()
    };
    let rows = [
        ("generating", "invoice-1"),
        ("failed", "漢字漢字漢字"),
        (text, "odd"),
    ];
    Found::Jobs(JobPage {
        jobs: rows.map(row).into(),
        ..JobPage::default()
    })
}

pub(super) fn story(text: &str) -> Found {
    let fields = [
        ("id", "invoice-1"),
        ("state", "completed"),
        ("kind", "generation"),
        ("account", text),
        ("last_error", text),
        ("worker", text),
        ("finished_at", "1699999999000"),
    ];
    let event = Event {
        id: "invoice-1".to_owned(),
        state: text.to_owned(),
        from: text.to_owned(),
        at: NOW,
        note: text.to_owned(),
        by: text.to_owned(),
        worker: text.to_owned(),
        entry_id: "1-1".to_owned(),
    };
    Found::Job(Some(Box::new(Story {
        now: NOW,
        record: Record::new(fields.map(|(name, it)| (name.to_owned(), it.to_owned()))),
        events: vec![event; 12],
        result: Some(text.to_owned()),
        broken: [text.to_owned()].into(),
        ..Story::default()
    })))
}

pub(super) fn events(text: &str) -> Found {
    let event = |n: u64| Event {
        entry_id: n.to_string(),
        id: format!("job-{n}{text}"),
        from: "generating".to_owned(),
        state: "completed".to_owned(),
        at: NOW,
        note: format!("note{text}"),
        by: format!("carol{text}"),
        worker: String::new(),
    };
    Found::Events {
        events: (0..50).map(event).collect(),
        anew: true,
    }
}

pub(super) fn accounts(text: &str) -> Found {
    let Found::Overview(overview, _) = overview(text) else {
        return Found::Job(None);
    };
    let views = AccountViews {
        now: NOW,
        accounts: overview.accounts,
        ..AccountViews::default()
    };
    Found::Accounts(views, Vec::new())
}

pub(super) fn account(text: &str) -> Found {
    let Found::Accounts(views, days) = accounts(text) else {
        return Found::Job(None);
    };
    Found::Account(views.accounts.into_iter().next().map(Box::new), days)
}
