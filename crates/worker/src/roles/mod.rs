//! What a worker does beside the jobs in its hands, one file a role.

pub(crate) mod heartbeat;
pub(crate) mod intake;
pub(crate) mod renewer;
pub(crate) mod sweeper;
