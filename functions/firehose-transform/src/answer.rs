//! The answer to Firehose, written record by record and never larger than the budget.
//!
//! Each record's entry is appended when the record is transformed. If the answer does not fit, the
//! sizes of all entries are known: [`fit`] decides which entries keep their data, and the answer is
//! written again from the first entry that loses it. Entries that lose a document are
//! `ProcessingFailed` and listed as [`Overflow`]: if such a record is put back into its source,
//! [`Answer::settle`] replaces its result with `Dropped`.

use base64_simd::STANDARD;

use crate::error::HandlerError;
use crate::outcome::{Failure, Outcome};
use crate::request::{Data, DataMember, Record};

const OPEN: &[u8] = b"{\"records\":[";
const CLOSE: &[u8] = b"]}";
const ID: &[u8] = b"{\"recordId\":\"";
const RESULT: &[u8] = b"\",\"result\":";
const DATA: &[u8] = b",\"data\":\"";
const KAFKA_RECORD_VALUE: &[u8] = b",\"kafkaRecordValue\":\"";
const OK: &[u8] = b"\"Ok\"";
const DROPPED: &[u8] = b"\"Dropped\"";
const FAILED: &[u8] = b"\"ProcessingFailed\"";

/// The outcome and sizes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) outcome: Outcome,
    pub(crate) bytes_in: usize,
    /// Size of its document; 0 if the answer contains none.
    pub(crate) bytes_out: usize,
}

/// A record whose document does not fit in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow {
    /// The index of the record.
    pub(crate) index: usize,
    result_at: usize,
}

/// The answer to one request, with buffers that later requests reuse.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: Vec<u8>,
    pub(crate) fates: Vec<Fate>,
    /// The records whose documents do not fit: failed, until they are settled.
    pub(crate) overflow: Vec<Overflow>,
    sizes: Vec<Size>,
    document: Vec<u8>,
}

