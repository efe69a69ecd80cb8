//! What is asked wrongly is refused in each server's way.

use krush::wire::Dialect;
use serde_json::{Value, json};

use super::{Client, new_topic, quick, start};

// Method, path (`I`: an instance of group `g`), body; then status and `error_code`.

const CONFLUENT: &str = r#"
POST /consumers/g {"nmae":"x"} => 422 422
POST /consumers/g {"format":"text"} => 422 422
POST /consumers/g {"auto.offset.reset":"x"} => 422 42204
POST /consumers/g {"fetch.min.bytes":10000001} => 422 40001
POST /consumers/g {"fetch.min.bytes":"x"} => 400 400
POST /consumers/g [1] => 400 400
POST I/subscription => 422 422
POST I/subscription {"topic_pattern":"("} => 500 500
POST I/positions {"offsets":[{"topic":"t","partition":0,"offset":1}]} => 409 40903
POST I/offsets {"offsets":[{"topic":"t","partition":-1,"offset":1}]} => 422 422
POST I/offsets {"offsets":[{"topic":"no","partition":0,"offset":1}]} => 500 50002
GET I/records => 406 40601
GET I/records?timeout=x => 404 404
GET /consumers/g/instances/x/subscription => 404 40403
PUT I/subscription {} => 405 405
"#;

const STRIMZI: &str = r#"
POST /consumers/g {"fetch.min.bytes":"1"} => 400 400
POST /consumers/g {"auto.offset.reset":"x"} => 500 500
POST /consumers/g => 400 400
POST I/subscription {} => 422 422
POST I/subscription {"topics":["t"],"topic_pattern":"t"} => 409 409
POST I/subscription {"topic":["t"]} => 400 400
GET I/records => 406 406
"#;

const KARAPACE: &str = r#"
POST /consumers/g {"auto.offset.reset":"none"} => 422 42204
POST /consumers/g {"fetch.min.bytes":-2} => 422 42204
POST I/subscription {} => 409 40903
POST I/offsets {"offsets":[{"topic":"no","partition":0,"offset":1}]} => 404 40401
POST I/offsets {"offsets":[{"topic":"t","partition":9,"offset":1}]} => 404 40402
GET /consumers/g/instances/x/records => 404 40403
"#;

const REDPANDA: &str = "
GET /consumers/g/instances/x/records => 404 40403
GET I/positions => 404 404
";

#[test]
fn what_is_asked_wrongly_is_refused() {
    for (dialect, asked) in [
        (Dialect::Confluent, CONFLUENT),
        (Dialect::Strimzi, STRIMZI),
        (Dialect::Karapace, KARAPACE),
        (Dialect::Redpanda, REDPANDA),
    ] {
        let server = start(dialect, quick());
        server.memory().create_topic(&new_topic("t", 1)).unwrap();
        let mut client = Client::new(&server);
        let instance = client.create("a", &json!({}));
        for line in asked.trim().lines() {
            let (request, wanted) = line.split_once(" => ").unwrap();
            let mut parts = request.splitn(3, ' ');
            let method = parts.next().unwrap();
            let path = parts.next().unwrap().replacen('I', &instance, 1);
            let body = parts.next().filter(|body| !body.is_empty());
            let body = body.map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
            let (status, said) = client.ask(method, &path, &body);
            let what = format!("{dialect:?} {line}: {said}");
            assert_eq!(format!("{status} {}", said["error_code"]), wanted, "{what}");
            let message = said["message"].as_str().unwrap();
            assert!(!message.is_empty() && !message.contains('\n'), "{what}");
        }
    }
}
