//! People at the dashboard, in a real browser: with the mouse, with the keyboard alone, on a phone, in the dark, without
//! scripts.

use std::time::Duration;

use gammaq_testkit::eventually;
use gammaq_tests::PATIENCE;
use gammaq_tests::browser::{Browser, Tab};
use gammaq_tests::dashboard::{Shown, TOKEN};

const PAGES: [&str; 8] = [
    "/",
    "/accounts",
    "/accounts/default",
    "/jobs",
    "/jobs/lost-1",
    "/jobs/deck",
    "/parked",
    "/search?q=nothing-here",
];

/// The texts with too little contrast to what is behind them, by the rule of WCAG AA.
const FAINT: &str = "(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (it) => {
    for (; it; it = it.parentElement) {
      const color = parse(getComputedStyle(it).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return null;
  };
  const faint = [];
  for (const it of document.querySelectorAll('body *')) {
    const own = [...it.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !it.checkVisibility() || it.closest('svg, script')) continue;
    const [a, b] = [light(parse(getComputedStyle(it).color)), light(behind(it))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(it.tagName + '.' + it.className + ' ' + ratio.toFixed(2) + ' ' + it.textContent.slice(0, 40));
  }
  return faint;
})()";

/// Fields without a name, and what is wider than the window.
const AWKWARD: &str = "(() => {
  const odd = [];
  for (const it of document.querySelectorAll('input:not([type=hidden]), select'))
    if (!it.labels?.length) odd.push('no label: ' + it.name);
  if (document.querySelectorAll('h1').length !== 1) odd.push('headings');
  const wide = document.documentElement;
  if (wide.scrollWidth > wide.clientWidth)
    for (const it of document.querySelectorAll('body *'))
      if (it.getBoundingClientRect().right > wide.clientWidth + 1) odd.push('too wide: ' + it.tagName + '.' + it.className);
  return odd;
})()";

async fn scene() -> Shown {
    let shown = Shown::start(true).await;
    for id in ["lost-1", "lost-2", "lost-3"] {
        shown.stage.submit(id, "text [[fake:post=lost_after*1]]").await;
    }
    shown.stage.submit("deck", "text").await;
    shown
        .stage
        .submit(
            "a-very-long-name-that-goes-on-and-on-until-there-is-no-more-room",
            "text [[fake:poll=failed]]",
        )
        .await;
    shown.stage.until_count("ambiguous", 3).await;
    shown.stage.until_count("completed", 1).await;
    shown.stage.until_count("failed", 1).await;
    shown
}

async fn sign_in(shown: &Shown, tab: &Tab) {
    tab.open(&shown.url("/sign-in?next=/parked")).await;
    tab.click("#token").await;
    tab.write(TOKEN).await;
    tab.click("#name").await;
    tab.write("oncall").await;
    tab.follow("main button").await;
    assert_eq!(tab.path().await, "/parked");
}

