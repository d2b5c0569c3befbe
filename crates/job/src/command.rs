//! Operators' commands: what they are, and how they stand in the control stream.

use crate::json::cut;
use crate::{AccountName, GenerationId, JobId};

/// What stands for the whole queue where an account is named. No account can have this name.
pub const WHOLE_QUEUE: &str = "*";
/// The longest name of who asks, in characters.
pub const MAX_BY: usize = 128;
/// The most of a bad value that a refusal shows, in characters.
const SHOWN: usize = 60;
/// The fields of a command.
const FIELDS: [&str; 6] = ["op", "id", "as", "generation_id", "account", "by"];

/// What an operator, or the caller of a job, asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The job is wanted no more.
    Cancel(JobId),
    /// A job that failed or was cancelled is submitted once more.
    Retry(JobId),
    /// A parked job: what becomes of it.
    Resolve(JobId, Resolution),
    /// A timed-out job is looked at again.
    Repoll(JobId),
    /// Nothing is sent until it is resumed.
    Pause(Scope),
    /// A pause is over.
    Resume(Scope),
}

/// What becomes of a job of which nobody knows whether Gamma accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Gamma did: this is its generation.
    Generation(GenerationId),
    /// One more POST, whatever came of the last.
    Resubmit,
    /// It is given up.
    Fail,
}

/// What is paused or resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One account: submits and looks.
    Account(AccountName),
    /// The submits of the whole queue.
    Queue,
}

/// A command that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCommand {
    /// The job that it names, where it names one.
    pub id: Option<JobId>,
    /// Which field is wrong, its value (cut), and what is allowed.
    pub why: String,
}

impl Command {
    /// Reads an entry of the control stream.
    ///
    /// # Errors
    /// [`BadCommand`], for whoever appended it.
    pub fn read(fields: &[(Vec<u8>, Vec<u8>)]) -> Result<Self, BadCommand> {
        let reader = Reader { fields };
        let id = reader.text("id").ok().and_then(|text| JobId::new(text).ok());
        reader.command().map_err(|why| BadCommand { id, why })
    }

    /// The word in the stream.
    pub const fn op(&self) -> &'static str {
        match self {
            Self::Cancel(_) => "cancel",
            Self::Retry(_) => "retry",
            Self::Resolve(..) => "resolve",
            Self::Repoll(_) => "repoll",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
        }
    }

    /// The job that it is about.
    pub const fn id(&self) -> Option<&JobId> {
        match self {
            Self::Cancel(id) | Self::Retry(id) | Self::Resolve(id, _) | Self::Repoll(id) => Some(id),
            Self::Pause(_) | Self::Resume(_) => None,
        }
    }

    /// As an entry of the control stream: [`Command::read`] reads it back.
    pub fn to_fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields = vec![("op", self.op())];
        fields.extend(self.id().map(|id| ("id", id.as_str())));
        match self {
            Self::Resolve(_, Resolution::Generation(generation)) => {
                fields.extend([("as", "generation"), ("generation_id", generation.as_str())]);
            }
            Self::Resolve(_, Resolution::Resubmit) => fields.push(("as", "resubmit")),
            Self::Resolve(_, Resolution::Fail) => fields.push(("as", "fail")),
            Self::Pause(scope) | Self::Resume(scope) => fields.push((
                "account",
                match scope {
                    Scope::Account(name) => name.as_str(),
                    Scope::Queue => WHOLE_QUEUE,
                },
            )),
            Self::Cancel(_) | Self::Retry(_) | Self::Repoll(_) => {}
        }
        fields
    }
}

/// Who asks, as an entry of the control stream says it; `None` where it doesn't.
pub fn asker(fields: &[(Vec<u8>, Vec<u8>)]) -> Option<String> {
    let by = Reader { fields }.text("by").ok()?;
    Some(name_of(by)).filter(|by| !by.is_empty())
}

/// The name of who asks, as records and events keep it: of bounded length, and without what stands badly in a line.
pub fn name_of(by: &str) -> String {
    cut(by.trim(), MAX_BY)
}

struct Reader<'a> {
    fields: &'a [(Vec<u8>, Vec<u8>)],
}

impl<'a> Reader<'a> {
    fn command(&self) -> Result<Command, String> {
        self.look_for_odd_fields()?;
        let ops = "cancel, retry, resolve, repoll, pause and resume are";
        Ok(match self.text("op").map_err(|why| format!("{why}; {ops}"))? {
            "cancel" => Command::Cancel(self.id()?),
            "retry" => Command::Retry(self.id()?),
            "resolve" => Command::Resolve(self.id()?, self.resolution()?),
            "repoll" => Command::Repoll(self.id()?),
            "pause" => Command::Pause(self.scope()?),
            "resume" => Command::Resume(self.scope()?),
            other => return Err(not_allowed("op", other, ops)),
        })
    }

