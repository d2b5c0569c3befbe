//! What a generation that is recorded makes of its job.

use gammaq_job::State;
use gammaq_queue::claim::Claimed;
use gammaq_queue::submit::Recorded;

use super::Model;

impl Model {
    /// `keeps`: whether its worker asks to hold the job on; the release before knows nothing of that.
    pub(crate) fn record(
        &mut self,
        (worker, job): (&str, &Claimed),
        generation: &str,
        keeps: Option<bool>,
        recorded: Recorded,
    ) -> Result<(), String> {
        let expected = match self.jobs.get_mut(&job.id) {
            None => Recorded::Missing,
            Some(known) if known.over() && recorded == Recorded::Missing => Recorded::Missing,
            Some(known) => {
                let mine = known.fence == job.fence && known.state == State::Submitting;
                let waits = matches!(known.state, State::Ambiguous | State::Queued);
                if known.generation == generation || known.extra.iter().any(|extra| extra == generation) {
                    let own = known.generation == generation;
                    if own && keeps == Some(false) && known.kept_by(worker, job.fence + 1) {
                        known.holder.clear();
                    }
                    Recorded::Known
                } else if !known.generation.is_empty() {
                    known.extra.push(generation.to_owned());
                    if mine {
                        known.move_to(State::Generating);
                        known.carry_out_wish();
                    }
                    Recorded::Extra
                } else {
                    generation.clone_into(&mut known.generation);
                    // The release before raised it only where the job waited.
                    known.fence += u64::from(waits || (mine && keeps.is_some()));
                    if mine || waits {
                        let holder = known.holder.clone();
                        known.move_to(State::Generating);
                        if known.carry_out_wish() || !mine || keeps != Some(true) || holder != worker {
                            Recorded::Generating
                        } else {
                            (known.holder, known.kept) = (holder, known.fence);
                            match recorded {
                                // When it ends stands on the record, which is compared elsewhere.
                                Recorded::Held { .. } => recorded,
                                _ => Recorded::Held { deadline: 0 },
                            }
                        }
                    } else {
                        Recorded::Kept
                    }
                }
            }
        };
        if recorded == expected {
            Ok(())
        } else {
            Err(format!("{recorded:?}, expected {expected:?}: {job:?}"))
        }
    }
}
