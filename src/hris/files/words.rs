//! What is wrong with a file, in a sentence for who has to mend it: which place, which rule, what to do next.

use std::collections::BTreeMap;

/// Code, what is wrong, and what to do.
const WORDS: &[(&str, &str, &str)] = &[
    ("csv.empty", "the file is empty", "look at the export"),
    (
        "csv.no_rows",
        "the file has a header and no rows",
        "look at the export; nobody is changed by an empty list",
    ),
    (
        "csv.nobody_active",
        "nobody in the file is employed",
        "look at the column of the status and at the dates",
    ),
    (
        "csv.too_long",
        "the file is larger than 100 MB",
        "export only people, without documents or history",
    ),
    (
        "csv.too_many_rows",
        "the file has too many rows",
        "export one row for each person",
    ),
    (
        "csv.too_many_columns",
        "the file has too many columns",
        "export only the columns that are needed",
    ),
    (
        "csv.too_many_bad",
        "too many rows cannot be read",
        "mend the rows, or the delimiter and the quote character",
    ),
    (
        "csv.encoding",
        "some bytes are no text in this encoding",
        "export as UTF-8, or set `encoding`",
    ),
    (
        "csv.not_text",
        "this is no CSV but a workbook, a PDF or another kind of file",
        "export as CSV",
    ),
    (
        "csv.html",
        "this is a web page: perhaps the one on which one signs in",
        "look at how the export is fetched",
    ),
    (
        "csv.formula_error",
        "a spreadsheet wrote an error here instead of the id",
        "mend the cell and export again",
    ),
    (
        "csv.header_too_long",
        "the first line is too long for a header",
        "look at the export",
    ),
    (
        "csv.quote_open",
        "a quote is never closed: the file may be cut off",
        "export it again, or double quotes inside cells",
    ),
    (
        "csv.header_quote",
        "the header has a quote in the wrong place",
        "mend the first line",
    ),
    (
        "csv.column_missing",
        "a column is missing that cannot be done without",
        "add it, or name it in `columns`",
    ),
    (
        "csv.column_unknown",
        "a column that the settings name is not there",
        "correct `columns`, or the export",
    ),
    (
        "csv.column_gone",
        "a column that the last file had is not there",
        "add it again; if it is gone for good, set `columns` to its name, `=` and nothing",
    ),
    (
        "csv.changes_need_status",
        "a file of changes says who left, by a status or an end date",
        "add the column, or set `holds` to everybody",
    ),
    (
        "csv.date_ambiguous",
        "day and month of this column could be either",
        "set `dates` to the way in which they are written",
    ),
    (
        "csv.date_format",
        "the dates of this column are not all written in one known way",
        "mend them, or set `dates`",
    ),
    ("csv.date", "this is no date", "mend the cell"),
    (
        "csv.status",
        "this status word is not known",
        "set it in `status_words`",
    ),
    (
        "csv.status_unknown",
        "a status word is not known; its rows are refused",
        "set it in `status_words`",
    ),
    (
        "csv.no_id",
        "the row has no id",
        "fill it in: without one nobody knows whom the row is about",
    ),
    (
        "csv.id_repeated",
        "the id is there more than once, with different cells",
        "mend it, or set `several_rows` to yes",
    ),
    (
        "csv.email_shared",
        "two people have this address",
        "give each her own",
    ),
    (
        "csv.quote",
        "a quote is in the wrong place",
        "double quotes inside cells",
    ),
    (
        "csv.cells",
        "the row has too few or too many cells",
        "put cells with a delimiter inside into quotes",
    ),
    (
        "csv.cell_too_long",
        "a cell is longer than 64 KiB",
        "look at the row",
    ),
    (
        "csv.scientific",
        "a spreadsheet turned the id into a number",
        "format the column as text and export again",
    ),
    (
        "csv.turned_into_date",
        "a spreadsheet turned the id into a date",
        "format the column as text and export again",
    ),
    (
        "csv.no_email_column",
        "there is no column with e-mail addresses",
        "add one: nobody can be matched or invited without",
    ),
    (
        "csv.encoding_guessed",
        "the file is not UTF-8 and was read as Windows-1252",
        "look at names with accents; set `encoding` if they are wrong",
    ),
    (
        "csv.encoding_mixed",
        "parts of the file are UTF-8 and others are not",
        "export it in one encoding",
    ),
    (
        "csv.header_repeated",
        "a header is there twice",
        "rename one",
    ),
    ("csv.header_empty", "a column has no header", "name it"),
    (
        "csv.one_column",
        "there is only one column",
        "look at the delimiter",
    ),
    (
        "csv.rows_equal",
        "rows are there twice, cell by cell",
        "they count once",
    ),
    (
        "csv.ids_shorter",
        "ids are shorter than in the last file: a spreadsheet may have cut leading zeros",
        "compare them before more is done",
    ),
    (
        "file.older",
        "it is older than the last one that was read",
        "deliver a newer one",
    ),
    (
        "file.changed",
        "it was changed while it was read",
        "deliver it again, best under another name until it is complete",
    ),
    (
        "file.not_yet",
        "it is not complete yet, or still being written",
        "nothing: it is looked at again in half a minute",
    ),
    (
        "file.unreadable",
        "the file cannot be read",
        "look at its name and its rights",
    ),
    (
        "file.none",
        "no file has come",
        "look at the export and at the names that `pattern` takes",
    ),
    (
        "file.expired",
        "it waited for more than a day and was thrown away",
        "send it again",
    ),
    (
        "file.folder",
        "the folder's name cannot be used",
        "tell the operator",
    ),
    (
        "file.folder_missing",
        "the folder is not there",
        "make it; a link does not count",
    ),
    (
        "file.too_many",
        "there are too many files in the folder",
        "take old ones away",
    ),
    (
        "file.too_long",
        "the file is larger than 100 MB",
        "export only people, without documents or history",
    ),
    (
        "file.not_taken",
        "this connection reads no files",
        "name one of the connectors `csv`, `folder` or `sftp`",
    ),
    (
        "sftp.no_credential",
        "there is neither a password nor a private key",
        "enter one of them",
    ),
    (
        "sftp.sign_in",
        "the server does not let this user in",
        "enter another password or key, or have the server's owner add the key",
    ),
    (
        "sftp.host_key",
        "the server shows another key than the pinned one",
        "ask its owner whether the key was changed; until then nobody signs in",
    ),
    (
        "sftp.host_key_format",
        "this is no fingerprint",
        "enter SHA256:…, as ssh-keygen -lf shows it",
    ),
    (
        "sftp.unreachable",
        "the server cannot be reached",
        "look at host, port and firewall",
    ),
    (
        "sftp.handshake",
        "the server offers no way of encryption that is safe today",
        "have it updated",
    ),
    (
        "file.no_root",
        "this installation watches no folders",
        "have the operator set files_dir",
    ),
];