    /// A misspelt field must not be passed over: it may be the one that narrows the command down.
    fn look_for_odd_fields(&self) -> Result<(), String> {
        for (at, (name, _)) in self.fields.iter().enumerate() {
            let shown = cut(&String::from_utf8_lossy(name), SHOWN);
            if !FIELDS.iter().any(|known| name == known.as_bytes()) {
                return Err(format!(
                    "{shown}: not a field of a command; {} are",
                    FIELDS.join(", ")
                ));
            }
            if self.fields[..at].iter().any(|(other, _)| other == name) {
                return Err(format!("{shown}: stands twice; once is allowed"));
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Result<&'a str, String> {
        let found = self.fields.iter().find(|(known, _)| known == name.as_bytes());
        let Some((_, value)) = found else {
            return Err(format!("{name}: missing"));
        };
        std::str::from_utf8(value).map_err(|_| format!("{name}: not UTF-8"))
    }

    fn id(&self) -> Result<JobId, String> {
        let allowed = "a job's id, 1 to 64 of A-Z a-z 0-9 . _ -, is";
        let text = self.text("id").map_err(|why| format!("{why}; {allowed}"))?;
        JobId::new(text).map_err(|_| not_allowed("id", text, allowed))
    }

    fn resolution(&self) -> Result<Resolution, String> {
        let allowed = "generation (with generation_id), resubmit and fail are";
        match self.text("as").map_err(|why| format!("{why}; {allowed}"))? {
            "generation" => {
                let text = self.text("generation_id")?;
                let id = GenerationId::new(text).map_err(|error| format!("generation_id: {error}"))?;
                Ok(Resolution::Generation(id))
            }
            "resubmit" => Ok(Resolution::Resubmit),
            "fail" => Ok(Resolution::Fail),
            other => Err(not_allowed("as", other, allowed)),
        }
    }

    fn scope(&self) -> Result<Scope, String> {
        let allowed = "an account's name is, or * for the whole queue";
        match self.text("account").map_err(|why| format!("{why}; {allowed}"))? {
            WHOLE_QUEUE => Ok(Scope::Queue),
            text if is_key(text) => Err(not_allowed("account", text, allowed)),
            text => AccountName::new(text)
                .map(Scope::Account)
                .map_err(|_| not_allowed("account", text, allowed)),
        }
    }
}

fn not_allowed(name: &str, value: &str, allowed: &str) -> String {
    if is_key(value) {
        return format!("{name}: what looks like an API key is not allowed; {allowed}");
    }
    format!("{name}: \"{}\" is not allowed; {allowed}", cut(value, SHOWN))
}

/// Refusals stand in `events` and in logs, where no key may be.
pub(crate) fn is_key(text: &str) -> bool {
    text.to_ascii_lowercase().contains("sk-gamma")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[(&str, &str)]) -> Result<Command, BadCommand> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let fields: Vec<_> = words
            .iter()
            .map(|(name, value)| (bytes(name), bytes(value)))
            .collect();
        Command::read(&fields)
    }

    #[test]
    fn each_command_is_read_back_as_it_was_written() {
        let id = || JobId::new("invoice-42").unwrap();
        let generation = GenerationId::new("abc").unwrap();
        for command in [
            Command::Cancel(id()),
            Command::Retry(id()),
            Command::Resolve(id(), Resolution::Generation(generation)),
            Command::Resolve(id(), Resolution::Resubmit),
            Command::Resolve(id(), Resolution::Fail),
            Command::Repoll(id()),
            Command::Pause(Scope::Account(AccountName::default())),
            Command::Pause(Scope::Queue),
            Command::Resume(Scope::Account(AccountName::default())),
            Command::Resume(Scope::Queue),
        ] {
            let mut fields = command.to_fields();
            assert_eq!(read(&fields), Ok(command.clone()));
            fields.insert(0, ("by", "ops"));
            assert_eq!(read(&fields), Ok(command));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_what_is_allowed() {
        let long = "x".repeat(5_000);
        for (words, said) in [
            (&[][..], "op: missing; cancel, retry"),
            (
                &[("op", "cancle"), ("id", "a")],
                "op: \"cancle\" is not allowed; cancel, retry",
            ),
            (&[("op", "cancel")], "id: missing; a job's id"),
            (
                &[("op", "cancel"), ("id", "a b")],
                "id: \"a b\" is not allowed; a job's id",
            ),
            (&[("op", "cancel"), ("id", &long)], "x…\" is not allowed"),
            (&[("op", "resolve"), ("id", "a")], "as: missing; generation"),
            (
                &[("op", "resolve"), ("id", "a"), ("as", "done")],
                "as: \"done\" is not allowed",
            ),
            (
                &[("op", "resolve"), ("id", "a"), ("as", "generation")],
                "generation_id: missing",
            ),
            (
                &[
                    ("op", "resolve"),
                    ("id", "a"),
                    ("as", "generation"),
                    ("generation_id", "https://x"),
                ],
                "generation_id: \"https://x\" can't be the id",
            ),
            (
                &[("op", "pause")],
                "account: missing; an account's name is, or * for",
            ),
            (
                &[("op", "pause"), ("account", "a b")],
                "account: \"a b\" is not allowed",
            ),
            (
                &[("op", "pause"), ("acount", "a")],
                "acount: not a field of a command",
            ),
            (&[("op", "cancel"), ("id", "a"), ("id", "b")], "id: stands twice"),
        ] {
            let refused = read(words).unwrap_err();
            assert!(
                refused.why.contains(said) && refused.why.len() < 300,
                "{words:?}: {}",
                refused.why
            );
        }
        assert_eq!(
            read(&[("op", "x"), ("id", "a")])
                .unwrap_err()
                .id
                .unwrap()
                .as_str(),
            "a"
        );
    }

    #[test]
    fn who_asks_is_kept_in_one_line() {
        let fields = [(b"by".to_vec(), b" ops@host\n ".to_vec())];
        assert_eq!(asker(&fields).as_deref(), Some("ops@host"));
        assert_eq!(asker(&[(b"by".to_vec(), b" ".to_vec())]), None);
        assert_eq!(asker(&[]), None);
        assert_eq!(name_of("a\tb"), "a\\tb");
        assert!(name_of(&"x".repeat(900)).len() < 140);
    }
}
