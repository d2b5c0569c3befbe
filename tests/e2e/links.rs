//! Where Redis runs: behind sentinels, in a cluster, behind TLS; and what a failover may not forget.

mod cluster;
mod durability;
mod sentinel;
mod tls;
