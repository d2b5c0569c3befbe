//! `gammaq top`: the queue as it is, again and again, with keys to go down and act.
//!
//! - `model/`: what is shown and chosen, and what keys do to it; `draw/`: from that to the screen; [`words`] and
//!   [`layout`]: in which words, and how they fit;
//! - [`reads`]: what is read, and [`act`]: what is done, each a task of its own, so that a Redis that is slow or lost holds up no
//!   key;
//! - [`terminal`]: the terminal, taken and given back; [`keys`]: what it sends.

mod act;
mod draw;
mod keys;
mod layout;
mod model;
mod reads;
mod terminal;
mod words;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use gammaq_producer::Producer;
use ratatui::crossterm::event::Event;
use ratatui::crossterm::terminal::size;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

use crate::context::Context;
use crate::exit::{Code, Usage};
use draw::Look;
use model::{Effect, Model};
use reads::{News, Reader};
use terminal::Screen;

/// How often is read.
#[derive(Debug, Args)]
#[command(
    after_help = "? shows all keys. Whatever changes something asks first. Without a terminal: gammaq status."
)]
pub(crate) struct TopArgs {
    /// Between one look and the next: 200ms to 1h.
    #[arg(long, short, default_value = "1s", value_name = "TIME", value_parser = interval)]
    interval: Duration,
}

const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(3600);
/// How old things are goes on without news.
const TICK: Duration = Duration::from_millis(500);

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (SHORTEST..=LONGEST).contains(&interval) {
        Ok(interval)
    } else {
        Err("allowed is 200ms to 1h".to_owned())
    }
}

pub(crate) async fn run(context: &Context, args: &TopArgs) -> anyhow::Result<Code> {
    if context.json {
        let instead = "top draws on a terminal and has no JSON: `gammaq status --json` answers once";
        return Err(Usage(instead.to_owned()).into());
    }
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if !io::stdout().is_terminal() || dumb {
        let instead = "top needs a terminal to draw on: `gammaq status` prints the same once";
        return Err(Usage(instead.to_owned()).into());
    }
    let producer = context.connect().await?;
    let operator = crate::commands::operate::operator::Operator::on(context, producer.queue().clone())?;
    let look = Look {
        colour: anstream::stdout().current_choice() != anstream::ColorChoice::Never,
    };
    let now = Instant::now();
    let mut model = Model::new(
        context.queue_name(producer.queue()),
        args.interval,
        size().unwrap_or((80, 24)),
        now,
    );
    // What can't be read at all is said by the shell, with its exit code.
    let want = model.want();
    let found = Reader::new(producer.queue().clone()).look(&want).await?;
    model.take(
        News {
            want,
            found: Ok(found),
        },
        Instant::now(),
    );
    let signals = Signals::listen()?;
    let screen =
        Screen::take().map_err(|error| Usage(format!("top needs a terminal to read keys from: {error}")))?;
    watch(&producer, operator, model, screen, signals, look).await?;
    Ok(Code::Done)
}

/// Until somebody quits.
async fn watch(
    producer: &Producer,
    operator: crate::commands::operate::operator::Operator,
    mut model: Model,
    mut screen: Screen,
    mut signals: Signals,
    look: Look,
) -> anyhow::Result<()> {
    let (wants, wanted) = watch::channel(model.want());
    let (news_to, mut news) = mpsc::channel(4);
    let read_now = Arc::new(Notify::new());
    let reading = reads::run(
        producer.queue().clone(),
        wanted,
        Arc::clone(&read_now),
        model.interval,
        news_to,
    );
    tokio::spawn(reading);
    let (commands, mut answers) = act::start(operator);
    let mut input = terminal::input();
    let mut tick = tokio::time::interval(TICK);
    loop {
        screen
            .draw(|frame| draw::draw(frame, &model, look, Instant::now()))
            .context("the terminal can't be drawn on")?;
        let effect = tokio::select! {
            biased;
            () = signals.any() => return Ok(()),
            event = input.recv() => match event {
                Some(Ok(Event::Key(event))) => match keys::key_of(event) {
                    Some(key) => model.press(key, Instant::now()),
                    None => Effect::None,
                },
                Some(Ok(Event::Resize(width, height))) => {
                    model.resize(width, height);
                    Effect::None
                }
                Some(Ok(_)) => Effect::None,
                Some(Err(error)) => return Err(error).context("the keys can't be read"),
                None => return Ok(()),
            },
            answer = answers.recv() => {
                model.answered(answer.context("commands are carried out no more")?);
                // What it changed is wanted now.
                Effect::ReadNow
            }
            some = news.recv() => {
                model.take(some.context("nothing is read any more")?, Instant::now());
                Effect::None
            }
            _ = tick.tick() => Effect::None,
        };
        match effect {
            Effect::None => {}
            Effect::Quit => return Ok(()),
            Effect::ReadNow => read_now.notify_one(),
            Effect::Give(command) => commands
                .send(command)
                .await
                .context("commands are carried out no more")?,
        }
        wants.send_if_modified(|want| {
            let now = model.want();
            let other = *want != now;
            *want = now;
            other
        });
    }
}

/// Signals that end it; in raw mode Ctrl-C is a key.
struct Signals([Signal; 4]);

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::quit())?,
        ]))
    }

    async fn any(&mut self) {
        let [a, b, c, d] = &mut self.0;
        tokio::select! {
            _ = a.recv() => {}
            _ = b.recv() => {}
            _ = c.recv() => {}
            _ = d.recv() => {}
        }
    }
}
