//! The queue of a model in virtual time: when each request will be answered, computed as it comes, without doing the work.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::Model;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Records in it.
    pub records: u64,
    /// It is a produce request: its answer takes the model's latency too.
    pub produce: bool,
}

/// Requests in line for a model's workers. Times are in ns since any moment, and never go back.
#[derive(Debug)]
pub struct Queue {
    model: Model,
    /// When each worker is free.
    free: BinaryHeap<Reverse<u64>>,
    /// When each request that waits will be begun, the next first.
    waiting: VecDeque<u64>,
    /// When each request in flight will be answered, and its records.
    in_flight: BinaryHeap<Reverse<(u64, u64)>>,
    records: u64,
}

impl Queue {
    /// Nobody is served, nobody waits.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            free: (0..model.workers.max(1)).map(|_| Reverse(0)).collect(),
            waiting: VecDeque::new(),
            in_flight: BinaryHeap::new(),
            records: 0,
        }
    }

    /// Takes a request in: when it will be answered; `None`: too many wait, it is refused. The work is done even if
    /// nobody waits for the answer any more.
    pub fn admit(&mut self, now: u64, work: Work) -> Option<u64> {
        self.advance(now);
        let Reverse(free) = *self.free.peek()?;
        let waits = free > now;
        if waits
            && self
                .model
                .queue
                .is_some_and(|most| self.waiting.len() >= most as usize)
        {
            return None;
        }
        self.free.pop();
        self.records += work.records;
        let begun = now.max(free);
        let done = begun + self.model.work_ns(work.records, self.records);
        self.free.push(Reverse(done));
        if waits {
            self.waiting.push_back(begun);
        }
        let latency = if work.produce {
            self.model.latency.as_nanos() as u64
        } else {
            0
        };
        self.in_flight.push(Reverse((done + latency, work.records)));
        Some(done + latency)
    }

    fn advance(&mut self, now: u64) {
        while self.waiting.front().is_some_and(|begun| *begun <= now) {
            self.waiting.pop_front();
        }
        while let Some(Reverse((answered, records))) = self.in_flight.peek().copied()
            && answered <= now
        {
            self.in_flight.pop();
            self.records -= records;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fit::closed_loop;

    fn model(text: &str) -> Model {
        text.parse().expect("a model")
    }

    fn batch(records: u64) -> Work {
        Work {
            records,
            produce: true,
        }
    }

    #[test]
    fn an_idle_server_takes_its_work_and_its_latency() {
        let model = model("request=200us,record=10us,latency=5ms,slow=none");
        let mut queue = Queue::new(model);
        assert_eq!(
            queue.admit(1_000, batch(100)),
            Some(1_000 + 1_200_000 + 5_000_000)
        );
        let look = Work {
            records: 0,
            produce: false,
        };
        assert_eq!(
            queue.admit(9_000_000, look),
            Some(9_200_000),
            "no latency but for produce"
        );
    }

    #[test]
    fn saturated_it_does_what_its_workers_can() {
        for (workers, scale) in [(1, 1.0), (2, 1.0), (8, 1.0), (2, 0.25)] {
            let model = model(&format!(
                "workers={workers},request=200us,record=8us,latency=5ms,slow=none,scale={scale}"
            ));
            let seen = closed_loop(model, 100, 200, 20_000);
            let wanted = f64::from(workers) * scale / 1e-3 * 100.0;
            let ratio = seen.records_per_sec / wanted;
            assert!((ratio - 1.0).abs() < 0.01, "{workers} workers: {ratio}");
            // Little's law: in flight = requests per second × time in the system.
            let in_flight = seen.records_per_sec / 100.0 * seen.mean_ns / 1e9;
            assert!((in_flight / 200.0 - 1.0).abs() < 0.02, "{in_flight}");
        }
    }

    #[test]
    fn load_in_flight_slows_the_work_down() {
        let model = model("request=0s,record=10us,latency=0s,slow=1000");
        assert_eq!(model.work_ns(100, 0), 1_000_000);
        assert_eq!(model.work_ns(100, 1_000), 2_000_000);
        assert_eq!(model.work_ns(100, 4_000), 3_000_000);
    }

    #[test]
    fn a_full_queue_refuses_until_somebody_is_begun() {
        let mut queue = Queue::new(model(
            "workers=1,request=1ms,record=0s,latency=0s,slow=none,queue=2",
        ));
        let one = Work {
            records: 1,
            produce: true,
        };
        let answers = [0, 0, 0, 0].map(|now| queue.admit(now, one));
        assert_eq!(
            answers,
            [Some(1_000_000), Some(2_000_000), Some(3_000_000), None]
        );
        assert_eq!(
            queue.admit(1_000_000, one),
            Some(4_000_000),
            "the second is begun"
        );
        assert_eq!(queue.admit(1_000_001, one), None);
    }
}
