//! The flags of the fake.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, FromArgMatches, ValueEnum};
use humantime::parse_duration;

use crate::faults::Rule;

/// How the fake behaves; every flag has a default, see [`Options::default`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Options {
    /// Address to listen on; port 0 lets the system choose one.
    #[arg(long, value_name = "ADDRESS", default_value_t = defaults::listen())]
    pub listen: SocketAddr,

    /// API key to accept, repeatable; without any, every key that begins with `sk-` is accepted.
    #[arg(long = "key", value_name = "NAME")]
    pub keys: Vec<String>,

    /// Generations a key may start in any rolling window; 0 is no limit.
    #[arg(long, value_name = "COUNT", default_value_t = defaults::LIMIT)]
    pub limit: usize,

    /// Length of the rolling window.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub window: Duration,

    /// What a 429 says in `Retry-After`.
    #[arg(long, value_enum, default_value_t)]
    pub retry_after: RetryAfterForm,

    /// Time that a generation takes, at the least.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub generation_time: Duration,

    /// Time that a generation takes at the most; without it, all take the same time.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub generation_time_max: Option<Duration>,

    /// Time that an export of an existing gamma takes.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    pub export_time: Duration,

    /// Credits that every key begins with.
    #[arg(long, value_name = "CREDITS", default_value_t = defaults::CREDITS)]
    pub credits: u64,

    /// Credits of one generation; without it, they depend on cards and images (150 for ten cards).
    #[arg(long, value_name = "CREDITS")]
    pub cost: Option<u64>,

    /// Status that a POST gets when the balance is gone.
    #[arg(long, value_enum, default_value_t)]
    pub out_of_credits: OutOfCredits,

    /// Seed of times and of faults by probability; without it, one is chosen and announced.
    #[arg(long)]
    pub seed: Option<u64>,

    /// Fault rule, repeatable: OPERATION:KIND, then any of :p=0.05, :n=2-5 and :key=NAME.
    #[arg(long = "fault", value_name = "RULE")]
    pub faults: Vec<Rule>,

    /// What the `x-ratelimit-*` headers say.
    #[command(flatten)]
    pub rates: RateHeaders,

    /// Time for which an export link works.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_duration)]
    pub link_ttl: Duration,

    /// How export links are named.
    #[arg(long, value_enum, default_value_t)]
    pub link_names: LinkNames,

    /// Base of export links, for a fake behind a proxy; without it, the address listened on.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,

    /// Answer agent requests as a workspace without access to the agent does: 404.
    #[arg(long)]
    pub no_agent: bool,

    /// Agent generations a key may have under way at once; 0 is no limit.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub agent_concurrency: usize,

    /// File to append the ledger to, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// The values of the `x-ratelimit-*` headers. A remainder that isn't set counts down from its limit by itself,
/// over a minute, an hour and a day; none of them is ever enforced.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct RateHeaders {
    /// `x-ratelimit-limit-burst`.
    #[arg(long, value_name = "COUNT", default_value_t = defaults::BURST)]
    pub burst_limit: u64,
    /// `x-ratelimit-remaining-burst`, fixed.
    #[arg(long, value_name = "COUNT")]
    pub burst_remaining: Option<u64>,
    /// `x-ratelimit-limit`.
    #[arg(long, value_name = "COUNT", default_value_t = defaults::HOUR)]
    pub hour_limit: u64,
    /// `x-ratelimit-remaining`, fixed.
    #[arg(long, value_name = "COUNT")]
    pub hour_remaining: Option<u64>,
    /// `x-ratelimit-limit-daily`.
    #[arg(long, value_name = "COUNT", default_value_t = defaults::DAY)]
    pub day_limit: u64,
    /// `x-ratelimit-remaining-daily`, fixed.
    #[arg(long, value_name = "COUNT")]
    pub day_remaining: Option<u64>,
}

