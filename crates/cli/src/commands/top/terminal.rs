//! The terminal while somebody watches, and as it was when nobody does any more: after a quit, an error, a signal or a
//! panic.

use std::io::{self, Stdout, stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::prelude::Frame;
use tokio::sync::mpsc;

/// Whether the terminal is ours. Whoever turns it off gives it back, once, be it the end, the guard or a panic.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The whole screen, taken from the shell. Dropping it gives it back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    pub(super) fn take() -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                // First of all: what the panic says must be readable, and the shell usable.
                give_back();
                before(what);
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = execute!(stdout(), EnterAlternateScreen, Hide);
        let terminal = taken.and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        if terminal.is_err() {
            give_back();
        }
        Ok(Self { terminal: terminal? })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // After a panic elsewhere the screen is the shell's again.
        if TAKEN.load(Ordering::SeqCst) {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Where the terminal is gone, there is nothing to give back.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// What the terminal sends, read by a thread of its own, since reading blocks; it ends with the process.
pub(super) fn input() -> mpsc::Receiver<io::Result<Event>> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let over = event.is_err();
            if sender.blocking_send(event).is_err() || over {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gammaq_testkit::Terminal as Pty;

    use super::*;

    const SOON: Duration = Duration::from_secs(60);
    /// Says to the test below that it is the program under test, on a terminal of its own.
    const ROLE: &str = "GAMMAQ_TEST_OF_PANICS";

    /// What the test below runs: nothing, where nobody asks for it.
    #[test]
    fn a_screen_and_a_panic() {
        let Ok(role) = std::env::var(ROLE) else { return };
        let mut screen = Screen::take().unwrap();
        screen
            .draw(|frame| frame.render_widget("drawn", frame.area()))
            .unwrap();
        if role == "elsewhere" {
            // In a thread of its own, while the screen lives on.
            std::thread::spawn(|| panic!("over")).join().unwrap_err();
            screen
                .draw(|frame| frame.render_widget("again", frame.area()))
                .unwrap();
            return;
        }
        assert_ne!(role, "here", "over and out");
    }

    #[tokio::test]
    async fn a_panic_gives_the_terminal_back_and_is_read_there() {
        let program = std::env::current_exe().unwrap();
        let name = format!(
            "{}::a_screen_and_a_panic",
            module_path!().split_once("::").unwrap().1
        );
        for (role, code) in [("here", "101"), ("elsewhere", "0"), ("none", "0")] {
            let args = [name.as_str(), "--exact", "--nocapture"];
            let left = Pty::start((80, 60), &program, args, &[(ROLE, role)])
                .ended(SOON)
                .await;
            assert_eq!(left.code, code, "{role}: {left:?}");
            assert!(left.is_restored(), "{role}: {left:?}");
            // On the shell's screen, where it can be read, and nothing of ours.
            assert_eq!(
                left.screen.contains("panicked at"),
                role != "none",
                "{role}: {left:?}"
            );
            assert!(
                !left.screen.contains("drawn") && !left.screen.contains("again"),
                "{role}: {left:?}"
            );
        }
    }
}
