//! Which Kafka this is. No request of Kafka's protocol tells a broker's version; ApiVersions tells the newest
//! `metadata.version` it can run, which belongs to one minor release. The patch level has to be told by the user.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::protocol::Reader;

/// First `metadata.version` level of each minor release (`MetadataVersion` in Kafka's `server-common`).
const RELEASES: [(i16, &str); 12] = [
    (1, "3.0"),
    (4, "3.3"),
    (8, "3.4"),
    (9, "3.5"),
    (12, "3.6"),
    (15, "3.7"),
    (20, "3.8"),
    (21, "3.9"),
    (22, "4.0"),
    (26, "4.1"),
    (28, "4.2"),
    (30, "4.3"),
];
/// The last level that is known to belong to the last release above.
const NEWEST_LEVEL: i16 = 30;
/// An ApiVersions answer has some kilobytes; anything longer is no Kafka.
const MAX_ANSWER_BYTES: u32 = 1024 * 1024;

/// ApiVersions request: its size, api 18, version 3, correlation id 1, client "krush", no tags; then the body:
/// software "krush", version "1", no tags.
const REQUEST: &[u8] = b"\0\0\0\x19\0\x12\0\x03\0\0\0\x01\0\x05krush\0\x06krush\x021\0";

/// The newest `metadata.version` level the broker supports; `None` if it does not say.
pub(super) fn ask(host: &str, port: u16, timeout: Duration) -> Option<i16> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = (host, port).to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&address, timeout).ok()?;
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.set_write_timeout(Some(timeout)).ok()?;
    stream.write_all(REQUEST).ok()?;
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let size = u32::from_be_bytes(size);
    if size > MAX_ANSWER_BYTES {
        return None;
    }
    let mut answer = vec![0; size as usize];
    stream.read_exact(&mut answer).ok()?;
    metadata_version(&answer)
}

/// The name of the server in every output.
pub(super) fn server_name(told: Option<&str>, level: Option<i16>) -> String {
    let release = level.and_then(release);
    let name = "krush front on Apache Kafka";
    match (told, release) {
        (Some(told), Some(seen)) if !belongs(told, seen) => {
            format!("{name} {seen} (told to be {told})")
        }
        (Some(told), _) => format!("{name} {told}"),
        (None, Some(seen)) => format!("{name} {seen}"),
        (None, None) => match level {
            Some(level) => format!("{name} (metadata.version {level})"),
            None => format!("{name} (version unknown)"),
        },
    }
}

/// Whether a full version such as 4.3.1 is of the release 4.3.
fn belongs(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

fn release(level: i16) -> Option<&'static str> {
    let known = RELEASES.iter().rev().find(|(first, _)| level >= *first);
    known
        .filter(|_| level <= NEWEST_LEVEL)
        .map(|(_, name)| *name)
}

/// Finds the supported `metadata.version` in an ApiVersions answer, version 3 (without its size prefix).
fn metadata_version(answer: &[u8]) -> Option<i16> {
    let mut rest = Reader(answer);
    rest.skip(4)?;
    if rest.i16()? != 0 {
        return None;
    }
    for _ in 1..rest.uvarint()? {
        rest.skip(6)?;
        rest.tags()?;
    }
    rest.skip(4)?;
    for _ in 0..rest.uvarint()? {
        let tag = rest.uvarint()?;
        let size = rest.uvarint()?;
        let mut field = Reader(rest.take(size)?);
        // Tag 0: the features the broker supports (1 and 2 are those in force).
        if tag != 0 {
            continue;
        }
        for _ in 1..field.uvarint()? {
            let length = field.uvarint()?.checked_sub(1)?;
            let name = field.take(length)?;
            let _lowest = field.i16()?;
            let highest = field.i16()?;
            field.tags()?;
            if name == b"metadata.version" {
                return Some(highest);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_only_what_was_seen_or_told() {
        for (told, level, name) in [
            (None, None, "(version unknown)"),
            (None, Some(30), "4.3"),
            (None, Some(29), "4.2"),
            (None, Some(7), "3.3"),
            (None, Some(99), "(metadata.version 99)"),
            (Some("4.3.1"), Some(30), "4.3.1"),
            (Some("4.3"), Some(30), "4.3"),
            (Some("4.3.1"), None, "4.3.1"),
            (Some("4.30.0"), Some(30), "4.3 (told to be 4.30.0)"),
            (Some("4.2.0"), Some(30), "4.3 (told to be 4.2.0)"),
        ] {
            assert_eq!(
                server_name(told, level),
                format!("krush front on Apache Kafka {name}")
            );
        }
    }

    /// Recorded from Apache Kafka 4.3.1 (`metadata.version` 7 to 30 supported, 30 in force).
    const RECORDED: &[u8] = include_bytes!("../../../tests/kafka/api-versions-4.3.1.bin");

    #[test]
    fn reads_the_recorded_answer_and_survives_it_cut_anywhere() {
        assert_eq!(metadata_version(RECORDED), Some(30));
        let name = b"metadata.version";
        let found = RECORDED.windows(name.len()).position(|bytes| bytes == name);
        // The name, two levels, no tags: cut before its end there is nothing to see, and no panic.
        let end = found.unwrap() + name.len() + 5;
        for length in 0..end {
            assert_eq!(metadata_version(&RECORDED[..length]), None, "{length}");
        }
        let mut refused = RECORDED.to_vec();
        refused[5] = 35;
        assert_eq!(metadata_version(&refused), None);
    }

    #[test]
    fn the_request_gives_its_own_length() {
        let size = u32::from_be_bytes(*REQUEST.first_chunk().unwrap());
        assert_eq!(size as usize, REQUEST.len() - 4);
    }
}
