//! The records of a body as slices of it: those that are alike but for some letters and digits stand in it at even distances.

use super::json::Raw;

/// One record of the body.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RawRecord<'a> {
    pub(crate) key: Option<Raw<'a>>,
    pub(crate) value: Option<Raw<'a>>,
    pub(crate) partition: Option<Raw<'a>>,
}

/// Records in a row whose fields lie alike in each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) first: RawRecord<'a>,
    /// Bytes from one to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn of_one(record: RawRecord<'a>) -> Self {
        Self {
            first: record,
            stride: 0,
            count: 1,
        }
    }

    /// One of them, of which `bytes` is the whole body.
    fn record(&self, bytes: &'a [u8], index: usize) -> RawRecord<'a> {
        let shifted = |field: Option<Raw<'a>>| {
            let text = field?.text;
            let start = place(bytes, text) + index * self.stride;
            let text = &bytes[start..start + text.len()];
            Some(Raw { text })
        };
        RawRecord {
            key: shifted(self.first.key),
            value: shifted(self.first.value),
            partition: shifted(self.first.partition),
        }
    }
}

/// Where a part of a text begins in it.
pub(crate) fn place(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// All records of a body, in order.
#[derive(Debug, Default)]
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    runs: Vec<Run<'a>>,
    count: usize,
}

impl<'a> Records<'a> {
    /// None yet, of this body; there is room for so many runs at first.
    pub(crate) fn of(bytes: &'a [u8], runs: usize) -> Self {
        Self {
            bytes,
            runs: Vec::with_capacity(runs),
            count: 0,
        }
    }

    pub(crate) fn push(&mut self, run: Run<'a>) {
        self.count += run.count;
        self.runs.push(run);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn runs(&self) -> &[Run<'a>] {
        &self.runs
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = RawRecord<'a>> + '_ {
        self.runs.iter().flat_map(|run| {
            let others = (1..run.count).map(|index| run.record(self.bytes, index));
            std::iter::once(run.first).chain(others)
        })
    }
}
