//! `krush topics create`: made once; a topic that is already as asked for is left alone, another one too.

use super::super::control::{self, Connected};
use super::super::creation;
use crate::cli::CreateArgs;
use crate::error::{Error, Result};
use crate::rest::{NewTopic, TopicInfo};
use crate::units::counted;
use crate::wire::Dialect;

/// What was asked for.
///
/// # Errors
/// [`Error::Usage`] for a setting that is given twice.
pub(super) fn wanted(args: &CreateArgs) -> Result<NewTopic> {
    for (index, (name, value)) in args.configs.iter().enumerate() {
        if let Some((_, before)) = args.configs[..index]
            .iter()
            .find(|(other, _)| other == name)
        {
            return Err(Error::Usage {
                message: format!("--config: {name} is given twice, as `{before}` and as `{value}`"),
                hint: Some("give each setting once".to_owned()),
            });
        }
    }
    Ok(NewTopic {
        name: args.topic.clone(),
        partitions: args.partitions,
        replication_factor: args.replication,
        configs: args.configs.clone(),
    })
}

/// Creates it unless it is there. Then it must be as asked for; what was not asked for may be anything.
pub(super) async fn create(to: &Connected, wanted: &NewTopic, json: bool) -> Result<String> {
    let (info, created) = match to.client.topic(&wanted.name).await {
        Ok(info) => (info, false),
        Err(error)
            if error.is_not_found()
                && to.server.dialect == Dialect::Redpanda
                && to.server.topics.contains(&wanted.name) =>
        {
            let message = format!(
                "topic {} exists at {}, but {} does not tell how many partitions it has",
                wanted.name,
                to.client.base(),
                to.server.name
            );
            let hint = "compare it by hand: rpk topic describe, or kafka-topics --describe";
            return Err(Error::target(message, hint));
        }
        Err(error) if error.is_not_found() => {
            creation::create(&to.client, &to.server, wanted, true).await?
        }
        Err(error) => return Err(error.into()),
    };
    if !created {
        as_wanted(wanted, &info, to.client.base())?;
    }
    let replication = replication(&info);
    if json {
        return control::json(&serde_json::json!({
            "topic": info.name,
            "created": created,
            "partitions": info.partitions.len(),
            "replication": replication,
        }));
    }
    let partitions = counted(info.partitions.len() as u64, "partition", "partitions");
    let how_made = format!("{partitions}, replication {replication}");
    Ok(if created {
        format!("created topic {}: {how_made}\n", info.name)
    } else {
        let name = info.name;
        format!("topic {name} exists already: {how_made}; nothing changed\n")
    })
}

fn replication(info: &TopicInfo) -> usize {
    let copies = info.partitions.iter().map(|p| p.replicas.len());
    copies.max().unwrap_or(0)
}

/// Whether an existing topic is what was asked for.
fn as_wanted(wanted: &NewTopic, info: &TopicInfo, url: &str) -> Result<()> {
    let mut differences = Vec::new();
    let has = info.partitions.len();
    if let Some(asked) = wanted.partitions.filter(|asked| *asked as usize != has) {
        let has = counted(has as u64, "partition", "partitions");
        differences.push(format!("{has}, not {asked}"));
    }
    let has = replication(info);
    if let Some(asked) = wanted
        .replication_factor
        .filter(|asked| usize::from(*asked) != has)
    {
        differences.push(format!("replication {has}, not {asked}"));
    }
    for (name, asked) in &wanted.configs {
        match info.configs.get(name) {
            Some(has) if has == asked => {}
            Some(has) => differences.push(format!("{name}={has}, not {asked}")),
            None => differences.push(format!("no setting {name}")),
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "topic {} exists at {url} with {}",
            wanted.name,
            differences.join("; ")
        ),
        hint: Some(
            "nothing was changed; ask for what it has, delete it first, or choose another name"
                .to_owned(),
        ),
    })
}
