//! Settings, and the one fault that checked settings can't produce.

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use tokio::time::Instant;

use self::backlog::FullBacklog;
use super::*;
use crate::{Engine, Submitted};

#[path = "../../tests/wire/backlog.rs"]
mod backlog;

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let with = |change: fn(&mut ClientSettings)| {
        let mut settings = ClientSettings::default();
        change(&mut settings);
        Client::new(&settings).map(drop)
    };
    assert!(with(|_| ()).is_ok());
    assert!(matches!(
        with(|s| s.connect_timeout = s.request_timeout),
        Err(BuildError::Timeouts { .. })
    ));
    assert!(matches!(
        with(|s| s.connect_timeout = Duration::ZERO),
        Err(BuildError::Timeouts { .. })
    ));
    assert!(matches!(with(|s| s.max_body = 0), Err(BuildError::MaxBody)));
    assert!(matches!(
        with(|s| s.user_agent = "a\nb".to_owned()),
        Err(BuildError::UserAgent)
    ));
}

/// The HTTP stack doesn't call this one a failed connect: only the gate shows that nothing left.
#[tokio::test]
async fn a_connect_that_outlives_the_total_timeout_is_not_sent() {
    let port = FullBacklog::start().await;
    let client = Client::build(&ClientSettings {
        connect_timeout: Duration::from_secs(60),
        request_timeout: Duration::from_millis(300),
        ..ClientSettings::default()
    })
    .unwrap();
    let base = format!("http://{}", port.address).parse().unwrap();
    let target = Target::new(&base, &SecretString::from("sk-gamma-1")).unwrap();
    let not_after = Instant::now() + Duration::from_secs(60);
    let answer = client
        .submit(&target, Engine::Classic, Bytes::from_static(b"{}"), not_after)
        .await;
    assert!(matches!(answer.outcome, Submitted::NotSent { .. }), "{answer:?}");
}
