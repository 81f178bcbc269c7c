//! Entries as lines of CSV (RFC 4180) that a spreadsheet opens and does not run.

use csv::{Terminator, WriterBuilder};
use ledger::entry::Entry;

use crate::shown::ShownEntry;

/// The columns, in order: the members of the JSON, with a reason in the column of notes.
const COLUMNS: [&str; 17] = [
    "id",
    "kind",
    "credits",
    "at",
    "actor",
    "holdId",
    "status",
    "charged",
    "feature",
    "model",
    "quantity",
    "priceVersion",
    "source",
    "expiresAt",
    "key",
    "payment",
    "note",
];

/// The line of the columns' names.
pub(super) fn header() -> Result<Vec<u8>, csv::Error> {
    line(&COLUMNS.map(str::to_owned))
}

/// The line of one entry.
pub(super) fn row(entry: &Entry) -> Result<Vec<u8>, csv::Error> {
    let shown = ShownEntry::of(entry);
    let or_empty = |value: Option<String>| value.unwrap_or_default();
    let cells: [String; COLUMNS.len()] = [
        shown.id,
        shown.kind.to_owned(),
        shown.credits.to_string(),
        shown.at.to_string(),
        harmless(shown.actor),
        or_empty(shown.hold_id),
        shown.status.unwrap_or_default().to_owned(),
        or_empty(shown.charged.map(|credits| credits.to_string())),
        harmless(or_empty(shown.feature)),
        harmless(or_empty(shown.model)),
        or_empty(shown.quantity.map(|quantity| quantity.to_string())),
        or_empty(shown.price_version.map(|version| version.to_string())),
        shown.source.unwrap_or_default().to_owned(),
        or_empty(shown.expires_at.map(|at| at.to_string())),
        harmless(or_empty(shown.key)),
        harmless(or_empty(shown.payment)),
        harmless(or_empty(shown.note.or(shown.reason))),
    ];
    line(&cells)
}

/// A text that a spreadsheet does not take for a formula. Whoever names a model or writes a note
/// would otherwise run it on the machine of the admin who opens the file.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        return format!("'{text}");
    }
    text
}

fn line(cells: &[String]) -> Result<Vec<u8>, csv::Error> {
    let mut builder = WriterBuilder::new();
    builder.terminator(Terminator::CRLF).buffer_capacity(256);
    let mut writer = builder.from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use ledger::{AccountId, Credits, EntryId, entry::Actor, entry::Cause};

    use super::*;

    fn adjusted(reason: &str) -> String {
        let entry = Entry {
            id: EntryId::Own("01JD3Q7Z8M0000000000000000".parse().unwrap()),
            account: AccountId::parse("user_1").unwrap(),
            amount: Credits::new(-5).unwrap(),
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
            actor: Actor::Admin("user_admin".to_owned()),
            cause: Cause::Adjustment { reason: Some(reason.to_owned()) },
        };
        String::from_utf8(row(&entry).unwrap()).unwrap()
    }

    #[test]
    fn a_line_has_a_cell_for_every_column_and_numbers_stay_numbers() {
        let expected = "01JD3Q7Z8M0000000000000000,adjustment,-5,2026-11-20T12:00:00Z,\
                        admin:user_admin,,,,,,,,,,,,test\r\n";
        assert_eq!(adjusted("test"), expected);
        let names = String::from_utf8(header().unwrap()).unwrap();
        assert_eq!(names.matches(',').count(), expected.matches(',').count());
    }

    #[test]
    fn a_text_is_quoted_where_it_must_be_and_never_a_formula() {
        for (reason, cell) in [
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a=1", "a=1"),
        ] {
            let line = adjusted(reason);
            assert!(line.ends_with(&format!(",{cell}\r\n")), "{line}");
        }
    }
}
