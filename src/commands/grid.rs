//! Tables of the commands that send no load: no frames, numbers to the right.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Padding, Style};

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

/// A row of words.
pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

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
