//! Tables that scroll in a box of their own where the page is narrower than they are.

use maud::{Markup, html};

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Words.
    Text,
    /// Words on one line.
    Line,
    /// To the right, on one line.
    Number,
    /// Words of any length.
    Wide,
}

use Column::{Line, Number, Text, Wide};

/// A table; the first cell of each row names it.
pub(super) fn table(label: &str, head: &[(&str, Column)], rows: &[Vec<Markup>]) -> Markup {
    // Said once of the table instead of in every cell.
    let numbers = head.iter().skip(1).all(|(_, column)| *column == Number);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.nums[numbers] {
                thead { tr { @for (name, column) in head { th class=[class(*column)] scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, (cell, (_, column))) in row.iter().zip(head).enumerate() {
                                @if index == 0 { th class=[class(*column)] scope="row" { (cell) } }
                                @else if numbers { td { (cell) } }
                                @else { td class=[class(*column)] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The same of plain texts.
pub(super) fn text_table(
    label: &str,
    head: &[(&str, Column)],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Markup {
    let rows: Vec<Vec<Markup>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| html! { (cell) }).collect())
        .collect();
    table(label, head, &rows)
}

/// Names and values.
pub(super) fn pairs(label: &str, rows: impl IntoIterator<Item = (String, String)>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.keys {
                tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } }
            }
        }
    }
}

/// Words of which no flag is broken at its dashes.
pub(super) fn unbroken(text: &str) -> Markup {
    html! {
        @for (index, word) in text.split(' ').enumerate() {
            @if index > 0 { " " }
            @if word.trim_start_matches(['(', '`']).starts_with("--") { span.flag { (word) } } @else { (word) }
        }
    }
}

/// What opens on a click.
pub(super) fn folded(summary: &str, content: &Markup) -> Markup {
    html! { details { summary { (summary) } (content) } }
}

fn class(column: Column) -> Option<&'static str> {
    match column {
        Text => None,
        Line => Some("l"),
        Number => Some("n"),
        Wide => Some("w"),
    }
}
