//! The scripts' sources, put together from their parts once, and how they are called.

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation, Value};

use crate::{Error, Queue, ms};

macro_rules! scripts {
    ($($name:ident = $($part:literal)+;)+) => {$(
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("lua/prelude.lua"), $(include_str!(concat!("lua/", $part, ".lua"))),+))
        });
    )+};
}

scripts! {
    ACCEPT_JOBS = "result" "accept_jobs" "accept_items";
    CLAIM_JOBS = "result" "account" "claim_jobs" "claim_due" "claim_pending";
    BEGIN_SUBMIT = "account" "begin_submit";
    RECORD_GENERATION = "result" "account" "record_generation";
    SETTLE_JOBS = "result" "account" "settle_jobs" "settle_items";
    RENEW_LEASES = "account" "renew_leases";
    RECOVER_CLAIMS = "account" "recover_claims";
    SWEEP_JOBS = "sweep_jobs";
}

/// The most items of one call.
pub(crate) const MAX_ITEMS: usize = 1_000;

impl Queue {
    /// A call of `script` with what goes with every script.
    pub(crate) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(self.keys.base())
            .arg(self.policy.events_cap)
            .arg(ms(self.policy.results_ttl));
        call
    }

    pub(crate) async fn invoke(&self, call: &ScriptInvocation<'_>) -> Result<Value, Error> {
        self.link
            .run(async |mut connection| call.invoke_async(&mut connection).await)
            .await
    }
}

#[cfg(test)]
mod tests {
    /// The words after `-- ARGV:` in a script's header.
    fn header(source: &str) -> Vec<&str> {
        let line = source.lines().find_map(|line| line.strip_prefix("-- ARGV: "));
        line.expect("a script has a header with ARGV")
            .split_whitespace()
            .collect()
    }

    #[test]
    fn headers_name_what_the_wrappers_send() {
        let cases = [
            (include_str!("lua/accept_jobs.lua"), crate::accept::ARGV),
            (include_str!("lua/claim_jobs.lua"), crate::claim::ARGV),
            (include_str!("lua/begin_submit.lua"), crate::submit::BEGIN_ARGV),
            (
                include_str!("lua/record_generation.lua"),
                crate::submit::RECORD_ARGV,
            ),
            (include_str!("lua/settle_jobs.lua"), crate::settle::ARGV),
            (include_str!("lua/renew_leases.lua"), crate::lease::ARGV),
            (include_str!("lua/sweep_jobs.lua"), crate::sweep::ARGV),
            (include_str!("lua/recover_claims.lua"), crate::lease::RECOVER_ARGV),
        ];
        for (source, sent) in cases {
            assert_eq!(header(source), sent.split_whitespace().collect::<Vec<_>>());
            assert!(
                source.contains("-- KEYS: base\n") && source.contains("-- Returns: "),
                "{sent}"
            );
        }
    }

    #[test]
    fn headers_name_the_fields_of_a_claimed_job() {
        let source = include_str!("lua/claim_jobs.lua");
        let list = source
            .split("local FIELDS = {")
            .nth(1)
            .and_then(|rest| rest.split('}').next())
            .unwrap();
        let fields: Vec<&str> = list
            .split(',')
            .map(|word| word.trim().trim_matches('\''))
            .collect();
        assert_eq!(fields, crate::claim::FIELDS);
    }
}