/// What a 429 says in `Retry-After`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RetryAfterForm {
    /// Whole seconds, rounded up.
    #[default]
    Seconds,
    /// An HTTP date, rounded up to the second.
    Date,
    /// No such header.
    None,
}

/// The status of a POST that can't be paid for; both have been seen of Gamma.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutOfCredits {
    /// 402 Payment Required.
    #[default]
    #[value(name = "402")]
    PaymentRequired,
    /// 403 Forbidden with a message that speaks of credits.
    #[value(name = "403")]
    Forbidden,
}

/// How a finished generation and a finished export name their links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LinkNames {
    /// As the server does: `exportUrl`, one format a request, asked for with `exportAs`.
    #[default]
    Server,
    /// As the documentation page does: `pdfUrl` and `pptxUrl`, asked for with `exportOptions.formats` too.
    Page,
}

mod defaults {
    use std::net::{Ipv4Addr, SocketAddr};

    pub(super) const LIMIT: usize = 50;
    pub(super) const CREDITS: u64 = 1_000_000;
    pub(super) const BURST: u64 = 10_000;
    pub(super) const HOUR: u64 = 40_000;
    pub(super) const DAY: u64 = 200_000;

    pub(super) fn listen() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 8090))
    }
}

impl Options {
    /// Reads flags as the command line does; the first is a flag, not the program's name.
    ///
    /// # Errors
    ///
    /// What clap says about the first flag that is wrong.
    pub fn from_flags<F: Into<String>>(flags: impl IntoIterator<Item = F>) -> Result<Self, clap::Error> {
        let command = Self::augment_args(clap::Command::new("fake-gamma").no_binary_name(true));
        let flags = flags.into_iter().map(Into::<String>::into);
        Self::from_arg_matches(&command.try_get_matches_from(flags)?)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: defaults::listen(),
            keys: Vec::new(),
            limit: defaults::LIMIT,
            window: Duration::from_secs(3600),
            retry_after: RetryAfterForm::default(),
            generation_time: Duration::from_secs(20),
            generation_time_max: None,
            export_time: Duration::from_secs(2),
            credits: defaults::CREDITS,
            cost: None,
            out_of_credits: OutOfCredits::default(),
            seed: None,
            faults: Vec::new(),
            rates: RateHeaders::default(),
            link_ttl: Duration::from_secs(7 * 24 * 3600),
            link_names: LinkNames::default(),
            public_url: None,
            no_agent: false,
            agent_concurrency: 0,
            ledger: None,
        }
    }
}

impl Default for RateHeaders {
    fn default() -> Self {
        Self {
            burst_limit: defaults::BURST,
            burst_remaining: None,
            hour_limit: defaults::HOUR,
            hour_remaining: None,
            day_limit: defaults::DAY,
            day_remaining: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flags_are_the_defaults() {
        assert_eq!(Options::from_flags::<String>([]).unwrap(), Options::default());
    }

    #[test]
    fn flags_are_read() {
        let flags = "--listen 127.0.0.1:0 --key sk-a --key sk-b --limit 0 --window 90s --retry-after date \
                     --fault post:500:n=3 --out-of-credits 403 --link-names page --burst-remaining 12";
        let options = Options::from_flags(flags.split_whitespace()).unwrap();
        assert_eq!(options.keys, ["sk-a", "sk-b"]);
        assert_eq!(options.window, Duration::from_secs(90));
        assert_eq!(options.retry_after, RetryAfterForm::Date);
        assert_eq!(options.out_of_credits, OutOfCredits::Forbidden);
        assert_eq!(options.link_names, LinkNames::Page);
        assert_eq!(options.rates.burst_remaining, Some(12));
        assert_eq!(options.faults.len(), 1);
    }

    #[test]
    fn a_wrong_rule_is_named() {
        let said = Options::from_flags(["--fault", "post:sideways"])
            .unwrap_err()
            .to_string();
        assert!(said.contains("sideways"), "{said}");
    }
}
