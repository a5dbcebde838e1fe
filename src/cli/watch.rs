//! `shipper status --watch`: one screen, refreshed every second, with a small history.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Sparkline, Wrap};
use ratatui::{DefaultTerminal, Frame};

use super::status::headline;
use super::{Error, Shipper, Verdict, spool_stats};
use crate::base::human::{Palette, count};
use crate::config::Local;
use crate::counters::stats::Stats;
use crate::service::control;

/// How often the screen is refreshed.
const REFRESH: Duration = Duration::from_secs(1);
/// Seconds of history kept: more than any terminal is wide.
const HISTORY: usize = 600;
/// Seconds that a rate is the mean of.
const RATE_WINDOW: usize = 10;

/// Shows how things stand until q, Escape or Control-C is pressed.
///
/// # Errors
/// When neither the service nor the spool can be had, or there is no terminal.
pub(super) async fn run(local: &Local) -> Result<Verdict, Error> {
    let mut screen = Screen::default();
    // Before the terminal is taken over: an error at the start is to be read.
    screen.take(once(local).await?);
    let mut terminal = ratatui::try_init()?;
    let outcome = show(&mut terminal, screen, local).await;
    ratatui::restore();
    outcome
}

async fn show(
    terminal: &mut DefaultTerminal,
    mut screen: Screen,
    local: &Local,
) -> Result<Verdict, Error> {
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        if asked_to_end()? {
            return Ok(Verdict::Healthy);
        }
        screen.refresh(local).await?;
    }
}

/// Waits for the next refresh, or a key that ends it. Nothing else runs on this thread meanwhile.
fn asked_to_end() -> io::Result<bool> {
    let due = Instant::now() + REFRESH;
    while event::poll(due.saturating_duration_since(Instant::now()))? {
        match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => {
                let interrupt =
                    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                    return Ok(true);
                }
            }
            // The next draw is at once, in the new size.
            Event::Resize(..) => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

async fn once(local: &Local) -> Result<Stats, Error> {
    let shipper = Shipper::reach(local).await?;
    let stats = shipper.stats().await?;
    shipper.close().await?;
    Ok(stats)
}

/// What is on the screen.
#[derive(Default)]
struct Screen {
    stats: Option<Stats>,
    history: History,
}

impl Screen {
    fn take(&mut self, stats: Stats) {
        let ledger = stats.spool.ledger;
        self.history.push(RateSample {
            read: ledger.read,
            delivered: ledger.delivered,
            pending: ledger.pending,
        });
        self.stats = Some(stats);
    }

    /// Asks the service again. Without one the spool stays closed: a service that starts shall get it.
    async fn refresh(&mut self, local: &Local) -> Result<(), Error> {
        if control::is_served(&local.control_socket, &local.spool.dir).await? {
            match once(local).await {
                Ok(stats) => self.take(stats),
                Err(Error::ServiceEnded | Error::Control(control::Error::Broken { .. })) => {}
                Err(error) => return Err(error),
            }
        } else if let Some(stats) = &mut self.stats {
            stats.service = None;
            stats.at = crate::base::when::When::now().0;
        }
        Ok(())
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let Some(stats) = &self.stats else { return };
        let [head, table, rates, pending, line, foot] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Min(10),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(3),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let colour = if stats.is_healthy() {
            Color::Green
        } else {
            Color::Red
        };
        let words = Paragraph::new(headline(stats)).wrap(Wrap { trim: true });
        frame.render_widget(words.style(Style::new().fg(colour)), head);
        frame.render_widget(
            Paragraph::new(spool_stats::table(stats, Palette::Plain)),
            table,
        );
        let (read, delivered) = self.history.rates();
        let text = format!("read {}/s   delivered {}/s", count(read), count(delivered));
        frame.render_widget(Line::from(text), rates);
        self.draw_history(frame, pending, line);
        frame.render_widget(
            Line::styled("q to leave", Style::new().fg(Color::DarkGray)),
            foot,
        );
    }

    fn draw_history(&self, frame: &mut Frame<'_>, title: Rect, area: Rect) {
        let pending = self.history.pending(usize::from(area.width));
        let highest = pending.iter().copied().max().unwrap_or(0);
        let text = format!(
            "pending, the last {} s, at most {}",
            pending.len(),
            count(highest)
        );
        frame.render_widget(Line::from(text), title);
        frame.render_widget(Sparkline::default().data(&pending), area);
    }
}

#[derive(Clone, Copy)]
struct RateSample {
    read: u64,
    delivered: u64,
    pending: u64,
}

/// One sample a second.
#[derive(Default)]
struct History(VecDeque<RateSample>);

impl History {
    fn push(&mut self, sample: RateSample) {
        if self.0.len() == HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// Entries read and delivered a second, over the last [`RATE_WINDOW`]. A replay makes entries undelivered: that
    /// counts as none.
    fn rates(&self) -> (u64, u64) {
        let Some(last) = self.0.back() else {
            return (0, 0);
        };
        let back = self.0.len().min(RATE_WINDOW + 1);
        let first = self.0[self.0.len() - back];
        let seconds = (back as u64 - 1).max(1);
        let rate = |last: u64, first: u64| last.saturating_sub(first) / seconds;
        (
            rate(last.read, first.read),
            rate(last.delivered, first.delivered),
        )
    }

    /// The latest `width` backlogs, oldest first.
    fn pending(&self, width: usize) -> Vec<u64> {
        let skipped = self.0.len().saturating_sub(width);
        self.0
            .iter()
            .skip(skipped)
            .map(|sample| sample.pending)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::counters::stats::tests::stats;

    fn screen_of(width: u16, height: u16) -> String {
        let mut screen = Screen::default();
        for second in 0..30 {
            let mut stats = stats(12_340 - second * 100);
            stats.spool.ledger.read += second * 50;
            screen.take(stats);
        }
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn backlog_rates_and_history_are_on_the_screen_at_80_and_140_columns() {
        for (width, height) in [(80, 40), (140, 50)] {
            let text = screen_of(width, height);
            for part in [
                "9,440 pending",
                "read 50/s   delivered 100/s",
                "at most 12,340",
                "█",
                "q to leave",
            ] {
                assert!(text.contains(part), "{part} at {width} columns:\n{text}");
            }
        }
    }

    #[test]
    fn a_tiny_terminal_does_no_harm() {
        screen_of(5, 2);
        screen_of(1, 1);
    }

    #[test]
    fn history_is_bounded() {
        let mut history = History::default();
        for pending in 0..10_000 {
            history.push(RateSample {
                read: 0,
                delivered: 0,
                pending,
            });
        }
        assert_eq!(history.0.len(), HISTORY);
        assert_eq!(history.pending(3), [9_997, 9_998, 9_999]);
    }
}
