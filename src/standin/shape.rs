//! What one record of a batch tells of the next: all but its strings, numbers and words is mostly the same.
//!
//! Text that is the same from the same place in the grammar leads to the same place, so it need not be read again.

use super::body::RawRecord;
use super::json::{Gap, MOST_GAPS, Raw, Scanner};

/// Where so many in a row differ from the one before, it does not pay to look for what they have in common.
const MOST_MISSES: usize = 8;

/// The last record, and what it is made of once a second one comes.
#[derive(Debug, Default)]
pub(crate) struct Shape<'a> {
    last: Option<(&'a [u8], RawRecord<'a>)>,
    /// The text before, between and behind its strings, numbers and words.
    gaps: Vec<Gap<'a>>,
    /// Where each of them begins in the record that was last looked at.
    starts: [usize; MOST_GAPS],
    spaces: usize,
    key: Option<Span>,
    value: Option<Span>,
    partition: Option<Span>,
    /// Records that had not the shape of the one before.
    misses: usize,
}

/// First and last byte of a field.
type Span = (Mark, Mark);

/// A place in a record: so many bytes behind where this gap begins.
#[derive(Debug, Clone, Copy)]
struct Mark {
    gap: usize,
    offset: usize,
}

impl<'a> Shape<'a> {
    /// Notes a record that was read in full.
    pub(crate) fn learn(&mut self, text: &'a [u8], record: &RawRecord<'a>, spaces: usize) {
        self.misses += 1;
        self.gaps.clear();
        self.last = (self.misses <= MOST_MISSES).then_some((text, *record));
        self.spaces = spaces;
    }

    /// Reads the next record, if it has this shape; if not, nothing is read.
    pub(crate) fn repeats(
        &mut self,
        scanner: &mut Scanner<'a>,
        record: &mut RawRecord<'a>,
    ) -> bool {
        if let Some((text, last)) = self.last.take() {
            self.take_apart(text, &last);
        }
        if self.gaps.is_empty() {
            return false;
        }
        let Some(bytes) = scanner.follow(&self.gaps, &mut self.starts, self.spaces) else {
            return false;
        };
        let place = |mark: &Mark| self.starts[mark.gap] + mark.offset;
        let field = |span: &Option<Span>| {
            let (start, end) = span.as_ref()?;
            let text = &bytes[place(start)..place(end)];
            Some(Raw { text })
        };
        self.misses = 0;
        *record = RawRecord {
            key: field(&self.key),
            value: field(&self.value),
            partition: field(&self.partition),
        };
        true
    }

    /// Finds the gaps of a record that is known to be right.
    fn take_apart(&mut self, text: &'a [u8], record: &RawRecord<'a>) {
        let mut starts = Vec::new();
        let mut from = 0;
        let mut scanner = Scanner::new(text);
        while let Some((start, end)) = scanner.next_scalar() {
            starts.push(from);
            self.gaps.push(Gap::new(&text[from..start]));
            from = end;
        }
        starts.push(from);
        self.gaps.push(Gap::new(&text[from..]));
        if self.gaps.len() > MOST_GAPS {
            self.gaps.clear();
            return;
        }
        let mark = |place: usize| {
            let mut gaps = starts.iter().zip(&self.gaps);
            let gap =
                gaps.position(|(start, gap)| (*start..=start + gap.len()).contains(&place))?;
            let offset = place - starts[gap];
            Some(Mark { gap, offset })
        };
        let span = |field: Option<Raw<'a>>| {
            let field = field?.text;
            let start = field.as_ptr().addr() - text.as_ptr().addr();
            Some((mark(start)?, mark(start + field.len())?))
        };
        (self.key, self.value, self.partition) =
            (span(record.key), span(record.value), span(record.partition));
    }
}
