//! What a worker does beside the jobs in its hands, one file a role.

pub(crate) mod accounts;
pub(crate) mod budgets;
pub(crate) mod callbacks;
pub(crate) mod control;
pub(crate) mod heartbeat;
pub(crate) mod intake;
pub(crate) mod reminder;
pub(crate) mod renewer;
pub(crate) mod service_manager;
pub(crate) mod sweeper;
