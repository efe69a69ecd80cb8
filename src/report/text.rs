//! Lines that fit a terminal, and texts of others made harmless.

/// Columns of a terminal that nobody has widened.
pub(super) const WIDTH: usize = 80;

/// Breaks `text` at spaces into lines of at most [`WIDTH`]; the first starts with `first`, the others with as many
/// spaces as `indent`. A word that fits on no line is broken.
pub(crate) fn wrap(first: &str, indent: usize, text: &str) -> Vec<String> {
    let mut lines = vec![first.to_owned()];
    let mut fresh = true;
    let mut used = first.chars().count();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(!fresh);
            if used + gap + word.len() <= WIDTH {
                if let Some(line) = lines.last_mut() {
                    line.extend(std::iter::repeat_n(' ', gap));
                    line.extend(&word);
                }
                used += gap + word.len();
                fresh = false;
                break;
            }
            if fresh && used <= indent {
                let room = WIDTH.saturating_sub(used).max(1);
                let rest = word.split_off(room.min(word.len()));
                if let Some(line) = lines.last_mut() {
                    line.extend(&word);
                }
                word = rest;
            }
            lines.push(" ".repeat(indent));
            used = indent;
            fresh = true;
        }
    }
    lines
}

/// Joins pieces by `separator` into lines of at most [`WIDTH`], broken between pieces where possible; all lines but
/// the first start with two spaces.
pub(super) fn fill(pieces: &[String], separator: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        if let Some(line) = lines.last_mut() {
            let length = line.chars().count() + separator.chars().count() + piece.chars().count();
            line.push_str(separator.trim_end());
            if length <= WIDTH {
                let gap = separator.len() - separator.trim_end().len();
                line.push_str(&separator[separator.len() - gap..]);
                line.push_str(piece);
                continue;
            }
        }
        let start = if lines.is_empty() { "" } else { "  " };
        if start.len() + piece.chars().count() <= WIDTH {
            lines.push(format!("{start}{piece}"));
        } else {
            lines.extend(wrap(start, 2, piece));
        }
    }
    lines
}

/// One line without control characters, those of writing direction included: a server's text must not steer the reader's
/// terminal, nor turn round what stands beside it.
pub(crate) fn clean(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if steers(c) { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and the marks, embeddings, overrides and isolates of the Unicode bidirectional algorithm.
pub(super) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `most` characters; what is missing shows as `…`.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_fit_and_lose_nothing() {
        let long = "x".repeat(200);
        let text = format!("one two {long} three {}", "word ".repeat(40));
        let lines = wrap("warning: ", 2, &text);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        let joined: String = lines.concat().chars().filter(|c| *c != ' ').collect();
        let wanted: String = format!("warning:{text}")
            .chars()
            .filter(|c| *c != ' ')
            .collect();
        assert_eq!(joined, wanted);
    }

    #[test]
    fn server_texts_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\tc"), "a [31mb c");
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200f}"), "a b c");
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("abcd", 4), "abcd");
    }
}
