//! What a stand-in's capacity model says, as text and data: `workers=2,request=230us,record=8us,latency=5ms`, see `docs/serve.md`.
//!
//! A plan only reads and prints it; a stand-in runs its [`Queue`]. The defaults are fitted to what a Confluent REST Proxy
//! 8.0.5 did on 2 cores (`docs/tuning.md`, the shape of the load); `fit.rs` holds them against each cell of that table.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::units::{duration_word, parse_duration};

#[cfg(test)]
pub(crate) mod fit;
mod queue;

pub use queue::{Queue, Work};

/// How much a server can do, and how long it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    /// Requests worked on at once; at least 1.
    pub workers: u32,
    /// Work for a request, whatever is in it.
    pub request: Duration,
    /// Work for each record in it.
    pub record: Duration,
    /// Time between the end of the work and the answer to a produce request that takes no worker, as `linger.ms` does.
    pub latency: Duration,
    /// Records in flight at which all work takes twice as long (garbage collection, contention); it grows with the square
    /// root. `None`: never.
    pub slow: Option<u64>,
    /// Requests that may wait for a worker; one more is refused. `None`: any number, as in Confluent's proxy.
    pub queue: Option<u32>,
    /// Capacity as a multiple of what the other figures give: all work takes `1 / scale` times as long.
    pub scale: f64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            workers: 2,
            request: Duration::from_micros(230),
            record: Duration::from_micros(8),
            latency: Duration::from_millis(5),
            slow: Some(200_000),
            queue: None,
            scale: 1.0,
        }
    }
}

/// What a model is written like, for messages.
const WANTED: &str = "write default, or any of workers=2,request=230us,record=8us,latency=5ms,slow=200000,queue=1000,scale=0.5";
/// What the server's name says before the model.
const MARK: &str = ", capacity model ";
const MOST_WORKERS: u32 = 10_000;
/// More work than this for one request or record is a mistake.
const MOST_WORK: Duration = Duration::from_mins(1);

impl Model {
    /// Work for a request of so many records, with so many in flight, itself included, in ns.
    pub fn work_ns(&self, records: u64, in_flight: u64) -> u64 {
        let plain = self.request.as_nanos() as f64 + self.record.as_nanos() as f64 * records as f64;
        let slower = self
            .slow
            .map_or(0.0, |slow| (in_flight as f64 / slow as f64).sqrt());
        (plain * (1.0 + slower) / self.scale) as u64
    }

    /// A server's name with its model, so that it never passes for a plain one.
    pub fn named(&self, server: &str) -> String {
        format!("{server}{MARK}{self}")
    }
}

/// The model that a server's name tells of.
pub fn of_server(name: &str) -> Option<&str> {
    let (_, model) = name.split_once(MARK)?;
    // Manners of a dialect may follow.
    model.split(' ').next()
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut model = Self::default();
        if text == "default" {
            return Ok(model);
        }
        for part in text.split(',') {
            let Some((name, value)) = part.split_once('=') else {
                return Err(format!("`{part}` is no part of a model: {WANTED}"));
            };
            model.set(name.trim(), value.trim())?;
        }
        if model.request.is_zero() && model.record.is_zero() {
            return Err(format!(
                "`{text}`: work of nothing at all has no capacity: {WANTED}"
            ));
        }
        Ok(model)
    }
}

impl Model {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "workers" => self.workers = whole(name, value, 1, u64::from(MOST_WORKERS))? as u32,
            "request" => self.request = work(name, value)?,
            "record" => self.record = work(name, value)?,
            "latency" => self.latency = work(name, value)?,
            "slow" => self.slow = unless_none(name, value, 1)?,
            "queue" => self.queue = unless_none(name, value, 0)?.map(|queue| queue as u32),
            "scale" => {
                let scale = value.parse().ok();
                self.scale = scale
                    .filter(|scale| (0.0001..=10_000.0).contains(scale))
                    .ok_or_else(|| {
                        format!("{name}: `{value}` is not a number from 0.0001 to 10000")
                    })?;
            }
            _ => return Err(format!("`{name}` is no part of a model: {WANTED}")),
        }
        Ok(())
    }
}

