//! Named points at which a test build can be made to die.
//!
//! Every await of the submit path stands in [`at`] with a name of its own ([`points::POINTS`]; a test reads the
//! sources). `GAMMAQ_CRASH_AT=<name>` has the process end itself by SIGKILL when it arrives there, `<name>:<n>` at the
//! n-th time; `<name>~` while the await is under way, `<name>+` when it is over.
//!
//! Builds without debug assertions have no crash points, unless the feature `armed` is on: [`at`] gives back the
//! future that it was given, no name is kept and no variable is read.

pub mod points;

/// Whether this build has crash points.
pub const ARMED: bool = cfg!(any(debug_assertions, feature = "armed"));

#[cfg(any(debug_assertions, feature = "armed"))]
mod armed;
#[cfg(any(debug_assertions, feature = "armed"))]
pub use armed::at;

/// The future as it is: this build has no crash points.
#[cfg(not(any(debug_assertions, feature = "armed")))]
#[inline(always)]
pub fn at<F: Future>(_: &'static str, future: F) -> F {
    future
}
