//! Scripts, in a real Lua 5.1 with what Redis puts into it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mlua::{Error, Function, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value};

use super::commands::{self, Caller};
use super::lrand::Lrand;
use super::number;
use super::reply::Reply;
use super::store::Store;

/// What a running script works on.
#[derive(Debug)]
struct Frame {
    store: Store,
    caller: Caller,
    random: Lrand,
}

/// The error that a command raises in a script.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// The scripts that were loaded, and the Lua that runs them.
pub(crate) struct Engine {
    lua: Lua,
    scripts: BTreeMap<String, Function>,
    frame: Arc<Mutex<Frame>>,
    /// Texts to replace in each script that is loaded; it keeps the name of the text that was sent.
    patches: Vec<(String, String)>,
}

fn locked(frame: &Mutex<Frame>) -> MutexGuard<'_, Frame> {
    frame.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    pub(crate) fn new(patches: Vec<(String, String)>) -> mlua::Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        let frame = Arc::new(Mutex::new(Frame {
            store: Store::default(),
            caller: Caller::default(),
            random: Lrand::new(0),
        }));
        let redis = lua.create_table()?;
        for (name, raises) in [("call", true), ("pcall", false)] {
            let frame = Arc::clone(&frame);
            let call = lua.create_function(move |lua, args: MultiValue| call(lua, &frame, args, raises))?;
            redis.set(name, call)?;
        }
        lua.globals().set("redis", redis)?;
        let cjson = lua.create_table()?;
        let encode = |lua: &Lua, text: LuaString| lua.create_string(json(&text.as_bytes()));
        cjson.set("encode", lua.create_function(encode)?)?;
        lua.globals().set("cjson", cjson)?;
        let math: Table = lua.globals().get("math")?;
        let seeded = Arc::clone(&frame);
        let seed = move |_: &Lua, seed: f64| {
            locked(&seeded).random = Lrand::new(seed as i64);
            Ok(())
        };
        math.set("randomseed", lua.create_function(seed)?)?;
        let drawn = Arc::clone(&frame);
        let random = move |_: &Lua, bounds: (Option<f64>, Option<f64>)| {
            let fraction = locked(&drawn).random.fraction();
            Ok(match bounds {
                (None, _) => fraction,
                (Some(most), None) => (fraction * most).floor() + 1.0,
                (Some(least), Some(most)) => (fraction * (most - least + 1.0)).floor() + least,
            })
        };
        math.set("random", lua.create_function(random)?)?;
        Ok(Self {
            lua,
            scripts: BTreeMap::new(),
            frame,
            patches,
        })
    }

    /// Answers the name that the script is called by.
    pub(crate) fn load(&mut self, source: &[u8]) -> Result<String, Reply> {
        let name = sha1_smol::Sha1::from(source).digest().to_string();
        let mut text = String::from_utf8_lossy(source).into_owned();
        for (from, to) in &self.patches {
            text = text.replace(from, to);
        }
        let function = self.lua.load(text).set_name("@user_script").into_function();
        let function = function.map_err(|error| {
            let text = error.to_string().replace(['\r', '\n'], " ");
            Reply::Error(format!("ERR Error compiling script (new function): {text}"))
        })?;
        self.scripts.insert(name.clone(), function);
        Ok(name)
    }

    /// A server that starts anew has none.
    pub(crate) fn forget(&mut self) {
        self.scripts.clear();
    }

    pub(crate) fn run(&self, store: &mut Store, full: bool, args: &[Vec<u8>]) -> Reply {
        let name = args
            .first()
            .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
        let name = name.unwrap_or_default();
        let Some(script) = self.scripts.get(&name) else {
            return Reply::error("NOSCRIPT No matching script. Please use EVAL.");
        };
        let keys = args.get(1).and_then(|count| number::integer(count).ok());
        let Some(keys) = keys.and_then(|count| args.get(2..2 + usize::try_from(count).ok()?)) else {
            return Reply::not_an_integer();
        };
        {
            let mut frame = locked(&self.frame);
            frame.store = std::mem::take(store);
            frame.random = Lrand::new(0);
            frame.caller = Caller { full, dirty: false };
        }
        let answer = self.invoke(script, keys, &args[2 + keys.len()..]);
        *store = std::mem::take(&mut locked(&self.frame).store);
        match answer {
            Ok(value) => reply(&value),
            Err(error) => {
                let text = raised(&error).unwrap_or_else(|| format!("ERR {error}"));
                let text = text.replace(['\r', '\n'], " ");
                Reply::Error(format!("{text} script: {name}, on @user_script:0."))
            }
        }
    }

    fn invoke(&self, script: &Function, keys: &[Vec<u8>], args: &[Vec<u8>]) -> mlua::Result<Value> {
        let list = |texts: &[Vec<u8>]| {
            let table = self.lua.create_table_with_capacity(texts.len(), 0)?;
            for text in texts {
                table.raw_push(self.lua.create_string(text)?)?;
            }
            Ok::<_, Error>(table)
        };
        let globals = self.lua.globals();
        globals.raw_set("KEYS", list(keys)?)?;
        globals.raw_set("ARGV", list(args)?)?;
        script.call(())
    }
}

