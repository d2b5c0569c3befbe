//! `gammaq themes` and `gammaq folders`: what ids a request may name. They need no Redis, and are the cheapest check of a key.

use clap::Args;
use gammaq_gamma::{AccountProblem, Item, Listed, Listing, PAGE_MAX, PageQuery, Target};
use gammaq_job::AccountName;
use gammaq_worker::settings::Settings;
use gammaq_worker::surroundings;
use serde_json::{Value, json};

use crate::context::{Context, note};
use crate::exit::{Code, Refusal, Usage};
use crate::output::{table, time};

/// Whose, and which of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gammaq themes --account team-a\n  \
    gammaq themes ocean --all --json\n  \
    gammaq folders > /dev/null && echo 'the key works'")]
pub(crate) struct ListingArgs {
    /// A part of the name.
    query: Option<String>,
    /// Whose API key is used, and so whose workspace is listed.
    #[arg(long, value_name = "NAME", default_value_t)]
    account: AccountName,
    /// The most that one page has, 1 to 50; Gamma's own number where it isn't set.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=i64::from(PAGE_MAX)))]
    limit: Option<u8>,
    /// The page after this cursor, which the page before names.
    #[arg(long, value_name = "CURSOR", conflicts_with = "all")]
    after: Option<String>,
    /// All pages, one after the other.
    #[arg(long)]
    all: bool,
}

/// The most pages that --all asks for: Gamma may never come to an end.
const MOST_PAGES: usize = 1_000;

pub(crate) async fn run(context: &Context, listing: Listing, args: &ListingArgs) -> anyhow::Result<Code> {
    let settings = context.for_worker()?;
    let target = target(&settings, &args.account)?;
    let client = surroundings::gamma(&settings)?;
    let mut page = PageQuery {
        query: args.query.clone(),
        limit: args.limit,
        after: args.after.clone(),
    };
    let mut found: Vec<Item> = Vec::new();
    let mut pages = 0;
    let next = loop {
        let answer = client.list(&target, listing, &page).await;
        pages += 1;
        let (items, next) = match answer.outcome {
            Listed::Page { items, next } => (items, next),
            other => return Err(refusal(other, &args.account, answer.request_id.as_deref()).into()),
        };
        found.extend(items);
        // A cursor that leads to itself would be followed for ever.
        let leads_on = next.is_some() && next != page.after;
        if !args.all || !leads_on || pages == MOST_PAGES {
            break next.filter(|_| leads_on);
        }
        page.after = next;
    };
    show(context, listing, args, &found, next.as_deref())?;
    Ok(Code::Done)
}

fn show(
    context: &Context,
    listing: Listing,
    args: &ListingArgs,
    found: &[Item],
    next: Option<&str>,
) -> anyhow::Result<()> {
    if context.json {
        let data: Vec<Value> = found.iter().map(|item| Value::Object(item.all.clone())).collect();
        return context.json_line(&json!({
            "account": args.account.as_str(), "data": data, "hasMore": next.is_some(), "nextCursor": next,
        }));
    }
    let (what, columns): (_, &[&str]) = match listing {
        Listing::Themes => ("themes", &["THEME", "NAME", "TYPE"]),
        Listing::Folders => ("folders", &["FOLDER", "NAME"]),
    };
    if found.is_empty() {
        note(&format!(
            "Gamma takes the API key of account {}, and has no such {what}",
            args.account
        ));
        return Ok(());
    }
    let row = |item: &Item| {
        let kind = item.kind.clone().unwrap_or_default();
        let mut row = vec![item.id.clone(), item.name.clone(), kind];
        row.truncate(columns.len());
        row
    };
    context.line(table::table(columns, found.iter().map(row)))?;
    if let Some(next) = next {
        note(&format!(
            "there are more: --all lists them, --after '{next}' the next page"
        ));
    }
    Ok(())
}

/// Where to ask, with the key of the account.
fn target(settings: &Settings, account: &AccountName) -> Result<Target, Usage> {
    let Some(found) = settings.accounts.get(account) else {
        let known: Vec<&str> = settings.accounts.keys().map(AccountName::as_str).collect();
        return Err(Usage(format!(
            "--account: \"{account}\" has no API key here; allowed: {}",
            known.join(", ")
        )));
    };
    Target::new(&settings.gamma.base_url, &found.api_key)
        .map_err(|error| Usage(format!("accounts.{account}.api_key: {error}")))
}

/// What to say and do where there is no page.
fn refusal(listed: Listed, account: &AccountName, request: Option<&str>) -> Refusal {
    let (what, code, next) = match listed {
        // Not refused at all; whoever comes here with it made a mistake.
        Listed::Page { .. } => ("Gamma refused nothing".to_owned(), Code::Fault, None),
        Listed::AccountTrouble(trouble) if trouble.problem == AccountProblem::Unauthorized => (
            format!(
                "Gamma refuses the API key of account {account}: HTTP {}, {}",
                trouble.status, trouble.message
            ),
            Code::Usage,
            Some(
                "the key stands in accounts.<name>.api_key, in the file of .api_key_file, or in accounts_dir; is it whole, and not revoked?",
            ),
        ),
        Listed::AccountTrouble(trouble) => (
            format!(
                "Gamma knows the API key of account {account}, and its credits are used up: HTTP {}, {}",
                trouble.status, trouble.message
            ),
            Code::Unsuccessful,
            Some("its jobs wait, and go on by themselves when there are credits again"),
        ),
        Listed::RateLimited(limited) => {
            let millis = |wait: std::time::Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let wait = limited
                .retry_after
                .map(|wait| format!("; it may be asked again in {}", time::span(millis(wait))));
            (
                format!(
                    "Gamma has too many requests of account {account}: HTTP 429, {}{}",
                    limited.message,
                    wait.unwrap_or_default()
                ),
                Code::Unavailable,
                Some("try again later; workers wait by themselves"),
            )
        }
        Listed::Refused { status, message } => (
            format!("Gamma refuses the request of account {account}: HTTP {status}, {message}"),
            if status == 400 {
                Code::Usage
            } else {
                Code::Unsuccessful
            },
            (status != 400).then_some("the key may not list these: its plan or its rights are too small"),
        ),
        Listed::Unknown { status, reason } => {
            let status = status
                .map(|status| format!("HTTP {status}, "))
                .unwrap_or_default();
            (
                format!(
                    "Gamma gave no answer that says whether the API key of account {account} works: {status}{reason}"
                ),
                Code::Unavailable,
                Some("gamma.base_url says where Gamma is"),
            )
        }
    };
    let request = request.map(|id| format!(" (request {id})")).unwrap_or_default();
    Refusal {
        what: what + &request,
        code,
        next,
    }
}
