//! Tables of the commands that send no load: no frames, numbers to the right.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Padding, Style};

use crate::report;

/// Blanks before a note that stands below its row.
const NOTE_INDENT: usize = 6;

/// Rows as aligned lines without blanks at their ends; the columns in `words` stand to the left.
pub(super) fn grid(rows: Vec<Vec<String>>, words: &[usize]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let mut table = Builder::from_iter(rows).build();
    table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
    for column in (0..columns).filter(|column| !words.contains(column)) {
        table.modify(Columns::one(column), Alignment::right());
    }
    let lines: Vec<String> = table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    lines.concat()
}

/// The same, with a note behind each row; one that does not fit a terminal stands below its row.
pub(super) fn noted(mut rows: Vec<Vec<String>>, words: &[usize]) -> String {
    let notes: Vec<String> = rows.iter_mut().filter_map(Vec::pop).collect();
    let table = grid(rows, words);
    let wide = table.lines().map(|line| line.chars().count()).max();
    let mut text = String::new();
    for (line, note) in table.lines().zip(notes) {
        let row = format!("{line:<width$}  ", width = wide.unwrap_or_default());
        let lines = match report::wrap(&row, NOTE_INDENT, &note) {
            one if one.len() == 1 => one,
            _ => {
                let below = report::wrap(&" ".repeat(NOTE_INDENT), NOTE_INDENT, &note);
                [vec![row], below].concat()
            }
        };
        text.extend(lines.iter().map(|line| format!("{}\n", line.trim_end())));
    }
    text
}

/// A row of words.
pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_does_not_fit_stands_below_its_row() {
        let long = "word ".repeat(30);
        let rows = vec![
            row(["topic", "records", ""]),
            row(["a", "12,345", "fits"]),
            row(["longer", "1", long.trim()]),
        ];
        let text = noted(rows, &[0]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["topic   records", "a        12,345  fits"]);
        assert_eq!(lines[2], "longer        1");
        assert!(
            lines[3..]
                .iter()
                .all(|line| line.starts_with("      word "))
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let rows = vec![
            row(["topic", "records"]),
            row(["a", "12,345"]),
            row(["longer", "1"]),
        ];
        let wanted = "topic   records\na        12,345\nlonger        1\n";
        assert_eq!(grid(rows, &[0]), wanted);
    }
}
