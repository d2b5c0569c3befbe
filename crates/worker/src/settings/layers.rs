//! The layers: what is written in the file, the environment and the flags. Each key is looked up before the layers are
//! merged, so a key that nobody knows is found even where a higher layer would cover it.

use std::path::{Path, PathBuf};

use config::{ConfigError, FileFormat, Map, Source as _, Value, ValueKind};

use super::problems::Problem;
use super::schema::{Found, Meanwhile, NotYet, Setting, find, is_section, meant_by};
use super::shown::{shown, shown_text};
use super::source::{GAMMA_API_KEY, Override, REDIS_URL, Source};

const PREFIX: &str = "GAMMAQ__";

/// Something written, wherever it was.
struct Entry {
    /// `[key]`, `[section, key]` or `[accounts, name, key]`.
    path: Vec<String>,
    value: ValueKind,
    origin: String,
}

/// What the layers say and what is wrong with them.
pub(super) struct Layers<'a> {
    not_yet: &'a [NotYet],
    layers: Vec<Layer>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    /// The file that was read.
    pub(super) file: Option<PathBuf>,
}

impl<'a> Layers<'a> {
    /// Reads every layer of `source`; `default_file` is the file that need not exist.
    pub(super) fn read(source: &Source, default_file: &Path, not_yet: &'a [NotYet]) -> Self {
        let mut layers = Self {
            not_yet,
            layers: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            file: None,
        };
        layers.file(source.config_file.as_deref(), default_file);
        layers.environment(&source.environment);
        layers.flags(source.overrides.iter());
        layers
    }

    /// All layers on top of each other, as one table.
    pub(super) fn merged(&mut self) -> Value {
        let mut builder = config::Config::builder();
        for layer in self.layers.drain(..) {
            builder = builder.add_source(layer);
        }
        match builder.build() {
            Ok(merged) => merged.cache,
            Err(_) => {
                self.problems
                    .push(Problem::new("settings", "the layers can't be merged"));
                Value::new(None, Map::<String, Value>::new())
            }
        }
    }

    fn file(&mut self, named: Option<&Path>, default_file: &Path) {
        let path = named.unwrap_or(default_file);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                let problem = Problem::new("--config", format!("this file can't be read: {error}"));
                self.problems
                    .push(problem.with_value(shown_text(&path.to_string_lossy())));
                return;
            }
        };
        let origin = path.display().to_string();
        self.file = Some(path.to_owned());
        match config::File::from_str(&text, FileFormat::Toml).collect() {
            Ok(table) => {
                let mut layer = Layer::default();
                for entry in entries_of(table, &origin, &mut layer) {
                    self.admit(&mut layer, entry, false);
                }
                self.layers.push(layer);
            }
            Err(error) => self
                .problems
                .push(Problem::new("--config", syntax_error(&error)).found_in(Some(&origin))),
        }
    }

    fn environment(&mut self, variables: &[(String, String)]) {
        let mut variables: Vec<_> = variables.iter().filter(|(_, value)| !value.is_empty()).collect();
        variables.sort();
        let (mut short, mut long) = (Layer::default(), Layer::default());
        for (name, value) in variables {
            let (layer, path) = match name.as_str() {
                REDIS_URL => (&mut short, vec!["redis".to_owned(), "url".to_owned()]),
                GAMMA_API_KEY => (
                    &mut short,
                    ["accounts", "default", "api_key"].map(str::to_owned).to_vec(),
                ),
                name => match name.strip_prefix(PREFIX) {
                    Some(key) => (&mut long, path_of_variable(key)),
                    None => {
                        self.warn_of_near_miss(name);
                        continue;
                    }
                },
            };
            let origin = format!("environment variable {name}");
            self.admit(
                layer,
                Entry {
                    path,
                    value: ValueKind::from(value.as_str()),
                    origin,
                },
                true,
            );
        }
        self.layers.extend([short, long]);
    }

    /// `GAMMAQ_REDIS_URL` is no variable of ours, and not an error either: Kubernetes makes up such names for services.
    fn warn_of_near_miss(&mut self, name: &str) {
        let meant = name.strip_prefix("GAMMAQ_").and_then(meant_by);
        if let Some(meant) = meant {
            let meant = meant.replace('.', "__").to_uppercase();
            self.warnings
                .push(format!("{name} sets nothing; did you mean {PREFIX}{meant}?"));
        }
    }

    fn flags<'b>(&mut self, overrides: impl Iterator<Item = &'b Override>) {
        let mut layer = Layer::default();
        for Override { flag, key, value } in overrides {
            match value {
                Some(value) => {
                    let entry = Entry {
                        path: path_of_flag(key),
                        value: ValueKind::from(value.as_str()),
                        origin: flag.clone(),
                    };
                    self.admit(&mut layer, entry, true);
                }
                None => {
                    // What isn't a key may be anything, so it is not repeated.
                    let key = if let Found::Setting(_) = find(&path_of_flag(key)) {
                        key
                    } else {
                        "it"
                    };
                    let what = format!("{key} has no value; wanted: key=value, as in poll.interval=10s");
                    self.problems.push(Problem::new(flag, what));
                }
            }
        }
        self.layers.push(layer);
    }

    /// Puts an entry into its layer if its key is known and this version can honour it.
    fn admit(&mut self, layer: &mut Layer, mut entry: Entry, is_text: bool) {
        let problem = match find(&entry.path) {
            Found::Setting(setting) => {
                if let (true, ValueKind::String(text)) = (is_text, &entry.value) {
                    entry.value = setting.typed(text);
                }
                match self.refused(setting, &entry) {
                    None => return layer.insert(entry),
                    Some(what) => Problem::new(entry.path.join("."), what)
                        .with_value(shown(&entry.value, setting.is_secret())),
                }
            }
            // Their values are not shown: they may be an API key in the wrong place.
            Found::Section => {
                Problem::new(entry.path.join("."), "a section with keys is wanted, not a value")
            }
            Found::Nothing(Some(meant)) => Problem::new(
                entry.path.join("."),
                format!("unknown key; did you mean {meant}?"),
            ),
            Found::Nothing(None) => {
                let hint = match (&entry.value, entry.path.as_slice()) {
                    (ValueKind::Table(_), [section, name, key]) if section == "accounts" => {
                        format!("; a name with a dot goes in quotes: [accounts.\"{name}.{key}\"]")
                    }
                    _ => String::new(),
                };
                Problem::new(entry.path.join("."), format!("unknown key{hint}"))
            }
        };
        self.problems.push(problem.found_in(Some(&entry.origin)));
    }

    /// Why a value can't even go into its layer: this version can't honour it, or it would merge with what is below.
    fn refused(&mut self, setting: &dyn Setting, entry: &Entry) -> Option<String> {
        let not_yet = self.not_yet.iter().find(|not_yet| not_yet.path == setting.path());
        match (not_yet.map(|not_yet| not_yet.meanwhile), &entry.value) {
            (Some(Meanwhile::Refused), _) => Some("not built yet in this version; leave it out".to_owned()),
            (_, ValueKind::Table(_)) => Some(format!("not a value; allowed: {}", setting.allowed())),
            (Some(Meanwhile::Idle), _) => {
                let (path, origin) = (setting.path(), &entry.origin);
                self.warnings
                    .push(format!("{path} ({origin}) has no effect in this version"));
                None
            }
            (None, _) => None,
        }
    }
}