/// What a command said when it raised an error, however deep it is wrapped.
fn raised(error: &Error) -> Option<String> {
    match error {
        Error::CallbackError { cause, .. } => raised(cause),
        Error::ExternalError(error) => Some(error.downcast_ref::<Raised>()?.0.clone()),
        _ => None,
    }
}

fn call(lua: &Lua, frame: &Mutex<Frame>, args: MultiValue, raises: bool) -> mlua::Result<Value> {
    let mut texts = Vec::with_capacity(args.len());
    for value in args {
        match text(&value) {
            Some(text) => texts.push(text),
            None => {
                let text = "ERR Lua redis lib command arguments must be strings or integers";
                return Err(Error::external(Raised(text.to_owned())));
            }
        }
    }
    let answer = {
        let frame = &mut *locked(frame);
        commands::within_script(&mut frame.store, &mut frame.caller, &texts)
    };
    match answer {
        Reply::Error(text) if raises => Err(Error::external(Raised(text))),
        answer => value(lua, answer),
    }
}

/// An argument of a command, as Redis writes it.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) => Some(number.to_string().into_bytes()),
        Value::Number(number) => Some(number::general(*number, 17).into_bytes()),
        _ => None,
    }
}

fn value(lua: &Lua, reply: Reply) -> mlua::Result<Value> {
    let word = |name: &str, text: String| {
        let table = lua.create_table()?;
        table.raw_set(name, text)?;
        Ok(Value::Table(table))
    };
    match reply {
        Reply::Status(text) => word("ok", text),
        Reply::Error(text) => word("err", text),
        Reply::Int(number) => Ok(Value::Number(number as f64)),
        Reply::Bulk(bytes) => Ok(Value::String(lua.create_string(bytes)?)),
        Reply::Nil | Reply::NilList => Ok(Value::Boolean(false)),
        Reply::List(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for item in items {
                table.raw_push(value(lua, item)?)?;
            }
            Ok(Value::Table(table))
        }
    }
}

/// What a script returned, as its caller gets it.
fn reply(value: &Value) -> Reply {
    match value {
        Value::String(text) => Reply::Bulk(text.as_bytes().to_vec()),
        Value::Integer(number) => Reply::Int(*number),
        Value::Number(number) => Reply::Int(*number as i64),
        Value::Boolean(true) => Reply::Int(1),
        Value::Table(table) => {
            let word = |name: &str| table.raw_get::<Option<String>>(name).ok().flatten();
            if let Some(text) = word("err") {
                return Reply::Error(text);
            }
            if let Some(text) = word("ok") {
                return Reply::Status(text);
            }
            let items = table.sequence_values::<Value>().map_while(Result::ok);
            Reply::List(items.map(|item| reply(&item)).collect())
        }
        _ => Reply::Nil,
    }
}

/// A text as `cjson.encode` writes it.
fn json(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in text {
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            b'/' => out.extend(b"\\/"),
            8 => out.extend(b"\\b"),
            9 => out.extend(b"\\t"),
            10 => out.extend(b"\\n"),
            12 => out.extend(b"\\f"),
            13 => out.extend(b"\\r"),
            0..=31 | 127 => out.extend(format!("\\u{byte:04x}").bytes()),
            other => out.push(*other),
        }
    }
    out.push(b'"');
    out
}
