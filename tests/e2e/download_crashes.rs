//! A worker dies at every await of a download: before it, while it is under way, after it. Under a final name there is
//! nothing, or the whole file; and the next worker ends what was begun.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use gammaq_crash::points::{DOWNLOAD_POINTS, Met};
use gammaq_testkit::Signal;
use gammaq_tests::{PATIENCE, Stage};
use tempfile::TempDir;

use crate::downloads::{FAKE, names};

/// Chains side by side: most of each is waiting.
const TRACKS: usize = 3;

fn text(met: Met) -> &'static str {
    match met {
        Met::Broken => "text [[fake:size=400000]] [[fake:download=half*1]]",
        Met::Expired => "text [[fake:size=400000]] [[fake:download=half*1]] [[fake:download=expired*1]]",
        Met::Unusable => "text [[fake:size=400000]] [[fake:download=wrong_type*1]]",
        _ => "text [[fake:size=400000]]",
    }
}

/// The beginning of a version of the file that the fake doesn't have any more.
fn leave_old_part(store: &Path, id: &str) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let tag: String = "\"old\"".bytes().map(|byte| format!("{byte:02x}")).collect();
    std::fs::create_dir_all(store.join(".parts")).unwrap();
    std::fs::write(
        store.join(".parts").join(format!("{id}.pdf.{boot}.{tag}.part")),
        "%PDF-1.7 old",
    )
    .unwrap();
}

async fn die_and_go_on(stage: &Stage, point: &str, mark: &str, met: Met) {
    let (store, id) = (
        TempDir::new().unwrap(),
        format!("{point}{}", mark.len() + usize::from(mark == "+")),
    );
    let place = format!("file://{}", store.path().display());
    let settings = [
        ("EXPORTS__STORE", place.as_str()),
        ("EXPORTS__KEEP_FILES", "false"),
        ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
        ("EXPORTS__MIN_FREE", "1 MiB"),
        ("LOG__FILTER", "info"),
        ("WORKER__LEASE", "2s"),
    ];
    if met == Met::Changed {
        leave_old_part(store.path(), &id);
    }
    let prepare = format!("export GAMMAQ_CRASH_AT='{point}{mark}'");
    let victim = stage.spawn_worker_after(&prepare, &format!("victim-of-{point}{mark}"), &settings);
    stage.submit_with(&id, "pdf", text(met)).await;
    let status = victim.wait(PATIENCE).await;
    assert_eq!(
        status.signal(),
        Some(Signal::KILL.as_raw()),
        "{point}{mark}: {status}"
    );
    assert!(
        victim.lines().contains(&format!("crash point {point}")),
        "{point}: {:?}",
        victim.lines()
    );

    // What stands under the final name now is whole, or isn't there.
    let there = store.path().join(format!("{id}.pdf"));
    if there.exists() {
        let whole = stage.behind(&stage.field(&id, "pdf_url").await).await;
        assert!(
            std::fs::read(&there).unwrap() == whole,
            "{point}{mark}: a wrong file under a final name"
        );
    }
    let heir = stage.worker("heir", &settings).await;
    stage.until(&id, "completed").await;
    let file = stage.export(&id, 0).await;
    assert_eq!(file["error"], serde_json::Value::Null, "{point}{mark}");
    stage.assert_copy(&file).await;
    assert_eq!(
        names(store.path()),
        [format!("{id}.pdf")],
        "{point}{mark}: something is left over"
    );
    heir.signal(Signal::TERM);
    heir.wait(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_any_point_of_a_download() {
    let points: Vec<_> = DOWNLOAD_POINTS
        .iter()
        .filter(|(_, met)| !met.is_bucket())
        .flat_map(|(point, met)| ["", "~", "+"].map(|mark| (*point, mark, *met)))
        .collect();
    let tracks = (0..TRACKS).map(|number| {
        let points: Vec<_> = points.iter().copied().skip(number).step_by(TRACKS).collect();
        tokio::spawn(async move {
            let stage = Stage::start(FAKE).await;
            let count = points.len() as u64;
            for (point, mark, met) in points {
                die_and_go_on(&stage, point, mark, met).await;
            }
            // Whatever died, no deck was paid for twice.
            stage.assert_honest(count, &[]).await;
        })
    });
    for track in tracks.collect::<Vec<_>>() {
        track.await.unwrap();
    }
}
