//! What is particular to the Strimzi bridge: schema validation before anything else, and a base64 decoder that never fails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Answer, error_body};
use super::body::Body;
use super::json::Raw;
use super::produce::Embedded;

/// 400 with the validator's prefix.
pub(crate) fn invalid(what: &str) -> Answer {
    Answer::error(400, 400, &format!("Validation error on: {what}"))
}

/// 400 with the validator's list of findings.
pub(crate) fn schema_error(findings: &[String]) -> Answer {
    let mut body = error_body(400, "Validation error on: Schema validation error");
    body.pop();
    body.extend_from_slice(b",\"validation_errors\":");
    serde_json::to_writer(&mut body, findings).expect("strings always serialize into memory");
    body.push(b'}');
    Answer::new(400, Some(crate::wire::ACCEPT_V2), body)
}

/// 422 for a text value that is no string.
pub(crate) fn text_expected() -> Answer {
    let message = "Because the embedded format is 'text', the value must be a string";
    Answer::error(422, 422, message)
}

/// Whether the body passes the bridge's validation.
pub(crate) fn accepts(body: &Body<'_>, format: Embedded) -> Result<(), Answer> {
    if body.absent {
        return Err(invalid(
            "The related request does not contain the required body.",
        ));
    }
    if body.malformed.is_some() {
        return Err(invalid("The request body can't be decoded"));
    }
    if body.mistyped.is_some() {
        return Err(schema_error(&[no_match("records")]));
    }
    if let Some(field) = &body.unknown_to_strimzi {
        return Err(record_error(vec![no_additional(field)]));
    }
    let Some(records) = &body.records else {
        let message = "Cannot invoke \"com.fasterxml.jackson.databind.node.ArrayNode.iterator()\" because \"jsonArray\" is null";
        return Err(Answer::error(422, 422, message));
    };
    for record in records.iter() {
        let Some(value) = record.value else {
            let missing = "Instance does not have required property \"value\"".to_owned();
            return Err(record_error(vec![missing]));
        };
        check("value", Some(value), &["array", "object", "string", "null"])?;
        check("key", record.key, &["array", "object", "string"])?;
        if let Some(found) = record.partition.map(kind).filter(|kind| *kind != "number") {
            return Err(record_error(vec![
                no_match("partition"),
                format!("Instance type {found} is invalid. Expected integer"),
                "Integer does not match the format \"int32\"".to_owned(),
                no_additional("partition"),
            ]));
        }
        if format == Embedded::Text && value.is_null() {
            return Err(text_expected());
        }
    }
    Ok(())
}

fn check(name: &str, raw: Option<Raw<'_>>, allowed: &[&str]) -> Result<(), Answer> {
    let Some(found) = raw.map(kind).filter(|kind| !allowed.contains(kind)) else {
        return Ok(());
    };
    let mut findings = vec![
        no_match(name),
        "A subschema had errors".to_owned(),
        "Instance does not match exactly one subschema (0 matches)".to_owned(),
    ];
    let expected = |kind| format!("Instance type {found} is invalid. Expected {kind}");
    findings.extend(allowed.iter().map(expected));
    findings.push(no_additional(name));
    Err(record_error(findings))
}

fn record_error(findings: Vec<String>) -> Answer {
    let mut all = vec![
        no_match("records"),
        "Items did not match schema".to_owned(),
        "A subschema had errors".to_owned(),
    ];
    all.extend(findings);
    all.push(no_additional("records"));
    schema_error(&all)
}

fn no_match(name: &str) -> String {
    format!("Property \"{name}\" does not match schema")
}

/// The finding for a field that does not belong there.
pub(crate) fn no_additional(name: &str) -> String {
    format!("Property \"{name}\" does not match additional properties schema")
}

fn kind(raw: Raw<'_>) -> &'static str {
    match raw.text.first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// Decodes what it can: foreign characters are dropped and an unpadded tail is cut.
pub(crate) fn base64(raw: Raw<'_>) -> Result<Vec<u8>, Answer> {
    let Some(text) = raw.string() else {
        return Ok(Vec::new());
    };
    if let Some(foreign) = text.chars().rev().find(|c| *c as u32 >= 128) {
        let index = foreign as u32;
        let message = format!("Index {index} out of bounds for length 128");
        return Err(Answer::error(422, 422, &message));
    }
    if text.contains(['-', '_']) {
        return Ok(Vec::new());
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut kept: Vec<u8> = text.bytes().filter(is_base64).collect();
    kept.truncate(kept.len() / 4 * 4);
    Ok(STANDARD.decode(kept).unwrap_or_default())
}