/// The entries of a file. Accounts without any key are remembered in `layer`, since they have to be complained about.
fn entries_of(table: Map<String, Value>, origin: &str, layer: &mut Layer) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut push = |path: &[&str], value: Value| {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        entries.push(Entry {
            path,
            value: value.kind,
            origin: origin.to_owned(),
        });
    };
    for (section, value) in sorted(table) {
        match value.kind {
            ValueKind::Table(keys) if section == "accounts" => {
                for (name, value) in sorted(keys) {
                    match value.kind {
                        ValueKind::Table(keys) => {
                            layer.account(&name);
                            sorted(keys)
                                .into_iter()
                                .for_each(|(key, value)| push(&[&section, &name, &key], value));
                        }
                        kind => push(&[&section, &name], Value::new(None, kind)),
                    }
                }
            }
            ValueKind::Table(keys) if is_section(&section) => {
                sorted(keys)
                    .into_iter()
                    .for_each(|(key, value)| push(&[&section, &key], value));
            }
            kind => push(&[&section], Value::new(None, kind)),
        }
    }
    entries
}

fn sorted(table: Map<String, Value>) -> Vec<(String, Value)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

/// `ACCOUNTS__TEAM_A__API_KEY` without its prefix: the name is all that stands between the first `__` and the last.
fn path_of_variable(key: &str) -> Vec<String> {
    path_of(&key.to_lowercase(), "__")
}

/// `accounts.team.a.api_key`: an account's name may have dots.
fn path_of_flag(key: &str) -> Vec<String> {
    path_of(key, ".")
}

fn path_of(key: &str, separator: &str) -> Vec<String> {
    let parts = match key.split_once(separator) {
        Some(("accounts", rest)) => match rest.rsplit_once(separator) {
            Some((name, key)) => vec!["accounts", name, key],
            None => vec!["accounts", rest],
        },
        Some((section, key)) => vec![section, key],
        None => vec![key],
    };
    parts.into_iter().map(str::to_owned).collect()
}

/// Where TOML breaks off. The parser's own report has the whole line, which may hold a key, so it is left out.
fn syntax_error(error: &ConfigError) -> String {
    let ConfigError::FileParse { cause, .. } = error else {
        return "not TOML".to_owned();
    };
    let report = cause.to_string();
    let mut lines = report.lines();
    match lines
        .next()
        .and_then(|first| first.strip_prefix("TOML parse error at "))
    {
        Some(place) => match lines.last() {
            Some(what) => format!("not TOML at {place}: {what}"),
            None => format!("not TOML at {place}"),
        },
        None => "not TOML: a value is out of range".to_owned(),
    }
}

/// The known settings of one layer, as a tree.
#[derive(Clone, Default)]
struct Layer(Map<String, Value>);

impl Layer {
    fn insert(&mut self, entry: Entry) {
        let value = Value::new(Some(&entry.origin), entry.value);
        match entry.path.as_slice() {
            [key] => _ = self.0.insert(key.clone(), value),
            [section, key] => _ = table_in(&mut self.0, section).map(|keys| keys.insert(key.clone(), value)),
            [_, name, key] => {
                let Some(keys) = self.account(name) else { return };
                // A layer that names one of the two takes the other away from the layers below.
                let other = match key.as_str() {
                    "api_key" => Some("api_key_file"),
                    "api_key_file" => Some("api_key"),
                    _ => None,
                };
                keys.insert(key.clone(), value);
                if let Some(other) = other {
                    keys.entry(other.to_owned())
                        .or_insert_with(|| Value::new(None, ValueKind::Nil));
                }
            }
            _ => {}
        }
    }

    fn account(&mut self, name: &str) -> Option<&mut Map<String, Value>> {
        table_in(table_in(&mut self.0, "accounts")?, name)
    }
}

fn table_in<'a>(table: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let inner = table
        .entry(key.to_owned())
        .or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
    match &mut inner.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Layer").field(&self.0.keys()).finish()
    }
}

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}
