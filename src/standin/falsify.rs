//! What faults make of an answer once its request was handled, and the words of a refusal.

use super::answer::{Answer, Around, Voice, html};
use super::faults::{Defect, Falsify};
use super::head::Head;
use crate::wire::Dialect;

/// A status for the whole request, in words a real server uses for it.
pub(crate) fn refusal(dialect: Dialect, status: u16) -> Answer {
    match status {
        429 => Answer::error(
            429,
            429,
            "Request rate limit exceeded: The rate limit of requests per second has been exceeded.",
        ),
        500 => Answer::error(500, 500, "Internal Server Error"),
        503 if dialect == Dialect::Strimzi => {
            Answer::error(503, 503, "Bridge is overloaded, please retry later")
        }
        status => Answer::plain(status),
    }
}

/// The answer in place of the right one. `last`: the right answer to the request before on the connection.
pub(crate) fn falsified(
    dialect: Dialect,
    head: &Head<'_>,
    falsify: Falsify,
    mut answer: Answer,
    last: Option<&Answer>,
) -> Answer {
    match falsify {
        Falsify::Status(status) => return refusal(dialect, status),
        Falsify::Previous => return last.cloned().unwrap_or(answer),
        Falsify::Entries(_) => return answer,
        Falsify::Defect(defect) => return defective(head, defect, answer, last),
        Falsify::Empty => answer.body.clear(),
        Falsify::Rubbish => {
            let page = html(500, "Server Error", &absolute(head));
            answer.body.extend_from_slice(&page);
        }
        Falsify::Broken => {
            let half = answer.body.len() / 2;
            answer.body.truncate(half);
        }
    }
    answer.told = None;
    answer
}

fn defective(head: &Head<'_>, defect: Defect, mut answer: Answer, last: Option<&Answer>) -> Answer {
    let error_page = || html(500, "Server Error", &absolute(head));
    answer.told = None;
    match defect {
        Defect::ServerError => return server_error(head),
        Defect::Twice => {
            let before = last.map(|last| last.body.clone()).unwrap_or_default();
            answer.around = Some(Box::new(Around {
                before,
                behind: Vec::new(),
            }));
        }
        Defect::HtmlBehind if head.accepts_html() => {
            answer.around = Some(Box::new(Around {
                before: Vec::new(),
                behind: error_page(),
            }));
            answer.overtaken = true;
        }
        Defect::HtmlAlone if head.accepts_html() => {
            answer.body = html(200, "Request failed.", &absolute(head));
        }
        Defect::TwoTypes if head.accepts_html() => {
            answer = Answer::new(200, Some(TWO_TYPES), error_page());
            answer.voice = Voice::WebServer;
        }
        // The cut itself is the sender's.
        Defect::CutInBody => answer.overtaken = true,
        Defect::EmptyOk
        | Defect::NoAnswer
        | Defect::HtmlBehind
        | Defect::HtmlAlone
        | Defect::TwoTypes => answer.body.clear(),
    }
    answer
}

/// Two headers in the place of one, as recorded.
const TWO_TYPES: &str =
    "application/vnd.kafka.v2+json\r\nContent-Type: text/html;charset=iso-8859-1";

/// The defect's 500: a page for people, or nothing at all for a client that takes v2 only. The connection stays open.
fn server_error(head: &Head<'_>) -> Answer {
    let mut answer = Answer::page(500, "Server Error", &absolute(head));
    answer.close = false;
    if !head.accepts_html() {
        answer.body.clear();
        answer.content_type = None;
    }
    answer
}

fn absolute(head: &Head<'_>) -> String {
    format!("http://{}{}", head.host.unwrap_or("localhost"), head.path)
}
