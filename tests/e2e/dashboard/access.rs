//! Who is let in, and by what.

use gammaq_tests::dashboard::{Answer, Shown, TOKEN};

const PAGES: [&str; 7] = [
    "/",
    "/accounts",
    "/accounts/default",
    "/jobs",
    "/jobs/deck",
    "/parked",
    "/search?q=deck",
];
/// What a proxy says of somebody who is elsewhere.
const ELSEWHERE: &str = "X-Forwarded-For: 192.0.2.7";

async fn with_a_job(with_token: bool) -> Shown {
    let shown = Shown::start(with_token).await;
    shown.stage.submit("deck", "text").await;
    shown.stage.until("deck", "completed").await;
    shown
}

/// Every answer has them, whatever it is.
fn assert_headers(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "script-src 'self'",
    ] {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn without_a_token_it_is_for_looking_and_for_this_machine() {
    let shown = with_a_job(false).await;
    for path in PAGES {
        let page = shown.page(path).await;
        assert!(matches!(page.status, 200 | 303), "{path}: {page:?}");
        assert!(
            !page.body.contains("/act") && !page.body.contains("Sign in"),
            "{path}: {}",
            page.body
        );
        assert_headers(&page);
        let refused = shown.ask("GET", path, &[ELSEWHERE], "").await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(
            refused.body.contains("admin.token_file") && !refused.body.contains("deck"),
            "{refused:?}"
        );
        assert_headers(&refused);
    }
    let origin = format!("Origin: http://{}", shown.address);
    for path in ["/act", "/sign-in", "/sign-out", "/"] {
        let refused = shown
            .ask(
                "POST",
                path,
                &[&origin, "Authorization: Bearer x"],
                "op=pause&account=*",
            )
            .await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.body.contains("admin.token_file"), "{refused:?}");
    }
    assert_eq!(shown.stage.number("EXISTS", "paused").await, 0);
    // Health and metrics are for probes, wherever they are and whatever they call it.
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = shown.ask("GET", path, &[ELSEWHERE, "Host: worker"], "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn with_a_token_others_sign_in_or_bring_it() {
    let shown = with_a_job(true).await;
    let (cookie, _) = shown.sign_in("oncall").await;
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for path in PAGES {
        // (headers, let in, with buttons where the page has some)
        for (headers, let_in, acts) in [
            (&[][..], true, false),
            (&[&*cookie][..], true, true),
            (&[ELSEWHERE], false, false),
            (&[ELSEWHERE, &cookie], true, true),
            (&[ELSEWHERE, &bearer], true, true),
            (&[ELSEWHERE, "Cookie: gammaq-session-1=x"], false, false),
        ] {
            let page = shown.ask("GET", path, headers, "").await;
            assert_headers(&page);
            if let_in {
                assert!(matches!(page.status, 200 | 303), "{path} {headers:?}: {page:?}");
                let has = page.body.contains("action=\"/act\"");
                let wants = acts && matches!(path, "/" | "/accounts/default");
                assert_eq!(has, wants, "{path} {headers:?}");
            } else {
                assert_eq!(page.status, 401, "{path} {headers:?}");
                assert!(
                    page.body.contains("name=\"token\"") && !page.body.contains("default</a>"),
                    "{page:?}"
                );
            }
            assert!(!page.body.contains(TOKEN), "{path}");
        }
    }
    // The way on after signing in stays here.
    let origin = format!("Origin: http://{}", shown.address);
    for (next, expected) in [
        ("/jobs?state=failed", "/jobs?state=failed"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
    ] {
        let body = format!(
            "token={TOKEN}&next={}",
            next.replace('?', "%3F").replace('=', "%3D")
        );
        let answer = shown.ask("POST", "/sign-in", &[&origin], &body).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(expected)));
        let set = answer.header("set-cookie").unwrap_or_default();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(set.contains(part) && !set.contains(TOKEN), "{set}");
        }
    }
    // Signed out, its cookie is nobody's.
    let (cookie, key) = shown.sign_in("").await;
    let refused = shown
        .ask("POST", "/sign-out", &[&cookie, &origin], "form_key=x")
        .await;
    assert_eq!(refused.status, 403);
    let out = shown
        .ask(
            "POST",
            "/sign-out",
            &[&cookie, &origin],
            &format!("form_key={key}"),
        )
        .await;
    assert_eq!(out.status, 303);
    assert_eq!(shown.ask("GET", "/", &[ELSEWHERE, &cookie], "").await.status, 401);
    shown.stage.assert_silent(&[&shown.worker], &[TOKEN]);
}

#[tokio::test]
async fn names_of_other_sites_lead_nowhere() {
    let shown = with_a_job(true).await;
    let port = shown.address.rsplit(':').next().unwrap();
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"] {
        let host = format!("Host: {host}:{port}");
        for path in ["/", "/jobs", "/sign-in", "/assets/dashboard.js"] {
            let refused = shown.ask("GET", path, &[&host, &bearer], "").await;
            assert_eq!(refused.status, 421, "{host} {path}");
            assert_headers(&refused);
        }
        assert_eq!(shown.ask("GET", "/metrics", &[&host], "").await.status, 200);
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("Host: {host}:{port}");
        assert_eq!(shown.ask("GET", "/", &[&host], "").await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down_and_told_of() {
    let shown = Shown::start(true).await;
    let origin = format!("Origin: http://{}", shown.address);
    let began = std::time::Instant::now();
    for n in 0..5 {
        let (path, headers, body) = match n % 2 {
            0 => ("/sign-in", vec![&*origin], "token=guess-number-one"),
            _ => ("/", vec!["Authorization: Bearer guess-number-one"], ""),
        };
        let method = if body.is_empty() { "GET" } else { "POST" };
        let answer = shown.ask(method, path, &headers, body).await;
        assert_eq!(answer.status, 401, "{n}: {answer:?}");
    }
    assert!(began.elapsed().as_millis() >= 5 * 700, "{:?}", began.elapsed());
    // From here on not even the right one.
    let right = format!("token={TOKEN}");
    let answer = shown.ask("POST", "/sign-in", &[&origin], &right).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.header("retry-after").is_some() && answer.header("set-cookie").is_none());
    let bearer = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(shown.ask("GET", "/", &[&bearer], "").await.status, 429);
    let lines = shown.worker.lines();
    let told = lines
        .iter()
        .filter(|line| line.contains("a wrong token was given"));
    assert_eq!(told.count(), 5);
    shown
        .stage
        .assert_silent(&[&shown.worker], &[TOKEN, "guess-number-one"]);
}
