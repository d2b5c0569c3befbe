//! Gamma itself answers wrongly, late or not at all, to one account or to all; and once in a while it has no faith in
//! one account's key or purse.

use std::time::Duration;

use gammaq_testkit::now_ms;
use tokio::time::Instant;

use super::super::diary::Scope;
use super::super::dice::Dice;
use super::super::orders::{ACCOUNTS, BROKE};
use super::super::scene::Scene;

/// Each pause of an account after trouble with its key takes a minute, and doubles if the next try meets it again.
const TROUBLE_EVERY: Duration = Duration::from_secs(90);
const TROUBLE: [&str; 3] = ["post:401", "post:402", "post:403credits"];

const FAULTS: [(&str, &str); 14] = [
    ("Gamma answers 5xx", "post:503"),
    ("Gamma answers 5xx", "post:500"),
    ("Gamma answers 5xx though it accepted", "post:after_502"),
    ("Gamma answers 429", "post:429"),
    ("Gamma answers 429", "post:429s=1"),
    ("Gamma answers 429", "poll:429s=1"),
    ("Gamma loses its answers", "post:lost_after"),
    ("Gamma loses its answers", "post:silent"),
    ("Gamma loses its answers", "post:half"),
    ("Gamma resets before it reads", "post:lost_before"),
    ("Gamma is slow", "post:slow=1500ms"),
    ("Gamma is slow", "poll:slow=3s"),
    ("Gamma fails polls", "poll:500"),
    ("Gamma fails polls", "poll:garbage"),
];

pub(super) async fn break_it(scene: &Scene) {
    let mut dice = Dice::new(scene.plan.seed, "gamma");
    let mut trouble: Option<Instant> = None;
    while scene.rest(dice.ms(2_000..7_000)).await {
        let (kind, rule, key, time) = if trouble.is_none_or(|last| last.elapsed() > TROUBLE_EVERY) {
            trouble = Some(Instant::now());
            let broke = ACCOUNTS.iter().find(|account| account.name == BROKE);
            let rule = *dice.pick(&TROUBLE);
            ("Gamma refuses key or credits", rule, broke, dice.ms(2_000..4_000))
        } else {
            let (kind, rule) = *dice.pick(&FAULTS);
            // The longer ones hit one account, so that the others show that they don't notice.
            let one = (!dice.once_in(3)).then(|| dice.pick(&ACCOUNTS));
            (kind, rule, one, dice.ms(200..1_500))
        };
        let began = now_ms();
        let rule = key.map_or_else(|| rule.to_owned(), |key| format!("{rule}:key={}", key.key));
        let number = scene.rules.add(&scene.stage, rule).await;
        scene.rest(time).await;
        scene.rules.remove(&scene.stage, number).await;
        scene.diary.over(kind, Scope::All, began);
    }
}
