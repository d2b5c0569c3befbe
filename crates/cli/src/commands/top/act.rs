//! Commands, carried out one after the other as the command line does it, apart from drawing and keys.

use gammaq_job::Command;
use tokio::sync::mpsc;

use super::model::Answer;
use crate::commands::operate::operator::Operator;

/// Where commands go, and their answers come from.
pub(super) fn start(mut operator: Operator) -> (mpsc::Sender<Command>, mpsc::Receiver<Answer>) {
    let (commands, mut given) = mpsc::channel::<Command>(4);
    let (answers, answered) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Some(command) = given.recv().await {
            let told = operator.carry_out(&command).await;
            if answers.send(Answer::of(command, told)).await.is_err() {
                return;
            }
        }
    });
    (commands, answered)
}
