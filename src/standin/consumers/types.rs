//! Media types as Confluent's proxy matches them: what it takes, and of what type its answer is.

use super::format::Format;
use crate::standin::answer::{Answer, JSON};
use crate::standin::head::Head;
use crate::standin::routes::InstancePart;
use crate::wire::ACCEPT_V2;

/// Jersey: the request's type first, then whether the answer's would be taken. `part`: `None` when an instance is made.
pub(crate) fn check(head: &Head<'_>, part: Option<InstancePart>) -> Result<(), Answer> {
    let given = head.content_type.map(bare);
    let known = |given: &str| given == ACCEPT_V2 || Format::of_type(given).is_some();
    if head.method == "POST" && !given.is_none_or(known) {
        let answer = Answer::plain(415);
        return Err(match head.accept {
            None => answer.typed(Some(JSON)),
            Some(_) => answer,
        });
    }
    if produced(head).is_none() {
        return Err(Answer::plain(406).typed(None));
    }
    let query = head.query.unwrap_or_default();
    let bad = |name| number(query, name).is_err();
    if part == Some(InstancePart::Records) && (bad("timeout") || bad("max_bytes")) {
        return Err(Answer::plain(404));
    }
    Ok(())
}

/// A number in the query, `None` if it is not there.
///
/// # Errors
/// The text, if it is none.
pub(super) fn number<'a>(query: &'a str, name: &str) -> Result<Option<i64>, &'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(known, _)| *known == name) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|_| value)
}

/// The type of the answer: the first that `Accept` takes; `None`: it takes none.
pub(super) fn produced(head: &Head<'_>) -> Option<&'static str> {
    let Some(accept) = head.accept else {
        return Some(if is_fetch(head) {
            Format::Binary.media_type()
        } else {
            ACCEPT_V2
        });
    };
    accept.split(',').map(bare).find_map(|range| match range {
        "*/*" | "application/*" if is_fetch(head) => Some(Format::Binary.media_type()),
        "*/*" | "application/*" | ACCEPT_V2 => Some(ACCEPT_V2),
        other => Format::of_type(other)
            .filter(|format| *format != Format::Text)
            .map(Format::media_type),
    })
}

/// The format that a fetch asks for: binary where it names none.
pub(super) fn asked(head: &Head<'_>) -> Format {
    produced(head)
        .and_then(Format::of_type)
        .unwrap_or(Format::Binary)
}

fn is_fetch(head: &Head<'_>) -> bool {
    head.path.ends_with("/records")
}

fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}
