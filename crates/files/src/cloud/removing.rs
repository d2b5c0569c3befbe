//! Copies in a bucket that go with their jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use gammaq_crash::at;
use object_store::Error;
use tokio::time::timeout;

use super::Cloud;
use super::upload::NOTES;
use crate::removal::{Removed, names};

impl Cloud {
    /// Takes back what is written down of uploads for these jobs.
    async fn take_back_of(&self, ids: &BTreeSet<&str>) -> Result<(), Error> {
        if !self.has_notes {
            return Ok(());
        }
        let notes = self.prefix.clone().join(NOTES);
        let mut all = self.once.list(Some(&notes));
        while let Some(found) = at("left_list", all.next()).await {
            let note = match found {
                Ok(found) => found.location,
                // Who may not list doesn't take back; the bucket's own rule does it.
                Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            let name = note.filename().and_then(|name| name.rsplit_once('.'));
            if name.is_some_and(|(id, _)| ids.contains(id)) {
                at("left_of", Box::pin(self.take_back(&note))).await?;
            }
        }
        Ok(())
    }

    /// Removes copies of these jobs, within this time.
    pub(crate) async fn remove(&self, ids: &BTreeSet<&str>, within: Duration) -> Removed {
        let names = names(ids);
        let place = |name: &String| self.prefix.clone().join(name.as_str());
        let places: Vec<_> = names.iter().map(|(name, id)| (place(name), *id)).collect();
        let wanted: Vec<_> = places.iter().map(|(path, _)| Ok(path.clone())).collect();
        let (mut gone, mut trouble) = (BTreeSet::new(), None);
        let mut answers = self.once.delete_stream(stream::iter(wanted).boxed());
        let deleted = async {
            // Before the copies: what is still on its way can't become one any more.
            if let Err(error) = at("remove_uploads", self.take_back_of(ids)).await {
                trouble = Some(error.to_string());
                return;
            }
            while let Some(answer) = at("delete_answer", answers.next()).await {
                match answer {
                    Ok(path) => drop(gone.insert(path.to_string())),
                    Err(Error::NotFound { path, .. }) => drop(gone.insert(path)),
                    Err(error) => drop(trouble.get_or_insert_with(|| error.to_string())),
                }
            }
        };
        if at("delete", timeout(within, deleted)).await.is_err() {
            trouble.get_or_insert_with(|| "the bucket did not answer in time".to_owned());
        }
        let left = places
            .iter()
            .filter(|(path, _)| !gone.contains(path.as_ref()))
            .map(|(_, id)| *id);
        let left: BTreeSet<&str> = left.collect();
        let gone: BTreeSet<_> = ids.iter().filter(|id| !left.contains(*id)).collect();
        if !left.is_empty() {
            trouble.get_or_insert_with(|| "the bucket said nothing of some of them".to_owned());
        }
        Removed {
            gone: gone.into_iter().map(|id| (*id).to_owned()).collect(),
            trouble,
        }
    }
}