/// A sentence about a problem with a file; of a code that has none, the code.
pub fn explain(code: &str, params: &BTreeMap<String, String>) -> String {
    sentence(code, params).unwrap_or_else(|| format!("{code}{}", shown(params)))
}

/// The same; none for a code that is not about files.
pub fn sentence(code: &str, params: &BTreeMap<String, String>) -> Option<String> {
    let (_, what, next) = WORDS.iter().find(|(known, ..)| *known == code)?;
    Some(format!("{what}{}: {next}", shown(params)))
}

fn shown(params: &BTreeMap<String, String>) -> String {
    let shown: Vec<String> = params
        .iter()
        .filter(|(name, _)| *name != "id")
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!(" ({})", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_the_place_and_no_id() {
        let params = BTreeMap::from([
            ("field".to_owned(), "status".to_owned()),
            ("id".to_owned(), "7".to_owned()),
        ]);
        assert_eq!(
            explain("csv.status", &params),
            "this status word is not known (field status): set it in `status_words`"
        );
        assert_eq!(
            explain("csv.unheard_of", &BTreeMap::new()),
            "csv.unheard_of"
        );
    }

    #[test]
    fn every_code_of_a_file_has_one() {
        let sources = [
            include_str!("mapping.rs"),
            include_str!("mapping/fields.rs"),
            include_str!("mapping/twice.rs"),
            include_str!("folder.rs"),
            include_str!("../formats/csv.rs"),
            include_str!("../formats/csv/excel.rs"),
            include_str!("../formats/csv/header.rs"),
            include_str!("../formats/csv/records.rs"),
            include_str!("../formats/csv/source.rs"),
        ];
        for source in sources {
            for text in source.split('"').skip(1).step_by(2) {
                let is_code = ["csv.", "file."].iter().any(|p| text.starts_with(p))
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b"._".contains(&b))
                    && !["csv.io", "file.io", "file.pattern"].contains(&text);
                if is_code {
                    assert!(WORDS.iter().any(|(known, ..)| *known == text), "{text}");
                }
            }
        }
    }
}
