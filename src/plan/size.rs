//! How large records and requests are, known before any is rendered.

use super::{Content, KeyMode, Payload, Plan};
use crate::wire::Format;

/// The fixed parts of a record's JSON value: run, engine thread and request in `id`, a timestamp in ms, an empty payload.
/// In a batch of more than one the id goes on with the record's index in the batch.
pub const VALUE_TEMPLATE: &str =
    r#"{"id":"RRRRRWSSSSSS","timestamp":1790000000000,"system":"krush","payload":""}"#;

/// What an id's numbers are written to: digits, capital and small letters, which sort in this order.
pub const ID_BASE: u32 = 62;

/// Engine threads that the one digit of an id can name.
pub const MAX_THREADS: u32 = ID_BASE;

/// Digits of the index in the batch; none for a batch of one.
pub fn index_digits(batch_size: u32) -> u32 {
    batch_size
        .checked_sub(1)
        .and_then(|last| last.checked_ilog(ID_BASE))
        .map_or(0, |log| log + 1)
}

/// Room for `{"records":[` and `]}`.
const WRAPPER_BYTES: u64 = 14;
/// Room for `{"value":` and `},`; binary adds quotes, and white space that keeps slots on groups of three.
const RECORD_BYTES: u64 = 21;
/// Room for `"key":"…",` with a key of up to 24 characters, base64 included.
const KEY_BYTES: u64 = 42;

/// Bytes of one record's value, as stored; binary adds up to four of white space.
pub fn value_bytes(payload: &Payload, batch_size: u32) -> u64 {
    let text = match payload.content {
        Content::Text => payload.message_size.0,
        Content::Base64 => base64_len(payload.message_size.0),
    };
    VALUE_TEMPLATE.len() as u64 + u64::from(index_digits(batch_size)) + text
}

/// Largest value that Kafka's producer takes by default (`max.request.size` of 1 MiB, less what a record batch adds).
pub const MAX_VALUE_BYTES: u64 = 1_048_480;

/// About how many bytes the body of one request has; never less than it really has.
pub fn body_bytes(plan: &Plan) -> u64 {
    request_body_bytes(&plan.payload, plan.load.batch_size)
}

/// [`body_bytes`] of a payload in batches of `batch_size`.
pub fn request_body_bytes(payload: &Payload, batch_size: u32) -> u64 {
    let value = match payload.format {
        Format::Json => value_bytes(payload, batch_size),
        Format::Binary => base64_len(value_bytes(payload, batch_size)),
    };
    let key = match payload.key {
        KeyMode::None => 0,
        KeyMode::Sequence | KeyMode::Random { .. } | KeyMode::Hot { .. } => KEY_BYTES,
    };
    let record = value.saturating_add(RECORD_BYTES + key);
    record
        .saturating_mul(u64::from(batch_size))
        .saturating_add(WRAPPER_BYTES)
}

fn base64_len(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Layers, Machine, Overrides, Scenario, resolve};

    #[test]
    fn an_id_has_room_for_every_index_of_its_batch() {
        for (batch_size, digits) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (62, 1),
            (63, 2),
            (3_844, 2),
            (3_845, 3),
        ] {
            assert_eq!(index_digits(batch_size), digits, "{batch_size}");
        }
    }

    #[test]
    fn presets_have_the_record_sizes_their_files_promise() {
        for (preset, value, body_at_most) in [
            ("basic", 200, 2_300),
            ("optimized", 200, 222_000),
            ("extreme", 200, 222_000),
            ("64kb", 87_462, 876_000),
        ] {
            let layers = Layers {
                scenario: Scenario::preset(preset).expect(preset),
                environment: Overrides::default(),
                flags: Overrides::default(),
            };
            let (plan, _) = resolve(layers, Machine { parallelism: 2 }).expect(preset);
            assert_eq!(
                value_bytes(&plan.payload, plan.load.batch_size),
                value,
                "{preset}"
            );
            let body = body_bytes(&plan);
            assert!(body <= body_at_most, "{preset}: {body}");
            assert!(body > value * u64::from(plan.load.batch_size), "{preset}");
        }
    }
}
