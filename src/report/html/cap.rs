//! What a page holds of lists and texts that may be of any length, so that it stays small whatever is in the report.

use maud::{Markup, html};

use crate::units::grouped;

/// Bytes of a text that is read as a sentence: a warning, a reason.
const TEXT: usize = 600;
/// Bytes of a text of others: what a server said, the value of a setting.
const BRIEF: usize = 240;
/// Bytes of a name that is repeated: in a legend, a title, a row.
const NAME: usize = 80;
/// Texts in a line of them.
const LISTED: usize = 8;

/// Rows of lists that may be of any length, of each of so many runs.
pub(super) fn rows(runs: usize) -> usize {
    (16 / runs.max(1)).max(4)
}

/// A sentence with an end.
pub(super) fn text(text: &str) -> String {
    cut(text, TEXT)
}

/// A text of others with an end.
pub(super) fn brief(text: &str) -> String {
    cut(text, BRIEF)
}

/// A name with an end.
pub(super) fn name(text: &str) -> String {
    cut(text, NAME)
}

/// At most so many bytes as the page holds them; what is missing shows as `…`.
fn cut(text: &str, most: usize) -> String {
    let mut left = most;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let weight = weight(c);
        if weight > left {
            // The sign has its room where the text is longer than that.
            return format!("{}…", &text[..end]);
        }
        left -= weight;
        if left >= '…'.len_utf8() {
            end = at + c.len_utf8();
        }
    }
    text.to_owned()
}

/// Bytes of a character in a page: some are written with others.
fn weight(c: char) -> usize {
    match c {
        '<' | '>' => "&lt;".len(),
        '&' => "&amp;".len(),
        '"' => "&quot;".len(),
        c => c.len_utf8(),
    }
}

/// `a, b, c and 497 more`
pub(super) fn listed(texts: &[String]) -> String {
    let shown: Vec<String> = texts.iter().take(LISTED).map(|one| name(one)).collect();
    match texts.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), grouped(more as u64)),
    }
}

/// What is left out behind the first `most` of `all`.
pub(super) fn more(all: usize, most: usize) -> Markup {
    let left = all.saturating_sub(most) as u64;
    html! { @if left > 0 { p.note { "… and " (grouped(left)) " more in the JSON report." } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said() {
        let urls: Vec<String> = (1..=12).map(|port| format!("http://p:{port}")).collect();
        assert_eq!(listed(&urls[..2]), "http://p:1, http://p:2");
        assert!(listed(&urls).ends_with("http://p:8 and 4 more"));
        assert_eq!(more(3, 3).into_string(), "");
        assert!(more(1_030, 30).into_string().contains("1,000 more"));
        assert_eq!(name(&"x".repeat(80)), "x".repeat(80));
        assert_eq!(name(&"x".repeat(81)), format!("{}…", "x".repeat(77)));
        assert_eq!(name(&"\"".repeat(81)), format!("{}…", "\"".repeat(12)));
        assert_eq!(name("ß"), "ß");
    }
}
