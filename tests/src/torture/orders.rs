//! What callers ask for: most of it plain, some of it awkward, some of it wrong.

use serde_json::{Value, json};

use super::dice::Dice;

/// An account of the soak: limits that bursts run into, in windows short enough to roll many times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    pub(super) limit: u32,
    pub(super) window_ms: u64,
}

/// The last one alone has trouble with its key and its credits: each pause after that takes a minute.
pub(super) const ACCOUNTS: [Account; 4] = [
    account("alpha", "sk-gamma-torture-alpha", 30, 10_000),
    account("beta", "sk-gamma-torture-beta", 20, 10_000),
    account("gamma", "sk-gamma-torture-gamma", 10, 5_000),
    account(BROKE, "sk-gamma-torture-broke", 5, 5_000),
];
pub(super) const BROKE: &str = "broke";

const fn account(name: &'static str, key: &'static str, limit: u32, window_ms: u64) -> Account {
    Account {
        name,
        key,
        limit,
        window_ms,
    }
}

/// One wish of a caller's.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Stands in the title and in `meta`: by it a generation, a POST and a record are known to be this one's.
    pub(super) token: String,
    /// Whether the caller chose the token for the job's id, and so may append again until it is acknowledged.
    pub(super) chosen: bool,
    pub(super) account: &'static str,
    pub(super) kind: &'static str,
    pub(super) priority: String,
    pub(super) request: String,
    /// Whether intake should take it for a job and not for one that failed at once.
    pub(super) valid: bool,
    /// Appended a second time: with the same request, or with another one.
    pub(super) again: Option<Again>,
}

/// What a second append under the same id asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Same,
    Other,
}

/// Faults that a job carries in its own text: what happens to it alone, whatever happens around it.
const MARKERS: [&str; 16] = [
    "[[fake:post=slow=300ms]]",
    "[[fake:post=slow=300ms]]",
    "[[fake:post=slow=700ms]]",
    "[[fake:post=slow_before=400ms]]",
    "[[fake:post=429*1]]",
    "[[fake:poll=500*2]]",
    "[[fake:poll=slow=2s*1]]",
    "[[fake:poll=half*1]] [[fake:poll=garbage*1]]",
    "[[fake:post=lost_after]]",
    "[[fake:post=lost_before]]",
    "[[fake:post=after_503]]",
    "[[fake:post=no_id]]",
    "[[fake:result=failed]]",
    "[[fake:post=400]]",
    "[[fake:time=6s]]",
    "[[fake:post=stuck]]",
];

impl Order {
    /// Order number `number` for `account`.
    pub(super) fn draw(dice: &mut Dice, account: &'static str, number: u64) -> Self {
        let token = format!("{account}-{number}");
        let marker = match dice.below(10) {
            0..3 => "",
            // A POST takes a while, as Gamma's do: long enough to be killed in.
            3..8 => MARKERS[dice.below(4)],
            _ => MARKERS[dice.below(MARKERS.len())],
        };
        let kind = *dice.pick(&["generation", "generation", "generation", "template", "agent"]);
        let chosen = !dice.once_in(4);
        let mut order = Self {
            request: request(kind, &token, marker).to_string(),
            kind,
            chosen,
            account,
            priority: dice.below(10).to_string(),
            valid: true,
            again: match dice.below(20) {
                0 if chosen => Some(Again::Same),
                1 if chosen => Some(Again::Other),
                _ => None,
            },
            token,
        };
        if dice.once_in(40) {
            order.spoil(dice.below(4));
        }
        order
    }

    fn spoil(&mut self, how: usize) {
        // With an id of its own, so that what became of it is found.
        (self.valid, self.chosen, self.again) = (false, true, None);
        match how {
            0 => self.request = "{\"inputText\":".to_owned(),
            1 => self.request = json!({ "inputText": "", "title": self.token }).to_string(),
            2 => self.priority = "soon".to_owned(),
            _ => self.account = "nobody",
        }
    }

    /// The fields of its entry in the inbox.
    pub(super) fn fields(&self) -> Vec<&str> {
        let mut fields = vec![
            "request",
            &self.request,
            "account",
            self.account,
            "kind",
            self.kind,
            "priority",
            &self.priority,
            "meta",
            &self.token,
        ];
        if self.chosen {
            fields.extend(["id", &self.token]);
        }
        fields
    }

    /// The request that a second append under the same id sends.
    pub(super) fn other(&self) -> Self {
        let request = request(self.kind, &self.token, "and another wish").to_string();
        Self {
            request,
            ..self.clone()
        }
    }
}

fn request(kind: &str, token: &str, words: &str) -> Value {
    let text = format!("Torture {token} {words}");
    match kind {
        "template" => json!({ "prompt": text, "title": token, "gammaId": "g_template" }),
        "agent" => json!({ "prompt": text, "title": token }),
        _ => json!({ "inputText": text, "title": token, "textMode": "generate" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_orders_and_draws_every_sort() {
        let draw = || {
            let mut dice = Dice::new(5, "orders");
            (0..2_000)
                .map(|n| Order::draw(&mut dice, "alpha", n))
                .collect::<Vec<_>>()
        };
        let orders = draw();
        let same = draw();
        assert!(orders.iter().zip(&same).all(|(a, b)| a.fields() == b.fields()));
        for marker in MARKERS {
            assert!(orders.iter().any(|it| it.request.contains(marker)), "{marker}");
        }
        let share = |of: fn(&Order) -> bool| orders.iter().filter(|it| of(it)).count();
        assert!((20..100).contains(&share(|it| !it.valid)));
        assert!(share(|it| !it.chosen) > 300);
        assert!(share(|it| it.again == Some(Again::Same)) > 40);
        assert!(share(|it| it.again == Some(Again::Other)) > 40);
    }
}
