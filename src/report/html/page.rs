//! The page around what is shown: one file that asks nobody for anything.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::text::steers;

const STYLE: &str = include_str!("page.css");

/// A whole document, without control characters and those of writing direction: they are nobody's but of those whose texts are shown.
pub(super) fn page(title: &str, head: &Markup, main: &Markup, foot: &str) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "krush " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                // An icon of no size: without one a browser would ask a server for it.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head) }
                main { (main) }
                footer { p { (foot) } }
            }
        }
    }
    .into_string()
    .chars()
    .map(|c| if c != '\n' && steers(c) { ' ' } else { c })
    .collect()
}

/// A part of the page; one without content is left out.
pub(super) fn section(id: &str, name: &str, content: &Markup) -> Markup {
    if content.0.is_empty() {
        return html! {};
    }
    let heading = format!("{id}-h");
    html! {
        section aria-labelledby=(heading) {
            h2 id=(heading) { (name) }
            (content)
        }
    }
}
