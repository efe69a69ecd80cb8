//! `krush topics`: what there is, creating and deleting it. Only the control plane is used.

mod create;
mod delete;
mod describe;
mod list;
mod size;
#[cfg(test)]
mod tests;

use super::control::{self, Connected};
use crate::cli::{TopicsArgs, TopicsVerb};
use crate::error::{Error, Result};
use crate::rest::CallError;
use crate::wire::Dialect;

/// Does what was typed.
///
/// # Errors
/// A target that cannot be used, a topic that is missing, or one that is not as asked for.
pub fn topics(args: &TopicsArgs) -> Result<u8> {
    match &args.verb {
        TopicsVerb::List(args) => {
            let (records, json) = (args.records, args.json);
            control::show(&args.control, async |to| {
                list::list(&to, records, json).await
            })
        }
        TopicsVerb::Describe(args) => {
            let (topic, json) = (&args.topic, args.json);
            control::show(&args.control, async |to| {
                describe::describe(&to, topic, json).await
            })
        }
        TopicsVerb::Create(args) => {
            let wanted = create::wanted(args)?;
            control::show(&args.control, async |to| {
                create::create(&to, &wanted, args.json).await
            })
        }
        TopicsVerb::Size(args) => size::size(args),
        TopicsVerb::Delete(args) => {
            let (topics, if_exists) = (&args.topics, args.if_exists);
            control::show(&args.control, async |to| {
                delete::delete(&to, topics, if_exists).await
            })
        }
    }
}

fn missing(to: &Connected, topic: &str) -> Error {
    let creates = to.server.cluster_id.is_some() || to.server.dialect == Dialect::Strimzi;
    let message = format!("topic {topic} does not exist at {}", to.client.base());
    if creates {
        let hint =
            format!("see `krush topics list`, or make it with `krush topics create {topic}`");
        Error::target(message, hint)
    } else {
        Error::target(message, "see `krush topics list`; this server creates none")
    }
}

/// What there is no such thing of, or no such call, is no failure: a topic may be deleted between two looks.
fn existing<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}
