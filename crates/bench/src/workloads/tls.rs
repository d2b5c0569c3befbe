//! `lifecycle`'s generations in flight, asked about as Gamma is asked: with TLS, all polls over one connection of HTTP/2.

use super::lifecycle::{Gamma, in_flight};
use crate::Options;
use crate::figures::Case;

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    in_flight(options, "tls", Gamma::Tls).await
}
