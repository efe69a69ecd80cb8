//! Confluent's v3 configuration of a topic.

use serde::Deserialize;
use serde_json::json;

use super::{Links, api, find, json as answer, list, missing};
use crate::standin::answer::{Answer, JSON};
use crate::standin::backend::TopicInfo;
use crate::standin::serve::Call;
use crate::standin::topic_configs::{default_of, synonym_of};

/// `GET …/topics/{t}/configs`.
pub(crate) async fn configs(call: &Call<'_>, id: &str, name: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    let info = find(call, &links, id, name).await?;
    let body = |(key, value): (&String, &String)| config_body(&links, name, key, value);
    let bodies: Vec<String> = info.configs.iter().map(body).collect();
    let own = links.to(&["topics", name, "configs"]);
    Ok(list("KafkaTopicConfigList", &own, &bodies))
}

/// `GET`, `PUT` and `DELETE …/topics/{t}/configs/{key}`.
pub(crate) async fn config(
    call: &Call<'_>,
    id: &str,
    name: &str,
    key: &str,
) -> Result<Answer, Answer> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Put {
        value: Option<String>,
    }
    let links = Links::of(call);
    let info = find(call, &links, id, name).await?;
    let value = info
        .configs
        .get(key)
        .ok_or_else(|| unknown(&links, name, key))?;
    let value = match call.head.method {
        "PUT" => {
            let put: Put = read(call)?;
            put.value
        }
        "DELETE" => None,
        _ => return Ok(answer(200, config_body(&links, name, key, value))),
    };
    alter_these(call, name, &[(key.to_owned(), value)]).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alter {
    data: Vec<Change>,
    #[serde(default)]
    validate_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: String,
    value: Option<String>,
    #[serde(default)]
    operation: Operation,
}

#[derive(Deserialize, Default, PartialEq, Eq)]
enum Operation {
    #[default]
    #[serde(rename = "SET", alias = "set")]
    Set,
    #[serde(rename = "DELETE", alias = "delete")]
    Delete,
}

/// `POST …/topics/{t}/configs:alter`.
pub(crate) async fn alter(call: &Call<'_>, id: &str, name: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    let info: TopicInfo = find(call, &links, id, name).await?;
    let wanted: Alter = read(call)?;
    let known = |change: &&Change| !info.configs.contains_key(&change.name);
    if let Some(change) = wanted.data.iter().find(known) {
        return Err(unknown(&links, name, &change.name));
    }
    if wanted.validate_only {
        return Ok(Answer::new(204, None, Vec::new()));
    }
    let change = |change: Change| match change.operation {
        Operation::Set => (change.name, change.value),
        Operation::Delete => (change.name, None),
    };
    let changes: Vec<_> = wanted.data.into_iter().map(change).collect();
    alter_these(call, name, &changes).await
}

async fn alter_these(
    call: &Call<'_>,
    name: &str,
    changes: &[(String, Option<String>)],
) -> Result<Answer, Answer> {
    let altered = call.shared.backend.alter_configs(name, changes).await;
    let existed = altered.map_err(|error| api(&error))?;
    let done = Answer::new(204, None, Vec::new());
    existed.then_some(done).ok_or_else(missing)
}

fn read<'a, T: Deserialize<'a>>(call: &Call<'a>) -> Result<T, Answer> {
    serde_json::from_slice(call.body)
        .map_err(|error| Answer::error(400, 400, &error.to_string()).typed(Some(JSON)))
}

fn unknown(links: &Links, name: &str, key: &str) -> Answer {
    let id = &links.cluster_id;
    let message = format!("Config {key} cannot be found for TOPIC {name} in cluster {id}.");
    Answer::error(404, 404, &message).typed(Some(JSON))
}

/// A value that is not the default is taken to be set on the topic: a stand-in has no broker's settings.
fn config_body(links: &Links, topic: &str, key: &str, value: &str) -> String {
    let default = default_of(key).unwrap_or(value);
    let is_default = value == default;
    let synonym = |name: &str, value: &str, source: &str| {
        format!(
            "{{\"name\":{},\"value\":{},\"source\":\"{source}\"}}",
            json!(name),
            json!(value)
        )
    };
    let mut synonyms = Vec::new();
    if !is_default {
        synonyms.push(synonym(key, value, "DYNAMIC_TOPIC_CONFIG"));
    }
    if let Some(name) = synonym_of(key) {
        synonyms.push(synonym(name, default, "DEFAULT_CONFIG"));
    }
    let source = if is_default {
        "DEFAULT_CONFIG"
    } else {
        "DYNAMIC_TOPIC_CONFIG"
    };
    let head = links.head(
        "KafkaTopicConfig",
        &["topics", topic, "configs", key],
        &[("topic", topic), ("config", key)],
    );
    format!(
        "{{{head},\"cluster_id\":\"{}\",\"name\":{},\"value\":{},\"is_read_only\":false,\"is_sensitive\":false,\"source\":\"{source}\",\"synonyms\":[{}],\"topic_name\":{},\"is_default\":{is_default}}}",
        links.cluster_id,
        json!(key),
        json!(value),
        synonyms.join(","),
        json!(topic),
    )
}