impl Answer {
    /// Writes the answer to `records`: the id of each record once, in order. `transform` writes the
    /// document of the record at an index to the given buffer and returns the outcome and the size of the
    /// payload; it is called again for some records if not all fit.
    pub(crate) fn write(
        &mut self,
        records: &[Record<'_>],
        budget: usize,
        mut transform: impl FnMut(usize, &Record<'_>, &mut Vec<u8>) -> (Outcome, usize),
    ) -> Result<(), HandlerError> {
        self.clear();
        let Self { text, fates, sizes, document, .. } = self;
        fates.reserve(records.len());
        sizes.reserve(records.len());
        let mut total = OPEN.len() + CLOSE.len();
        text.extend_from_slice(OPEN);
        for (index, record) in records.iter().enumerate() {
            let (mut outcome, bytes_in) = transform(index, record, document);
            let mut size = Size::of(record, outcome, document);
            if matches!(outcome, Outcome::Ok(_)) && OPEN.len() + size.full + CLOSE.len() > budget {
                outcome = Outcome::Failed(Failure::DocumentTooLarge);
                size = Size::of(record, outcome, document);
            }
            total += size.full + usize::from(index > 0);
            if total <= budget {
                write_entry(record, outcome, document, text);
            }
            let bytes_out = if matches!(outcome, Outcome::Ok(_)) { document.len() } else { 0 };
            fates.push(Fate { outcome, bytes_in, bytes_out });
            sizes.push(size);
        }
        if total > budget {
            self.shorten(records, budget, transform)?;
        }
        self.text.extend_from_slice(CLOSE);
        Ok(())
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fates.clear();
        self.overflow.clear();
        self.sizes.clear();
    }

    /// Writes the answer again from the first record that loses its data.
    fn shorten(
        &mut self,
        records: &[Record<'_>],
        budget: usize,
        mut transform: impl FnMut(usize, &Record<'_>, &mut Vec<u8>) -> (Outcome, usize),
    ) -> Result<(), HandlerError> {
        let Self { text, fates, overflow, sizes, document } = self;
        let whole = fit(sizes, budget)?;
        let first = whole.iter().position(|whole| !whole).unwrap_or(whole.len());
        let commas = first.saturating_sub(1);
        text.truncate(
            OPEN.len() + sizes[..first].iter().map(|size| size.full).sum::<usize>() + commas,
        );
        for (index, record) in records.iter().enumerate().skip(first) {
            let fate = &mut fates[index];
            if whole[index] {
                if matches!(fate.outcome, Outcome::Ok(_)) {
                    transform(index, record, document);
                }
                write_entry(record, fate.outcome, document, text);
                continue;
            }
            let result_at = write_bare(record, FAILED, text);
            text.push(b'}');
            if matches!(fate.outcome, Outcome::Ok(_)) {
                fate.bytes_out = 0;
                overflow.push(Overflow { index, result_at });
            }
        }
        Ok(())
    }

    /// Sets the outcomes of the overflowing records, in order. The result of a record that was put
    /// back is `Dropped`, padded with spaces.
    pub(crate) fn settle(&mut self, outcomes: impl IntoIterator<Item = Outcome>) {
        for (overflow, outcome) in self.overflow.iter().zip(outcomes) {
            self.fates[overflow.index].outcome = outcome;
            if outcome == Outcome::Reingested {
                let result = &mut self.text[overflow.result_at..][..FAILED.len()];
                result.fill(b' ');
                result[..DROPPED.len()].copy_from_slice(DROPPED);
            }
        }
    }
}

/// The sizes of a record's entry.
#[derive(Clone, Copy, Debug)]
struct Size {
    full: usize,
    /// The size without its data, as `ProcessingFailed` if the data is a document.
    bare: usize,
}

impl Size {
    fn of(record: &Record<'_>, outcome: Outcome, document: &[u8]) -> Self {
        let bare = |result: &[u8]| ID.len() + record.id.len() + RESULT.len() + result.len() + 1;
        let with = |result: &[u8], data: usize| bare(result) + before_data(record).len() + data + 1;
        let (full, bare) = match outcome {
            Outcome::Ok(_) => (with(OK, STANDARD.encoded_length(document.len())), bare(FAILED)),
            Outcome::Dropped | Outcome::Reingested => (bare(DROPPED), bare(DROPPED)),
            Outcome::Failed(_) => match own_data(record) {
                Some(data) => (with(FAILED, data.len()), bare(FAILED)),
                None => (bare(FAILED), bare(FAILED)),
            },
        };
        Self { full, bare }
    }
}

/// The text before a record's data in its entry.
const fn before_data(record: &Record<'_>) -> &'static [u8] {
    match record.data_member {
        DataMember::Data => DATA,
        DataMember::KafkaRecordValue => KAFKA_RECORD_VALUE,
    }
}

/// A record's original data, if it is UTF-8, as JSON requires.
fn own_data<'a>(record: &Record<'a>) -> Option<&'a [u8]> {
    match record.data {
        Data::Text { content, .. } => std::str::from_utf8(content).is_ok().then_some(content),
        Data::Missing | Data::NoText => None,
    }
}

/// Decides which entries keep their data: in order, each that fits while all later entries keep at
/// least their id and result.
fn fit(sizes: &[Size], budget: usize) -> Result<Vec<bool>, HandlerError> {
    let commas = sizes.len().saturating_sub(1);
    let bare = sizes.iter().map(|size| size.bare).sum::<usize>();
    let needed = OPEN.len() + bare + commas + CLOSE.len();
    let mut spare =
        budget.checked_sub(needed).ok_or(HandlerError::BudgetTooSmall { needed, budget })?;
    let keeps = |size: &Size| match spare.checked_sub(size.full - size.bare) {
        Some(left) => {
            spare = left;
            true
        }
        None => false,
    };
    Ok(sizes.iter().map(keeps).collect())
}

fn write_entry(record: &Record<'_>, outcome: Outcome, document: &[u8], out: &mut Vec<u8>) {
    match outcome {
        Outcome::Ok(_) => {
            write_bare(record, OK, out);
            out.extend_from_slice(before_data(record));
            STANDARD.encode_append(document, out);
            out.push(b'"');
        }
        Outcome::Dropped | Outcome::Reingested => drop(write_bare(record, DROPPED, out)),
        Outcome::Failed(_) => {
            write_bare(record, FAILED, out);
            if let Some(data) = own_data(record) {
                out.extend_from_slice(before_data(record));
                out.extend_from_slice(data);
                out.push(b'"');
            }
        }
    }
    out.push(b'}');
}

/// Writes an entry up to its result, and returns the position of the result.
fn write_bare(record: &Record<'_>, result: &[u8], out: &mut Vec<u8>) -> usize {
    if out.len() > OPEN.len() {
        out.push(b',');
    }
    out.extend_from_slice(ID);
    out.extend_from_slice(record.id.as_bytes());
    out.extend_from_slice(RESULT);
    let result_at = out.len();
    out.extend_from_slice(result);
    result_at
}

#[cfg(test)]
mod tests {
    use shared::event::{Refusal, TimestampSource};

    use super::*;

    /// Records named by one letter: `o` becomes a document of 30 bytes, `d` is dropped, `f` fails.
    fn answer(letters: &str, budget: usize) -> Result<Answer, HandlerError> {
        let ids: Vec<_> = letters.chars().map(String::from).collect();
        let data = Data::Text { content: b"AAAABBBB", escaped: false };
        let data_member = DataMember::Data;
        let record = |id| Record { id, data, data_member, arrival: b"", partition_key: None };
        let records: Vec<_> = ids.iter().map(|id| record(id.as_str())).collect();
        let mut answer = Answer::default();
        answer.write(&records, budget, |_, record, document| {
            document.clear();
            let outcome = match record.id {
                "o" => {
                    document.extend_from_slice(&[0; 30]);
                    Outcome::Ok(TimestampSource::Event)
                }
                "d" => Outcome::Dropped,
                _ => Outcome::Failed(Failure::Refused(Refusal::InvalidJson)),
            };
            (outcome, 6)
        })?;
        Ok(answer)
    }

    fn text(answer: &Answer) -> &str {
        str::from_utf8(&answer.text).unwrap()
    }

    fn indexes(overflow: &[Overflow]) -> Vec<usize> {
        overflow.iter().map(|overflow| overflow.index).collect()
    }

    #[test]
    fn an_answer_has_every_record_once_and_in_order() {
        let answered = answer("odf", 6_000_000).unwrap();
        let document = "A".repeat(40);
        assert_eq!(
            text(&answered),
            format!(
                "{{\"records\":[{{\"recordId\":\"o\",\"result\":\"Ok\",\"data\":\"{document}\"}},\
                 {{\"recordId\":\"d\",\"result\":\"Dropped\"}},\
                 {{\"recordId\":\"f\",\"result\":\"ProcessingFailed\",\"data\":\"AAAABBBB\"}}]}}"
            )
        );
        assert_eq!(answered.fates.iter().map(|fate| fate.bytes_in).sum::<usize>(), 18);
        assert_eq!(answered.fates.iter().map(|fate| fate.bytes_out).sum::<usize>(), 30);
        assert_eq!(answered.overflow, []);
        assert_eq!(text(&answer("", 1_000).unwrap()), "{\"records\":[]}");
    }

    #[test]
    fn a_budget_of_just_the_answer_changes_nothing_and_one_byte_less_does() {
        for letters in ["o", "oo", "od", "do", "ofd", "oddd", "foofo", "ooooooooo"] {
            let whole = answer(letters, 6_000_000).unwrap().text;
            let same = answer(letters, whole.len()).unwrap();
            assert_eq!((&same.text, same.overflow), (&whole, vec![]), "{letters}");
            let Answer { text: less, fates, overflow, .. } =
                answer(letters, whole.len() - 1).unwrap();
            assert!(less.len() < whole.len(), "{letters}");
            if letters == "o" {
                let failed = Outcome::Failed(Failure::DocumentTooLarge);
                assert_eq!((fates[0].outcome, overflow), (failed, vec![]));
            } else {
                let lost = letters.rfind(['o', 'f']).unwrap();
                let expected = if letters[lost..].starts_with('o') { vec![lost] } else { vec![] };
                assert_eq!(indexes(&overflow), expected, "{letters}");
            }
        }
    }

    #[test]
    fn no_budget_is_exceeded_and_what_fits_is_kept() {
        for letters in ["oooooo", "fofofo", "dodofd", "offffo"] {
            let whole = answer(letters, 6_000_000).unwrap().text;
            let mut before = 0;
            for budget in 0..=whole.len() {
                match answer(letters, budget) {
                    Ok(answered) => {
                        let text = text(&answered);
                        assert!(text.len() <= budget, "{letters} in {budget}");
                        serde_json::from_str::<serde_json::Value>(text).unwrap();
                        let ids = text.matches("recordId").count();
                        assert_eq!(ids, letters.len());
                        let data = text.matches("data").count();
                        assert!(data >= before, "{letters} in {budget}");
                        before = data;
                    }
                    Err(error) => {
                        assert_eq!(before, 0);
                        let HandlerError::BudgetTooSmall { needed, .. } = error else {
                            panic!("{error}")
                        };
                        assert!(needed > budget);
                    }
                }
            }
        }
    }

    #[test]
    fn small_data_is_kept_after_a_large_document_that_is_not() {
        let documents = answer("oo", 6_000_000).unwrap().text;
        // The ids and results leave room for the data of the failed record, but not for a document.
        let cut = answer("oof", documents.len()).unwrap();
        assert_eq!(indexes(&cut.overflow), [0, 1]);
        assert!(text(&cut).contains("\"f\",\"result\":\"ProcessingFailed\",\"data\":\"AAAABBBB\""));
    }

    #[test]
    fn data_that_is_not_utf8_is_left_out() {
        let data = Data::Text { content: b"\xff", escaped: false };
        let data_member = DataMember::Data;
        let record = Record { id: "1", data, data_member, arrival: b"", partition_key: None };
        let mut answer = Answer::default();
        let failed = Outcome::Failed(Failure::Refused(Refusal::InvalidBase64));
        answer.write(&[record], 1_000, |_, _, _| (failed, 0)).unwrap();
        let expected = b"{\"records\":[{\"recordId\":\"1\",\"result\":\"ProcessingFailed\"}]}";
        assert_eq!(answer.text, expected);
    }

    #[test]
    fn a_record_that_was_put_back_becomes_dropped_in_place() {
        let whole = answer("ooo", 6_000_000).unwrap().text;
        let mut answer = answer("ooo", whole.len() - 1).unwrap();
        let before = answer.text.len();
        answer.settle([Outcome::Reingested]);
        let text = text(&answer);
        assert_eq!(text.len(), before);
        assert!(text.ends_with("{\"recordId\":\"o\",\"result\":\"Dropped\"         }]}"), "{text}");
        assert_eq!(answer.fates[2].outcome, Outcome::Reingested);
    }
}
