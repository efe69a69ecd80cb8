//! The terminal while the live view has it: taken, drawn on, given back whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::picture::Picture;
use super::view::{Look, draw};
use crate::error::{Error, Result};

/// How long the keyboard is waited for at a time.
const KEYS_EVERY: Duration = Duration::from_millis(100);

/// What somebody at the terminal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// `q` or Esc.
    End,
    /// Ctrl-C.
    Interrupt,
    /// The window has another size.
    Redraw,
}

/// The terminal, in a mode of its own until this is dropped; a panic gives it back as well.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    wishes: mpsc::UnboundedReceiver<Wish>,
    ended: Arc<AtomicBool>,
    look: Look,
}

impl Screen {
    pub(super) fn take(look: Look) -> Result<Self> {
        let terminal = ratatui::try_init().map_err(|error| Error::Machine {
            message: format!("the terminal cannot be drawn on: {error}"),
            hint: Some("print lines instead: krush monitor | cat, or --once".to_owned()),
        })?;
        let (wish, wishes) = mpsc::unbounded_channel();
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        std::thread::spawn(move || listen(&wish, &told));
        Ok(Self {
            terminal,
            wishes,
            ended,
            look,
        })
    }

    pub(super) fn show(&mut self, picture: &Picture, looking_secs: f64) -> Result<()> {
        let look = self.look;
        let drawn = self
            .terminal
            .draw(|frame| draw(frame, picture, looking_secs, look));
        drawn.map(|_| ()).map_err(Error::stdout)
    }

    /// The next wish; [`Wish::End`] if the terminal is gone.
    pub(super) async fn wish(&mut self) -> Wish {
        self.wishes.recv().await.unwrap_or(Wish::End)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        ratatui::restore();
    }
}

fn listen(wish: &mpsc::UnboundedSender<Wish>, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        let wanted = match event::poll(KEYS_EVERY) {
            Ok(false) => continue,
            Ok(true) => event::read().ok().map(|event| meaning(&event)),
            Err(_) => None,
        };
        match wanted {
            Some(None) => {}
            Some(Some(wanted)) if wish.send(wanted).is_ok() => {}
            _ => return,
        }
    }
}

fn meaning(event: &Event) -> Option<Wish> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press,
        ..
    }) = event
    else {
        return matches!(event, Event::Resize(..)).then_some(Wish::Redraw);
    };
    match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Interrupt),
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Wish::End),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_page_says() {
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        let none = KeyModifiers::NONE;
        for (event, wish) in [
            (key(KeyCode::Char('q'), none), Some(Wish::End)),
            (key(KeyCode::Esc, none), Some(Wish::End)),
            (
                key(KeyCode::Char('c'), KeyModifiers::CONTROL),
                Some(Wish::Interrupt),
            ),
            (key(KeyCode::Char('c'), none), None),
            (Event::Resize(80, 24), Some(Wish::Redraw)),
            (Event::FocusLost, None),
        ] {
            assert_eq!(meaning(&event), wish, "{event:?}");
        }
    }
}
