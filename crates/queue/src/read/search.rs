//! Which job has a generation. No index leads from one to the other, so this looks at what is under way and at the newest
//! of what ended, and says how far it looked.

use gammaq_job::State;

use crate::{Error, Queue};

/// Records that are read in a round trip.
const PAGE: usize = 500;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Searched {
    /// The job, where one was found.
    pub id: Option<String>,
    /// How many jobs were looked at.
    pub looked_at: usize,
    /// Whether there may be jobs under way or ended that were not looked at.
    pub more: bool,
}

impl Queue {
    /// The job with this generation as its own or as one that was paid for beside it, among the next `most` of the
    /// schedule and the newest `most` of each state that has an index. Jobs in an account's line are not looked at: they
    /// have no generation of their own yet.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn find_generation(&self, generation: &str, most: usize) -> Result<Searched, Error> {
        let mut searched = Searched::default();
        // What is asked for is most often what nobody knows what to do with.
        let indexed = State::INDEXED.map(Some);
        for place in std::iter::once(None).chain(indexed) {
            let mut offset = 0;
            loop {
                let count = PAGE.min(most - offset);
                let ids = match place {
                    None => self.due_ids(offset, count).await,
                    Some(state) => self.ended_ids(state, offset, count).await,
                };
                let ids = match ids {
                    // An index that was broken by hand hides no other.
                    Err(Error::Refused(_)) => Vec::new(),
                    ids => ids?,
                };
                searched.looked_at += ids.len();
                offset += ids.len();
                if let Some(id) = self.with_generation(&ids, generation).await? {
                    searched.id = Some(id);
                    return Ok(searched);
                }
                if ids.len() < count {
                    break;
                }
                if offset >= most {
                    searched.more = true;
                    break;
                }
            }
        }
        Ok(searched)
    }

    async fn with_generation(&self, ids: &[String], generation: &str) -> Result<Option<String>, Error> {
        let fields = ["generation_id", "extra_generation_id"];
        let records = match self.fields_of(ids, &fields).await {
            Err(Error::Refused(_)) => return Ok(None),
            records => records?,
        };
        let has = |fields: &Vec<Option<String>>| {
            let ids = fields.iter().flatten().flat_map(|text| text.split(','));
            ids.into_iter().any(|id| id == generation)
        };
        let found = ids.iter().zip(&records).find(|(_, fields)| has(fields));
        Ok(found.map(|(id, _)| id.clone()))
    }
}
