//! Copies and parts of a directory that go with their jobs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use gammaq_crash::at;

use super::Local;
use crate::lock::Lock;
use crate::removal::{Removed, names};

impl Local {
    /// No copy gets its name until the lock is dropped.
    pub(crate) async fn close(&self) -> Result<Lock, String> {
        let lock = self.lock();
        let locked = tokio::task::spawn_blocking(move || Lock::alone(&lock));
        let locked = at("close_lock", locked).await.map_err(io::Error::other);
        locked
            .flatten()
            .map_err(|error| format!("the directory of exports.store can't be locked: {error}"))
    }

    /// Removes copies and parts of these jobs, to be called under the lock.
    pub(crate) async fn remove(&self, ids: &BTreeSet<&str>) -> Removed {
        let (local, ids) = (self.clone(), ids.iter().map(|id| (*id).to_owned()).collect());
        let removed = tokio::task::spawn_blocking(move || local.unlink(&ids));
        at("unlink", removed).await.unwrap_or_default()
    }

    fn unlink(&self, ids: &BTreeSet<String>) -> Removed {
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let paths = names(&ids)
            .into_iter()
            .map(|(name, id)| (id, self.directory.join(name)));
        let paths = paths.collect::<Vec<_>>();
        let (mut kept, mut trouble, mut any) = (BTreeSet::new(), None, false);
        // Parts first: who still writes one can't give it a name any more.
        let parts = self.parts_of(&ids);
        if let Err(error) = &parts {
            trouble = Some(error.to_string());
        }
        let all_kept = parts.is_err();
        for (id, path) in parts.unwrap_or_default().into_iter().chain(paths) {
            match fs::remove_file(&path) {
                Ok(()) => any = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    kept.insert(id);
                    trouble.get_or_insert_with(|| error.to_string());
                }
            }
        }
        // Else a power cut may bring back what no record knows of any more.
        let synced = if any {
            File::open(&self.directory).and_then(|it| it.sync_all())
        } else {
            Ok(())
        };
        if all_kept || synced.is_err() {
            let why = trouble.or_else(|| synced.err().map(|error| error.to_string()));
            return Removed {
                trouble: why,
                ..Removed::default()
            };
        }
        let gone = ids.iter().filter(|id| !kept.contains(*id));
        Removed {
            gone: gone.map(|id| (*id).to_owned()).collect(),
            trouble,
        }
    }

    /// Parts of these jobs: `<id>.<format>.<boot>.<tag>.part`, where no word but the id has a dot.
    fn parts_of<'a>(&self, ids: &BTreeSet<&'a str>) -> io::Result<Vec<(&'a str, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.parts)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.rsplitn(5, '.').nth(4));
            if let Some(id) = id.and_then(|id| ids.get(id)) {
                found.push((*id, entry.path()));
            }
        }
        Ok(found)
    }
}