fn assert_content(tab: &Tab) {
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn every_page_fits_and_is_read_in_light_and_dark() {
    let shown = scene().await;
    let browser = Browser::start().await;
    let tab = browser.tab().await;
    for signed_in in [false, true] {
        if signed_in {
            sign_in(&shown, &tab).await;
        }
        for path in PAGES.iter().chain(&["/sign-in"]) {
            tab.open(&shown.url(path)).await;
            for scheme in ["light", "dark"] {
                tab.prefer(scheme).await;
                for width in [360, 1_100] {
                    tab.size(width, 780).await;
                    let seen = (tab.eval(FAINT).await, tab.eval(AWKWARD).await);
                    let none = serde_json::json!([]);
                    assert_eq!(seen, (none.clone(), none), "{path} {scheme} {width}");
                }
            }
            let ground = "getComputedStyle(document.documentElement).backgroundColor";
            assert_eq!(tab.eval(ground).await, "rgb(13, 17, 23)", "it is dark");
        }
    }
    // The page of a job that isn't there is a 404, which a browser logs; nothing else is complained of.
    let others: Vec<_> = tab
        .complaints()
        .into_iter()
        .filter(|it| !it.contains("404"))
        .collect();
    assert_eq!(others, Vec::<String>::new());
    browser.end().await;
}

#[tokio::test]
async fn numbers_live_and_each_button_does_what_it_says() {
    let shown = scene().await;
    let stage = &shown.stage;
    let browser = Browser::start().await;
    let tab = browser.tab().await;
    sign_in(&shown, &tab).await;

    // Live numbers: nothing is loaded, and the focus stays where it is.
    tab.open(&shown.url("/")).await;
    tab.eval("document.querySelector('main a[href=\"/accounts/default\"]').focus(); window.stayed = 1")
        .await;
    let completed = "Number(document.querySelector('[data-number=completed] .count').textContent)";
    assert_eq!(tab.eval(completed).await, 1);
    stage.submit("more", "text").await;
    stage.until("more", "completed").await;
    tab.until(&format!("{completed} === 2 && window.stayed === 1"))
        .await;
    assert_eq!(
        tab.eval("document.activeElement.getAttribute('href')").await,
        "/accounts/default"
    );
    tab.until_says("Live: the numbers").await;

    // The whole queue, and one account.
    tab.follow("#actions button").await;
    tab.until_says("oncall@dashboard paused the queue").await;
    assert_eq!(stage.number("EXISTS", "paused").await, 1);
    tab.follow("#actions button").await;
    assert_eq!(stage.number("EXISTS", "paused").await, 0);
    tab.open(&shown.url("/accounts/default")).await;
    tab.follow("#actions button").await;
    tab.until_says("operator, by oncall@dashboard").await;
    stage.submit("waits", "text").await;
    stage.until("waits", "queued").await;
    tab.open(&shown.url("/jobs/waits")).await;
    tab.until_says("1 of 1 in line").await;
    tab.follow("#actions button").await;
    tab.until_says("cancelled").await;
    stage.until("waits", "cancelled").await;
    tab.open(&shown.url("/accounts/default")).await;
    tab.follow("#actions button").await;
    tab.open(&shown.url("/jobs/waits")).await;
    tab.follow("#actions button").await;
    stage.until("waits", "completed").await;
    assert_eq!(
        stage.field("waits", "last_operation_by").await,
        "oncall@dashboard"
    );
    // Its page learns of it by itself.
    tab.until("document.querySelector('#state .state')?.textContent === 'completed'")
        .await;

    // The three ways out.
    let made = stage.ledger().await;
    let generation = |id: &str| {
        let made = made.generations.iter().find(|it| it.title.as_deref() == Some(id));
        made.unwrap().generation_id.clone()
    };
    tab.open(&shown.url("/parked")).await;
    tab.click("#generation-lost-1").await;
    tab.write(&generation("lost-1")).await;
    // What somebody is writing is left alone, though the list changes under it.
    shown.park("lost-4").await;
    tab.until_says("Live: the numbers").await;
    let asked =
        "performance.getEntriesByType('resource').filter((it) => it.initiatorType === 'fetch').length";
    let before = tab.eval(asked).await.as_u64().unwrap();
    tab.until(&format!("{asked} > {}", before + 1)).await;
    let written = tab
        .eval("document.querySelector('#generation-lost-1').value")
        .await;
    assert_eq!(written, generation("lost-1").as_str());
    tab.follow("form:has(#generation-lost-1) button").await;
    stage.until("lost-1", "completed").await;
    // A second payment wants its box ticked: the browser itself holds it back.
    tab.click("form:has(#twice-lost-2) button").await;
    tab.until("document.activeElement?.id === 'twice-lost-2'").await;
    assert_eq!(stage.field("lost-2", "state").await, "ambiguous");
    tab.click("#twice-lost-2").await;
    tab.follow("form:has(#twice-lost-2) button").await;
    stage.until("lost-2", "completed").await;
    tab.follow("form:has([value=lost-3]):has([value=fail]) button")
        .await;
    stage.until("lost-3", "failed").await;
    assert_eq!(stage.result("lost-3").await["error"]["kind"], "gave_up");
    tab.open(&shown.url("/jobs/lost-3")).await;
    tab.until_says("by oncall@dashboard").await;
    let posts = stage.ledger().await.posts.len();
    tab.follow("#actions button").await;
    stage.until("lost-3", "completed").await;
    assert_eq!(stage.ledger().await.posts.len(), posts + 1, "it was asked for");

    // Looked at again, after its time was over.
    stage
        .xadd(&[
            ("id", "late"),
            ("timeout", "1"),
            ("request", r#"{"inputText":"x [[fake:time=8s]]","title":"late"}"#),
        ])
        .await;
    stage.until("late", "timed_out").await;
    tab.open(&shown.url("/jobs/late")).await;
    tab.until_says("Look again").await;
    tab.follow("#actions button").await;
    eventually(PATIENCE, "it is looked at again", || async {
        let (state, by) = (
            stage.field("late", "state").await,
            stage.field("late", "last_operation_by").await,
        );
        if by == "oncall@dashboard" && ["generating", "timed_out", "completed"].contains(&&*state) {
            Ok(())
        } else {
            Err((state, by))
        }
    })
    .await;
    assert_content(&tab);

    // Redis goes and comes back: the page says so, and needs nobody.
    tab.open(&shown.url("/")).await;
    stage.redis.pause().await;
    tab.until_says("No numbers came").await;
    let lost = browser.tab().await;
    lost.open(&shown.url("/jobs")).await;
    lost.until_says("Redis does not answer").await;
    stage.redis.resume();
    lost.until("document.querySelector('h1')?.textContent === 'Jobs'")
        .await;
    // A page that nobody sees asks for nothing; one that is seen again does at once.
    tab.front().await;
    tab.until_says("Live: the numbers").await;
    browser.end().await;
}

#[tokio::test]
async fn the_keyboard_alone_gets_a_parked_job_out() {
    let shown = scene().await;
    let stage = &shown.stage;
    let browser = Browser::start().await;
    let tab = browser.tab().await;
    tab.open(&shown.url("/")).await;
    // The first stop leads past what every page has.
    tab.press("Tab").await;
    assert_eq!(
        tab.eval("document.activeElement.textContent").await,
        "Skip to content"
    );
    tab.press("Enter").await;
    tab.until("document.activeElement?.id === 'main'").await;
    tab.open(&shown.url("/")).await;
    tab.tab_to(".sign-in").await;
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(tab.eval(outline).await, "solid", "where it is can be seen");
    tab.press("Enter").await;
    tab.until("location.pathname === '/sign-in' && document.readyState === 'complete'")
        .await;
    tab.tab_to("#token").await;
    tab.write(TOKEN).await;
    tab.press("Enter").await;
    tab.until("location.pathname === '/' && document.readyState === 'complete'")
        .await;
    tab.tab_to("a[href='/parked']").await;
    tab.press("Enter").await;
    tab.until("location.pathname === '/parked' && document.readyState === 'complete'")
        .await;
    tab.tab_to("main a[href='/jobs/lost-2']").await;
    tab.press("Enter").await;
    tab.until("location.pathname === '/jobs/lost-2' && document.readyState === 'complete'")
        .await;
    tab.tab_to("#twice-lost-2").await;
    tab.press(" ").await;
    tab.tab_to("form:has(#twice-lost-2) button").await;
    tab.press("Enter").await;
    stage.until("lost-2", "completed").await;
    assert_eq!(stage.field("lost-2", "last_operation_by").await, "dashboard");
    tab.until_says("completed").await;
    assert_content(&tab);

    // And without scripts: everything works, numbers come with the page.
    let plain = browser.tab().await;
    plain.scripts(false).await;
    plain.open(&shown.url("/jobs/lost-3")).await;
    plain.until_says("Load the page again").await;
    plain.until_says("Give it up").await;
    plain.follow("form:has([value=fail]) button").await;
    stage.until("lost-3", "failed").await;
    assert_content(&plain);
    // Its words stay while nobody loads it again, and nobody waits longer than that takes.
    tokio::time::timeout(Duration::from_secs(30), browser.end())
        .await
        .unwrap();
}
