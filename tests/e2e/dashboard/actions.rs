//! What is done over HTTP, and what another site can't have done.

use gammaq_tests::dashboard::{Shown, TOKEN};

#[tokio::test]
async fn programs_give_commands_with_the_token() {
    let shown = Shown::start(true).await;
    let stage = &shown.stage;
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let act = async |body: &str| {
        let answer = shown.ask("POST", "/act", &[&bearer], body).await;
        let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        (
            answer.status,
            said["outcome"].as_str().unwrap_or_default().to_owned(),
            answer.body,
        )
    };
    let (status, outcome, said) = act("op=pause&account=default&by=bot").await;
    assert_eq!((status, &*outcome), (200, "done"), "{said}");
    let field = async |name: &str| {
        let text = stage
            .redis
            .cli(&["HGET", &stage.key("account:default"), name])
            .await;
        text.trim().to_owned()
    };
    assert_eq!(
        (&*field("pause_reason").await, &*field("paused_by").await),
        ("operator", "bot@dashboard")
    );
    assert_eq!(act("op=pause&account=default").await.1, "already");
    assert_eq!(act("op=resume&account=default").await.1, "done");
    let (status, _, said) = act("op=cancel&id=nobody").await;
    assert_eq!(status, 404, "{said}");
    for wrong in [
        "op=cancle&id=a",
        "op=cancel",
        "op=cancel&id=%3Cb%3E",
        "",
        "op=pause&account=a+b",
    ] {
        let (status, _, said) = act(wrong).await;
        assert_eq!(status, 400, "{wrong}: {said}");
    }
    stage.submit("deck", "text").await;
    stage.until("deck", "completed").await;
    let (status, outcome, said) = act("op=cancel&id=deck").await;
    assert_eq!((status, &*outcome), (409, "refused"), "{said}");
    // To pay twice, somebody has to say so.
    shown.park("lost").await;
    let (status, _, said) = act("op=resolve&id=lost&as=resubmit").await;
    assert_eq!(status, 400, "{said}");
    assert_eq!(stage.field("lost", "state").await, "ambiguous");
    let (status, _, said) = act("op=resolve&id=lost&as=resubmit&paid_twice=accepted").await;
    assert_eq!(status, 200, "{said}");
    stage.until("lost", "completed").await;
    assert_eq!(stage.field("lost", "last_operation_by").await, "dashboard");
    // More than a form is not read.
    let much = format!("op=cancel&id=deck&by={}", "x".repeat(40_000));
    assert_eq!(shown.ask("POST", "/act", &[&bearer], &much).await.status, 413);
}

#[tokio::test]
async fn what_another_site_sends_does_nothing() {
    let shown = Shown::start(true).await;
    let stage = &shown.stage;
    let (cookie, key) = shown.sign_in("oncall").await;
    let (_, others_key) = shown.sign_in("other").await;
    let here = format!("Origin: http://{}", shown.address);
    let body = |key: &str| format!("op=pause&account=*&form_key={key}&back=/");
    for (headers, body, expected) in [
        // Another site's page, whatever it knows.
        (vec!["Origin: http://evil.example"], body(&key), 403),
        (vec!["Origin: null"], body(&key), 403),
        (vec![], body(&key), 403),
        (vec![&*here, "Sec-Fetch-Site: cross-site"], body(&key), 403),
        (vec!["Sec-Fetch-Site: same-site"], body(&key), 403),
        // A page from here, that isn't this session's.
        (vec![&*here], body(""), 403),
        (vec![&*here], body(&others_key), 403),
        (vec!["Sec-Fetch-Site: same-origin"], body("x"), 403),
    ] {
        let mut with = headers.clone();
        with.push(&cookie);
        let answer = shown.ask("POST", "/act", &with, &body).await;
        assert_eq!(answer.status, expected, "{headers:?}: {answer:?}");
        assert_eq!(stage.number("EXISTS", "paused").await, 0, "{headers:?}");
    }
    // Nobody's cookie: not even on this machine.
    let answer = shown.ask("POST", "/act", &[&here], &body(&key)).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(shown.ask("GET", "/act", &[&cookie], "").await.status, 405);
    // Somebody else's sign-in can't be forced on anybody either.
    let login = format!("token={TOKEN}");
    assert_eq!(
        shown
            .ask("POST", "/sign-in", &["Origin: http://evil.example"], &login)
            .await
            .status,
        403
    );

    let answer = shown.ask("POST", "/act", &[&cookie, &here], &body(&key)).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let by = stage.redis.cli(&["HGET", &stage.key("paused"), "by"]).await;
    assert_eq!(by.trim(), "oncall@dashboard");
    let page = shown.ask("GET", "/", &[&cookie], "").await;
    assert!(
        page.body.contains("class=\"notice good\" role=\"status\""),
        "{}",
        page.body
    );
    let again = shown.ask("GET", "/", &[&cookie], "").await;
    assert!(!again.body.contains("role=\"status\">the"), "it is said once");
}
