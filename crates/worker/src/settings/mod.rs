//! The settings: what an operator may set, as it is written and then as it is checked.
//!
//! They come in layers, each above the one before: the defaults, one TOML file, the short environment variables
//! (`REDIS_URL`, `GAMMA_API_KEY`), the long ones (`GAMMAQ__SECTION__KEY`), and flags. `keys.rs` is the one place that
//! knows a default and what a setting allows; the commented file, the reference and the checks are held to it.
//!
//! [`Settings::load_for_worker`] and [`Settings::load_for_client`] either give settings that hold as they are, or every
//! problem there is, each with its key, its value, where that came from and what is allowed. Nothing here shows an API
//! key or a password.

mod accounts;
mod addresses;
mod callbacks;
mod directory;
mod forms;
mod keys;
mod layers;
mod load;
mod problems;
mod quantities;
mod reader;
mod reference;
mod schema;
mod secrets;
mod sections;
mod shown;
mod source;
#[cfg(test)]
mod tests;

pub use addresses::{HostPattern, RedisUrl};
pub(crate) use directory::{Directory, Found, read_directory};
pub use load::DEFAULT_FILE;
pub use problems::{Problem, Problems};
pub use reference::reference;
pub use sections::{
    AccountSettings, AdminSettings, CallbackSettings, Durability, ExportSettings, GammaSettings, LogFormat,
    LogSettings, OnAmbiguous, PollSettings, RedisMode, RedisSettings, ResultSettings, Settings,
    SubmitSettings, WorkerSettings,
};
pub use source::{Overrides, Source};

pub use crate::callbacks::SigningKeys;
