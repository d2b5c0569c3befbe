//! Where the binary under test is.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names a binary to test instead of the one built from this workspace.
const BINARY_VARIABLE: &str = "GAMMAQ_BIN";
/// nextest gives each test a process of its own, and all tests of one run this id.
const RUN_VARIABLE: &str = "NEXTEST_RUN_ID";
const STAMP: &str = ".gammaq-built-for-run";

/// The `gammaq` binary, built from the workspace as it is now, in the profile of the running test.
///
/// Cargo knows no dependency of a test on another member's binary, so the first call in a test run has cargo
/// bring it up to date, and further ones find it so: a stale binary is never tested, whatever the run was
/// started by. The environment variable `GAMMAQ_BIN` names another one to use as it is. Blocks while it builds.
///
/// # Panics
///
/// When the binary can't be built.
pub fn gammaq_bin() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| match env::var_os(BINARY_VARIABLE) {
            Some(given) => existing(given.into()),
            None => Build::of_this_workspace().bring_up_to_date(env::var(RUN_VARIABLE).ok().as_deref()),
        })
        .clone()
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.is_file(),
        "{BINARY_VARIABLE} names {}, which is not there",
        path.display()
    );
    path
}

/// One binary and where cargo puts it.
struct Build {
    workspace: PathBuf,
    package: &'static str,
    /// As `target/debug`: the directory of a profile.
    output: PathBuf,
}

impl Build {
    fn of_this_workspace() -> Self {
        let test = env::current_exe().unwrap_or_default();
        // A test is at <target>/<profile>/deps/<name>-<hash>, a program at <target>/<profile>/<name>.
        let directory = test.parent();
        let output = directory
            .filter(|it| !it.ends_with("deps"))
            .or(directory.and_then(Path::parent));
        let Some(output) = output else {
            panic!("{}: not a place where cargo puts a test", test.display());
        };
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self {
            workspace,
            package: "gammaq",
            output: output.to_owned(),
        }
    }

    fn binary(&self) -> PathBuf {
        self.output
            .join(format!("{}{}", self.package, env::consts::EXE_SUFFIX))
    }

    /// Runs cargo, unless that was done for this run already.
    fn bring_up_to_date(&self, run: Option<&str>) -> PathBuf {
        let stamp = self.output.join(STAMP);
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&stamp)
            .and_then(|lock| {
                lock.lock()?;
                Ok(lock)
            });
        let lock = lock.unwrap_or_else(|error| panic!("{}: {error}", stamp.display()));
        let built_for = fs::read_to_string(&stamp).unwrap_or_default();
        if run.is_none_or(|run| run != built_for) || !self.binary().is_file() {
            self.run_cargo();
            if let Err(error) = fs::write(&stamp, run.unwrap_or_default()) {
                panic!("{}: {error}", stamp.display());
            }
        }
        drop(lock);
        self.binary()
    }

    fn run_cargo(&self) {
        let (Some(target), Some(directory)) = (self.output.parent(), self.output.file_name()) else {
            panic!("{}: not a profile's directory", self.output.display());
        };
        // The one profile whose directory has another name.
        let profile = if directory == "debug" {
            "dev".as_ref()
        } else {
            directory
        };
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (key, _) in env::vars_os().filter(|(key, _)| is_of_the_running_test(key)) {
            cargo.env_remove(key);
        }
        let output = cargo
            .current_dir(&self.workspace)
            .args([
                "build",
                "--quiet",
                "--package",
                self.package,
                "--bin",
                self.package,
                "--profile",
            ])
            .arg(profile)
            .arg("--target-dir")
            .arg(target)
            .output();
        match output {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!(
                "can't build {}:\n{}",
                self.package,
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) => panic!("can't run cargo: {error}"),
        }
    }
}

/// Variables that describe the package of the running test, or the job server of the make that started it: build
/// scripts that look at them would run again, and again in the next build outside the test.
fn is_of_the_running_test(key: &OsString) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "MAKE"];
    const NAMES: [&str; 6] = [
        "CARGO_MAKEFLAGS",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "MFLAGS",
        "LD_LIBRARY_PATH",
    ];
    key.to_str()
        .is_some_and(|key| PREFIXES.iter().any(|prefix| key.starts_with(prefix)) || NAMES.contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package of one line that says `word`.
    fn write_program(workspace: &Path, word: &str) {
        let manifest = "[package]\nname = \"said\"\nedition = \"2024\"\n[workspace]\n";
        fs::create_dir_all(workspace.join("src")).expect("directory");
        fs::write(workspace.join("Cargo.toml"), manifest).expect("manifest");
        fs::write(
            workspace.join("src/main.rs"),
            format!("fn main() {{ println!(\"{word}\"); }}"),
        )
        .expect("source");
    }

    fn says(binary: &Path) -> String {
        let output = Command::new(binary).output().expect("runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[test]
    fn a_binary_is_built_once_a_run_and_never_stale_in_the_next() {
        let workspace = tempfile::tempdir().expect("directory");
        let output = workspace.path().join("target/debug");
        fs::create_dir_all(&output).expect("directory");
        let build = Build {
            workspace: workspace.path().to_owned(),
            package: "said",
            output,
        };

        write_program(workspace.path(), "one");
        assert_eq!(says(&build.bring_up_to_date(Some("first"))), "one");
        write_program(workspace.path(), "two");
        assert_eq!(
            says(&build.bring_up_to_date(Some("first"))),
            "one",
            "no second build in one run"
        );
        assert_eq!(
            says(&build.bring_up_to_date(Some("second"))),
            "two",
            "the next run sees the change"
        );
        write_program(workspace.path(), "three");
        assert_eq!(
            says(&build.bring_up_to_date(None)),
            "three",
            "without a run id, each process builds"
        );
        fs::remove_file(build.binary()).expect("removed");
        assert_eq!(
            says(&build.bring_up_to_date(Some("second"))),
            "three",
            "what is gone comes back"
        );
    }

    #[test]
    #[should_panic(expected = "can't build said")]
    fn a_program_that_does_not_compile_fails_the_test() {
        let workspace = tempfile::tempdir().expect("directory");
        let output = workspace.path().join("target/debug");
        fs::create_dir_all(&output).expect("directory");
        write_program(workspace.path(), "\", nonsense");
        Build {
            workspace: workspace.path().to_owned(),
            package: "said",
            output,
        }
        .bring_up_to_date(None);
    }
}
