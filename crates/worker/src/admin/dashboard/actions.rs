//! What the buttons do: the operators' commands, by the scripts that the command line uses.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use gammaq_job::{Command, Kind, Resolution};
use gammaq_queue::operate::{Answer, Asker, Outcome, Timeouts};
use serde_json::json;

use super::access::Visitor;
use super::forms::{Fields, path_of};
use super::sessions::Notice;
use super::sign_in::by;
use super::{Dashboard, guard};

/// The fields of a command, as they stand in the control stream.
const FIELDS: [&str; 5] = ["op", "id", "as", "generation_id", "account"];
/// What says that somebody knows that it may be paid for twice.
pub(super) const KNOWS: (&str, &str) = ("paid_twice", "accepted");

pub(super) async fn act(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Response {
    let fields = Fields::of_body(&body);
    let by = match &visitor {
        Visitor::Session(session) if session.is_form_key(fields.get("form_key")) => session.by.clone(),
        Visitor::Session(_) => {
            let text = "this form is not of your session: load the page again";
            return guard::plain(StatusCode::FORBIDDEN, text);
        }
        Visitor::Program => by(fields.get("by"), dashboard.token.as_ref()),
        Visitor::Local | Visitor::Stranger => {
            return guard::unauthorized("sign in first, or bring the token as Authorization: Bearer");
        }
    };
    let (outcome, text) = match read(&fields) {
        Ok(command) => carry_out(&dashboard, &by, &command).await,
        Err(why) => (None, why),
    };
    match &visitor {
        Visitor::Session(session) => {
            let good = outcome.is_some_and(Outcome::is_good);
            dashboard.sessions.leave_notice(session, Notice { good, text });
            let back = path_of(fields.get("back")).to_owned();
            (StatusCode::SEE_OTHER, [(LOCATION, back)]).into_response()
        }
        _ => {
            let status = match outcome {
                Some(Outcome::Missing) => StatusCode::NOT_FOUND,
                Some(outcome) if outcome.is_good() => StatusCode::OK,
                Some(_) => StatusCode::CONFLICT,
                None => StatusCode::BAD_REQUEST,
            };
            let answer = json!({ "outcome": outcome, "text": text });
            (
                status,
                [(CONTENT_TYPE, "application/json")],
                format!("{answer}\n"),
            )
                .into_response()
        }
    }
}

/// The command of a form.
fn read(fields: &Fields) -> Result<Command, String> {
    let given = FIELDS.map(|name| (name, fields.get(name)));
    let given = given.iter().filter(|(_, value)| !value.is_empty());
    let given: Vec<_> = given
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    let command = Command::read(&given).map_err(|bad| bad.why)?;
    if matches!(command, Command::Resolve(_, Resolution::Resubmit)) && fields.get(KNOWS.0) != KNOWS.1 {
        return Err("nothing was done: submitting once more may pay a second time, and the box that says so was not ticked".to_owned());
    }
    Ok(command)
}

/// `None` where nobody knows what came of it, or nothing was tried.
async fn carry_out(dashboard: &Dashboard, by: &str, command: &Command) -> (Option<Outcome>, String) {
    let timeouts = Timeouts {
        classic: dashboard.app.timeout(Kind::Generation),
        agent: dashboard.app.timeout(Kind::Agent),
    };
    match dashboard
        .queue
        .operate(&Asker::direct(by), command, &timeouts)
        .await
    {
        Ok(Answer { outcome, text }) => {
            let id = command.id().map(ToString::to_string);
            tracing::info!(
                by,
                op = command.op(),
                id,
                outcome = outcome.as_str(),
                "asked for by the dashboard"
            );
            (Some(outcome), text)
        }
        Err(error @ gammaq_queue::Error::Unanswered(_)) => {
            tracing::warn!(%error, by, op = command.op(), "the dashboard got no answer");
            let text = "Redis did not answer: it may have been done. Look, and ask again where it was not: that is safe";
            (None, text.to_owned())
        }
        Err(error) => {
            tracing::warn!(%error, by, op = command.op(), "the dashboard could not do it");
            (None, format!("nothing was done: {error}"))
        }
    }
}
