//! A picture on a terminal: it fits 80 x 24, needs no colour, and what does not fit is said.

use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::picture::{PARTS, Picture, TopicPicture};
use super::words::{Glyphs, answer, canary, lag, offset, oldest, rate};
use crate::health::Health;

/// How it is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) color: bool,
    pub(super) glyphs: Glyphs,
}

/// Width of the columns behind a topic's name: rate, trend, end offset, state.
const COLUMNS: usize = 11 + 2 + PARTS + 16 + 2 + 7;
/// A name is shown with at least so many characters.
const NAME_AT_LEAST: usize = 8;

/// Draws it. `looking_secs` is how long the look takes that is under way.
pub(super) fn draw(frame: &mut Frame<'_>, picture: &Picture, looking_secs: f64, look: Look) {
    let area = frame.area();
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut lines = head(picture, looking_secs, width, look);
    let below = foot(picture, width, look);
    let room = height.saturating_sub(lines.len() + below.len() + 1);
    lines.extend(topics(picture, width, room, look));
    lines.extend(below);
    frame.render_widget(Paragraph::new(lines), area);
}

fn styled(text: String, health: Health, look: Look) -> Span<'static> {
    let style = Style::default();
    let style = match health {
        Health::Alert | Health::Watch => style.add_modifier(Modifier::BOLD),
        Health::Good | Health::Unknown => style,
    };
    let color = match health {
        Health::Good => Color::Green,
        Health::Unknown => Color::DarkGray,
        Health::Watch => Color::Yellow,
        Health::Alert => Color::Red,
    };
    Span::styled(text, if look.color { style.fg(color) } else { style })
}

/// Cuts text to a width; two dots stand for what is cut off.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{kept}..")
}

fn plain(text: &str, width: usize) -> Line<'static> {
    Line::from(cut(text, width))
}

/// Left and right of one line.
fn spread(left: &str, right: &str, width: usize) -> Line<'static> {
    let room = width.saturating_sub(right.chars().count() + 1);
    let left = cut(left, room);
    let gap = width.saturating_sub(left.chars().count() + right.chars().count());
    Line::from(format!("{left}{}{right}", " ".repeat(gap)))
}

fn head(picture: &Picture, looking_secs: f64, width: usize, look: Look) -> Vec<Line<'static>> {
    let time = picture.at.get(11..19).unwrap_or_default();
    let title = format!("krush monitor  {}  {}", picture.url, picture.server);
    let mut answer = answer(picture);
    if looking_secs >= 2.0 {
        answer = format!("{answer}; asking for {looking_secs:.0} s");
    }
    let mut health = spread(&answer, "q ends it", width.saturating_sub(9));
    let word = format!("{:<9}", picture.health.word());
    health.spans.insert(0, styled(word, picture.health, look));
    let mut lines = vec![spread(&title, &format!("{time} UTC"), width), health];
    let reasons = picture.reasons.iter().take(3);
    lines.extend(reasons.map(|reason| plain(&format!("         {reason}"), width)));
    lines.push(Line::default());
    lines
}

fn topics(picture: &Picture, width: usize, room: usize, look: Look) -> Vec<Line<'static>> {
    let name = width.saturating_sub(COLUMNS).max(NAME_AT_LEAST);
    let heading = format!(
        "{:<name$}{:>11}  {:<PARTS$}{:>16}  state",
        "topic", "records/s", "last minute", "end offset"
    );
    let mut lines = vec![Line::styled(
        cut(&heading, width),
        Style::default().add_modifier(Modifier::UNDERLINED),
    )];
    let total = picture.topics.len();
    // One line is for the heading, perhaps one for those that are not shown.
    let all_fit = picture.topics_not_shown == 0 && total < room;
    let shown = if all_fit {
        total
    } else {
        total.min(room.saturating_sub(2))
    };
    let rows = picture.topics.iter().take(shown);
    lines.extend(rows.map(|topic| row(topic, name, look)));
    let hidden = total - shown + picture.topics_not_shown;
    if hidden > 0 {
        let text = format!("and {hidden} more topics: name those to look at with --topic");
        lines.push(plain(&text, width));
    }
    if total == 0 {
        lines.push(plain("no topics seen", width));
    }
    lines
}

fn row(topic: &TopicPicture, name: usize, look: Look) -> Line<'static> {
    let peak = topic.last_minute_records_per_sec.iter().flatten();
    let bars = match peak.count() {
        0 => String::new(),
        _ => look.glyphs.bars(&topic.last_minute_records_per_sec),
    };
    let text = format!(
        "{:<name$}{:>11}  {bars:<PARTS$}{:>16}  ",
        cut(&topic.topic, name.saturating_sub(1)),
        rate(topic.records_per_sec),
        offset(topic.end_offset),
    );
    let state = match (topic.exists, topic.health) {
        (false, Health::Alert) => "MISSING".to_owned(),
        // Topics that were not named are judged together.
        (_, Health::Unknown) => "-".to_owned(),
        (_, health) => health.word().to_owned(),
    };
    Line::from(vec![Span::from(text), styled(state, topic.health, look)])
}

fn foot(picture: &Picture, width: usize, look: Look) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(found) = &picture.canary {
        lines.push(Line::default());
        let text = format!("canary {}  {}", found.topic, canary(found));
        lines.push(plain(&text, width));
    }
    for group in &picture.groups {
        lines.push(Line::default());
        let word = group.health.word();
        let room = width.saturating_sub(word.len() + 2);
        let text = cut(&format!("group {}  {}", group.group, lag(group)), room);
        let state = styled(format!("  {word}"), group.health, look);
        lines.push(Line::from(vec![Span::from(text), state]));
        if let Some(words) = oldest(group) {
            lines.extend(wrapped(&words, width));
        }
    }
    lines
}

/// Text over as many lines as it needs, set in by two.
fn wrapped(text: &str, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines.into_iter().map(Line::from).collect()
}
