//! What one record of a batch tells of the next: all but its strings, numbers and words is mostly the same.
//!
//! Text that is the same from the same place in the grammar leads to the same place, so it need not be read again.

use super::json::{Gap, MOST_GAPS, Raw, Scanner};
use super::records::{RawRecord, Run, place};
use super::template::Template;

/// Where so many in a row differ from the one before, it does not pay to look for what they have in common.
const MOST_MISSES: usize = 8;
/// As many templates are made in one body.
const MOST_TEMPLATES: usize = 16;

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
    /// For those that are as long as the last one, too.
    template: Option<Template<'a>>,
    /// How long the last record was that was no template's.
    length: usize,
    /// Templates made.
    templates: usize,
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
        self.template = None;
        self.last = (self.misses <= MOST_MISSES).then_some((text, *record));
        self.spaces = spaces;
    }

    /// Reads the next records, if they have this shape; if not, nothing is read.
    pub(crate) fn repeats(&mut self, scanner: &mut Scanner<'a>) -> Option<Run<'a>> {
        if let Some((text, last)) = self.last.take() {
            self.take_apart(text, &last);
            self.renew(text, &last);
        }
        if self.gaps.is_empty() {
            return None;
        }
        let start = scanner.start();
        if let Some(template) = &self.template
            && let Some(run) = scanner.follow_template(template, self.spaces)
        {
            self.misses = 0;
            return Some(run);
        }
        let bytes = scanner.follow(&self.gaps, &mut self.starts, self.spaces)?;
        let place = |mark: &Mark| self.starts[mark.gap] + mark.offset;
        let field = |span: &Option<Span>| {
            let (start, end) = span.as_ref()?;
            let text = &bytes[place(start)..place(end)];
            Some(Raw { text })
        };
        let record = RawRecord {
            key: field(&self.key),
            value: field(&self.value),
            partition: field(&self.partition),
        };
        self.misses = 0;
        let text = scanner.since(start);
        if text.len() == self.length {
            self.renew(text, &record);
        }
        self.length = text.len();
        Some(Run::of_one(record))
    }

    /// Makes a template of a record, unless there is one for its length.
    fn renew(&mut self, text: &'a [u8], record: &RawRecord<'a>) {
        let is_there = |template: &Template<'a>| template.len() == text.len();
        if self.templates < MOST_TEMPLATES && !self.template.as_ref().is_some_and(is_there) {
            self.templates += 1;
            self.template = Template::new(text, record);
        }
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
            let start = place(text, field);
            Some((mark(start)?, mark(start + field.len())?))
        };
        (self.key, self.value, self.partition) =
            (span(record.key), span(record.value), span(record.partition));
    }
}
