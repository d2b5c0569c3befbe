//! Themes and folders of a workspace, page by page: what ids a request may name, and a check of a key that costs nothing.

use serde_json::{Map, Value};

use crate::answer::{AccountTrouble, Answer, Common, MESSAGE_MAX, RateLimited};
use crate::client::Client;
use crate::exchange::Reply;
use crate::target::Target;
use crate::wire;

/// The most that Gamma gives in one page.
pub const PAGE_MAX: u8 = 50;
/// The longest name that is shown, in characters.
const NAME_MAX: usize = 200;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// `GET /v1.0/themes`: for `themeId`.
    Themes,
    /// `GET /v1.0/folders`: for `folderId`.
    Folders,
}

impl Listing {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Themes => "/v1.0/themes",
            Self::Folders => "/v1.0/folders",
        }
    }
}

/// Which page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// A part of the name.
    pub query: Option<String>,
    /// How many, 1 to [`PAGE_MAX`]; as Gamma likes where it isn't set.
    pub limit: Option<u8>,
    /// The cursor of the page before.
    pub after: Option<String>,
}

/// One theme or folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What a request names it by.
    pub id: String,
    /// What people call it, made safe and cut; often not unique.
    pub name: String,
    /// `standard` or `custom`, of a theme, where Gamma says so.
    pub kind: Option<String>,
    /// All that Gamma said of it, with no API key in it.
    pub all: Map<String, Value>,
}

/// What Gamma answered; one variant for each reaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    /// A page; the key works. Says nothing about credits.
    Page {
        /// In Gamma's order. Entries without an id are left out.
        items: Vec<Item>,
        /// The cursor of the next page, if there is one.
        next: Option<String>,
    },
    /// 429.
    RateLimited(RateLimited),
    /// 401, 402, or 403 about credits.
    AccountTrouble(AccountTrouble),
    /// Any other 4xx: the key or the plan may not, or a cursor is not one of Gamma's.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Gamma's words, made safe and cut.
        message: String,
    },
    /// No answer, or one that says nothing: also a 200 in HTML, of a proxy or a wrong base URL.
    Unknown {
        /// The HTTP status, if a response head arrived.
        status: Option<u16>,
        /// What was missing or wrong.
        reason: String,
    },
}

impl Client {
    /// Asks for one page. Takes at most `request_timeout`; may be asked any number of times, and costs nothing.
    pub async fn list(&self, target: &Target, listing: Listing, page: &PageQuery) -> Answer<Listed> {
        match self.get(target, target.list_url(listing, page)).await {
            Ok(reply) => Answer::of(&reply, classify(&reply, target)),
            Err(reason) => Answer::unanswered(Listed::Unknown { status: None, reason }),
        }
    }
}

fn classify(reply: &Reply, target: &Target) -> Listed {
    match Common::of(reply, target) {
        Common::RateLimited(limited) => return Listed::RateLimited(limited),
        Common::AccountTrouble(trouble) => return Listed::AccountTrouble(trouble),
        Common::Other => {}
    }
    let status = reply.status.as_u16();
    if reply.status.is_client_error() {
        let message = reply.message(target, MESSAGE_MAX);
        return Listed::Refused { status, message };
    }
    let read = if reply.status.is_success() {
        page(reply, target)
    } else {
        Err(reply.message(target, MESSAGE_MAX))
    };
    read.unwrap_or_else(|reason| Listed::Unknown {
        status: Some(status),
        reason,
    })
}

fn page(reply: &Reply, target: &Target) -> Result<Listed, String> {
    if let Some(cut) = &reply.cut {
        return Err(format!("the answer broke off: {cut}"));
    }
    let body = target
        .read(&reply.body)
        .ok_or("the answer is not a JSON object")?;
    let data = body.get("data").and_then(Value::as_array);
    let data = data.ok_or("the answer has no list `data`")?;
    let more = body.get("hasMore").and_then(Value::as_bool);
    let next = wire::string(&body, "nextCursor").filter(|_| more != Some(false));
    Ok(Listed::Page {
        items: data.iter().filter_map(|entry| item(entry, target)).collect(),
        next,
    })
}

fn item(entry: &Value, target: &Target) -> Option<Item> {
    let all = entry.as_object()?;
    let id = wire::string(all, "id").filter(|id| target.is_safe_id(id))?;
    let text = |name| wire::string(all, name).map(|text| target.scrub(&text, NAME_MAX));
    Some(Item {
        id,
        name: text("name").unwrap_or_default(),
        kind: text("type"),
        all: all.clone(),
    })
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::limits::RateLimits;

    fn target() -> Target {
        Target::new(
            &"https://g.example".parse().unwrap(),
            &SecretString::from("sk-gamma-1"),
        )
        .unwrap()
    }

    fn seen(status: u16, body: &str) -> Listed {
        let reply = Reply {
            status: http::StatusCode::from_u16(status).unwrap(),
            limits: RateLimits::default(),
            request_id: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
            cut: None,
        };
        classify(&reply, &target())
    }

    #[test]
    fn a_page_and_the_way_to_the_next() {
        let body = json!({"data": [
            {"id": "t1", "name": "Wind\u{1b}[31m", "type": "custom", "colorKeywords": ["sk-gamma-1"]},
            {"name": "no id"}, {"id": "f2"}, 7,
        ], "hasMore": true, "nextCursor": "c/2"});
        let Listed::Page { items, next } = seen(200, &body.to_string()) else {
            panic!("no page");
        };
        assert_eq!(next.as_deref(), Some("c/2"));
        let ids: Vec<_> = items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, ["t1", "f2"]);
        assert!(
            !items[0].name.contains('\u{1b}') && items[0].name.starts_with("Wind"),
            "{:?}",
            items[0]
        );
        assert_eq!(items[0].kind.as_deref(), Some("custom"));
        assert!(!format!("{items:?}").contains("sk-gamma-1"));
        let last = json!({"data": [], "hasMore": false, "nextCursor": "c"}).to_string();
        assert_eq!(
            seen(200, &last),
            Listed::Page {
                items: vec![],
                next: None
            }
        );
    }

    #[test]
    fn each_answer_has_its_reaction() {
        let said = r#"{"message":"Invalid API key"}"#;
        assert!(matches!(seen(401, said), Listed::AccountTrouble(trouble) if trouble.status == 401));
        assert!(matches!(
            seen(403, r#"{"message":"no credits left"}"#),
            Listed::AccountTrouble(_)
        ));
        assert!(matches!(seen(403, "{}"), Listed::Refused { status: 403, .. }));
        assert!(matches!(seen(400, "{}"), Listed::Refused { status: 400, .. }));
        assert!(matches!(seen(429, "{}"), Listed::RateLimited(_)));
        for (status, body) in [
            (200, "<html>"),
            (200, "{}"),
            (200, r#"{"data":{}}"#),
            (302, ""),
            (503, "{}"),
        ] {
            let seen = seen(status, body);
            assert!(
                matches!(seen, Listed::Unknown { status: Some(_), .. }),
                "{status} {body}: {seen:?}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_stays_within_its_parameter() {
        let page = PageQuery {
            query: Some("a&limit=9".to_owned()),
            limit: Some(50),
            after: Some("c/2 é".to_owned()),
        };
        let url = target().list_url(Listing::Folders, &page);
        assert_eq!(
            url.as_str(),
            "https://g.example/v1.0/folders?query=a%26limit%3D9&limit=50&after=c%2F2+%C3%A9"
        );
        let url = target().list_url(Listing::Themes, &PageQuery::default());
        assert_eq!(url.as_str(), "https://g.example/v1.0/themes");
    }
}