fn work(name: &str, value: &str) -> Result<Duration, String> {
    let time = parse_duration(value).map_err(|why| format!("{name}: {why}"))?;
    if time > MOST_WORK {
        return Err(format!("{name}: `{value}` is too long: at most 1m"));
    }
    Ok(time)
}

fn whole(name: &str, value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.replace('_', "").parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{name}: `{value}` is not a number from {least} to {most}"))
}

fn unless_none(name: &str, value: &str, least: u64) -> Result<Option<u64>, String> {
    if value == "none" {
        return Ok(None);
    }
    let number = whole(name, value, least, 1_000_000_000);
    number.map(Some).map_err(|why| format!("{why}, or none"))
}

impl fmt::Display for Model {
    /// As [`FromStr`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [request, record, latency] =
            [self.request, self.record, self.latency].map(duration_word);
        write!(
            f,
            "workers={},request={request},record={record},latency={latency}",
            self.workers
        )?;
        match self.slow {
            Some(slow) => write!(f, ",slow={slow}")?,
            None => write!(f, ",slow=none")?,
        }
        if let Some(queue) = self.queue {
            write!(f, ",queue={queue}")?;
        }
        if (self.scale - 1.0).abs() > f64::EPSILON {
            write!(f, ",scale={}", self.scale)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_as_it_is_printed() {
        for (text, printed) in [
            (
                "default",
                "workers=2,request=230us,record=8us,latency=5ms,slow=200000",
            ),
            (
                "scale=0.5",
                "workers=2,request=230us,record=8us,latency=5ms,slow=200000,scale=0.5",
            ),
            (
                "workers=1,record=0us,latency=0s,slow=none,queue=10",
                "workers=1,request=230us,record=0us,latency=0us,slow=none,queue=10",
            ),
        ] {
            let model: Model = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(model.to_string(), printed, "{text}");
            assert_eq!(model.to_string().parse(), Ok(model));
            let name = model.named("krush 0.1.0 stand-in");
            assert_eq!(of_server(&name), Some(model.to_string().as_str()));
            let manners = format!("{name} (strimzi manners)");
            assert_eq!(of_server(&manners), Some(model.to_string().as_str()));
        }
        assert_eq!(of_server("krush 0.1.0 stand-in"), None);
    }

    #[test]
    fn what_is_no_model_is_refused_with_what_to_write() {
        let error = |text: &str| text.parse::<Model>().expect_err(text);
        insta::assert_snapshot!(
            ["", "fast", "workers=0", "cores=2", "request=5", "record=2m", "queue=x", "scale=0", "request=0s,record=0s"]
                .map(error)
                .join("\n"),
            @"
        `` is no part of a model: write default, or any of workers=2,request=230us,record=8us,latency=5ms,slow=200000,queue=1000,scale=0.5
        `fast` is no part of a model: write default, or any of workers=2,request=230us,record=8us,latency=5ms,slow=200000,queue=1000,scale=0.5
        workers: `0` is not a number from 1 to 10000
        `cores` is no part of a model: write default, or any of workers=2,request=230us,record=8us,latency=5ms,slow=200000,queue=1000,scale=0.5
        request: `5` is not a duration: write a number with a unit, such as 30s, 500ms or 1m30s
        record: `2m` is too long: at most 1m
        queue: `x` is not a number from 0 to 1000000000, or none
        scale: `0` is not a number from 0.0001 to 10000
        `request=0s,record=0s`: work of nothing at all has no capacity: write default, or any of workers=2,request=230us,record=8us,latency=5ms,slow=200000,queue=1000,scale=0.5
        "
        );
    }
}
