//! What a run claims of each single record, so that an audit can be held against what is stored.
//!
//! A record's number is that of its request on its engine thread × the batch size + its index in the batch: what its id says. Each
//! connection of a thread takes the next number of its own series, so that the order in which a connection sent its records is known
//! from their numbers. What is not in one of the sets was acked; the sets are empty in a good run, and cost at most a bit a record
//! in any other.

use roaring::RoaringTreemap;

/// A request that was not acked as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number on its engine thread.
    pub number: u64,
    /// Records in it.
    pub records: u32,
    /// Of those, refused.
    pub rejected: u32,
    /// Of those, perhaps stored.
    pub unknown: u32,
}

/// What one engine thread claims.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadClaims {
    /// Request numbers given out by each of its connections, in the order of the connections.
    pub requests: Vec<u64>,
    /// Numbers that no record was sent with: requests never written, and what the last one is short of.
    pub unsent: RoaringTreemap,
    /// Refused: not stored.
    pub rejected: RoaringTreemap,
    /// May or may not be stored.
    pub unknown: RoaringTreemap,
}

/// What a run claims.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims {
    /// The run's name in every record's id.
    pub run: String,
    /// Records in a full request.
    pub batch_size: u32,
    /// One an engine thread, in their order.
    pub threads: Vec<ThreadClaims>,
    /// Records acked by partition; empty if they were not counted.
    pub acked_by_partition: Vec<u64>,
}

impl ThreadClaims {
    /// A thread with this many connections that has sent nothing.
    pub fn new(connections: usize) -> Self {
        Self {
            requests: vec![0; connections],
            ..Self::default()
        }
    }

    /// The number of the next request of `connection`.
    pub fn next_request(&mut self, connection: usize) -> u64 {
        let taken = self.requests[connection];
        self.requests[connection] = taken + 1;
        taken * self.requests.len() as u64 + connection as u64
    }

    /// Which connection sent the request of this number, as how manieth of its own.
    pub fn place(&self, request: u64) -> (usize, u64) {
        let connections = (self.requests.len() as u64).max(1);
        ((request % connections) as usize, request / connections)
    }

    /// Whether this request number was given out.
    pub fn knows(&self, request: u64) -> bool {
        let (connection, number) = self.place(request);
        self.requests
            .get(connection)
            .is_some_and(|given| number < *given)
    }

    /// Notes that a request of `records` was shorter than a batch.
    pub fn short(&mut self, request: u64, records: u32, batch_size: u32) {
        if records < batch_size {
            let first = request * u64::from(batch_size);
            self.unsent
                .insert_range(first + u64::from(records)..first + u64::from(batch_size));
        }
    }

    /// Notes that a request was never written.
    pub fn never_sent(&mut self, request: u64, batch_size: u32) {
        let first = request * u64::from(batch_size);
        self.unsent
            .insert_range(first..first + u64::from(batch_size));
    }

    /// Notes what became of a request that was not acked as a whole; `failed` has the index of each failed entry, and whether it
    /// means not stored.
    pub fn failed(&mut self, batch_size: u32, request: &Request, failed: &[(u32, bool)]) {
        let first = request.number * u64::from(batch_size);
        let all = first..first + u64::from(request.records);
        if request.rejected == request.records {
            self.rejected.insert_range(all);
        } else if request.unknown == request.records {
            self.unknown.insert_range(all);
        } else {
            for &(index, rejected) in failed {
                let set = if rejected {
                    &mut self.rejected
                } else {
                    &mut self.unknown
                };
                set.insert(first + u64::from(index));
            }
        }
    }

    /// The numbers of all records that were acked.
    pub fn acked_numbers(&self, batch_size: u32) -> RoaringTreemap {
        let (batch, connections) = (u64::from(batch_size), self.requests.len() as u64);
        let mut acked = RoaringTreemap::new();
        let all = self.requests.iter().min().copied().unwrap_or(0);
        acked.insert_range(0..all * connections * batch);
        for (connection, given) in (0..).zip(&self.requests) {
            for turn in all..*given {
                let first = (turn * connections + connection) * batch;
                acked.insert_range(first..first + batch);
            }
        }
        acked -= &self.unsent;
        acked -= &self.rejected;
        acked -= &self.unknown;
        acked
    }

    /// Records acked.
    pub fn acked(&self, batch_size: u32) -> u64 {
        let numbered: u64 = self.requests.iter().sum::<u64>() * u64::from(batch_size);
        numbered - self.unsent.len() - self.rejected.len() - self.unknown.len()
    }
}

impl Claims {
    /// Records acked, warm-up included.
    pub fn acked(&self) -> u64 {
        let of = |thread: &ThreadClaims| thread.acked(self.batch_size);
        self.threads.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_a_series_of_its_own() {
        let mut claims = ThreadClaims::new(3);
        let taken: Vec<u64> = [0, 2, 2, 0, 2, 1]
            .into_iter()
            .map(|connection| claims.next_request(connection))
            .collect();
        assert_eq!(taken, [0, 2, 5, 3, 8, 1]);
        assert_eq!(claims.place(8), (2, 2));
        for (request, known) in [(0, true), (3, true), (6, false), (4, false), (8, true)] {
            assert_eq!(claims.knows(request), known, "{request}");
        }
    }

    #[test]
    fn what_is_in_no_set_is_acked() {
        let mut claims = ThreadClaims::new(1);
        for _ in 0..5 {
            claims.next_request(0);
        }
        claims.never_sent(4, 10);
        claims.short(3, 7, 10);
        claims.short(2, 10, 10);
        let request = |number, rejected, unknown| Request {
            number,
            records: 10,
            rejected,
            unknown,
        };
        claims.failed(10, &request(0, 0, 10), &[]);
        claims.failed(10, &request(1, 1, 1), &[(9, true), (0, false)]);
        assert_eq!(claims.acked(10), 50 - 10 - 3 - 10 - 2);
        let acked: Vec<u64> = claims.acked_numbers(10).iter().collect();
        assert_eq!(acked.len() as u64, claims.acked(10));
        let expected = (11..19).chain(20..37);
        assert_eq!(acked, expected.collect::<Vec<u64>>());
        assert_eq!(claims.unknown.len(), 11);
        assert!(claims.rejected.contains(19));
        assert_eq!(claims.unsent.min(), Some(37));
    }
}
