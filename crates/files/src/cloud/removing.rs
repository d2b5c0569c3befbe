//! Copies in a bucket that go with their jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use gammaq_crash::at;
use object_store::Error;
use tokio::time::timeout;

use super::Cloud;
use crate::removal::{Removed, names};

impl Cloud {
    /// Removes copies of these jobs, within this time.
    pub(crate) async fn remove(&self, ids: &BTreeSet<&str>, within: Duration) -> Removed {
        let names = names(ids);
        let place = |name: &String| self.prefix.clone().join(name.as_str());
        let places: Vec<_> = names.iter().map(|(name, id)| (place(name), *id)).collect();
        let wanted: Vec<_> = places.iter().map(|(path, _)| Ok(path.clone())).collect();
        let (mut gone, mut trouble) = (BTreeSet::new(), None);
        let mut answers = self.once.delete_stream(stream::iter(wanted).boxed());
        let deleted = async {
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
