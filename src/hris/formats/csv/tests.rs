//! Every trap of files that people export.

use std::io::Cursor;

use proptest::prelude::*;
use serde_json::json;

use super::*;

type Read = (Dialect, Vec<Row>, Vec<Refused>);

fn options() -> Options {
    let key_columns = ["employee_id", "work_email", "first_name"]
        .map(str::to_owned)
        .to_vec();
    Options {
        key_columns,
        ..Options::default()
    }
}

fn read_with(bytes: impl AsRef<[u8]>, options: &Options) -> Result<Read, Problem> {
    let mut reader = Reader::open(Cursor::new(bytes.as_ref().to_vec()), options)?;
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for step in reader.by_ref() {
        match step {
            Ok(row) => rows.push(row),
            Err(no) => refused.push(no),
        }
    }
    Ok((reader.dialect().clone(), rows, refused))
}

fn read(bytes: impl AsRef<[u8]>) -> Read {
    read_with(bytes, &options()).unwrap_or_else(|p| panic!("{p}"))
}

fn code(bytes: impl AsRef<[u8]>) -> String {
    match read_with(bytes, &options()) {
        Err(problem) => problem.code.to_owned(),
        Ok((_, _, refused)) => match refused.last() {
            Some(Refused::File(problem)) => problem.code.to_owned(),
            other => format!("{other:?}"),
        },
    }
}

fn cells(rows: &[Row]) -> Vec<Vec<&str>> {
    rows.iter()
        .map(|r| r.cells().iter().map(String::as_str).collect())
        .collect()
}

fn row_error(line: u64, code: &'static str) -> impl Fn(&Refused) -> bool {
    move |r| matches!(r, Refused::Row { line: at, problem } if *at == line && problem.code == code)
}

const TEMPLATE: &str = "employee_id,work_email,first_name,last_name,job_title\n1001,marta.quill@example.com,Marta,Quill,Head\n1044,\"deniz.aras@example.com\",Deniz,Aras,\"Agent, second line\"\n0930,olof.berg@example.com,Olof,Berg,Agent\n";

#[test]
fn the_recommended_file_keeps_ids_as_text() {
    let (dialect, rows, refused) = read(TEMPLATE);
    assert_eq!(
        (dialect.delimiter, dialect.encoding, refused.len()),
        (',', "UTF-8", 0)
    );
    assert_eq!(dialect.warnings, []);
    assert_eq!(rows[1].get("job_title"), Some("Agent, second line"));
    assert_eq!(rows[2].to_json()["employee_id"], json!("0930"));
    assert_eq!(rows[2].line, 4);
    assert_eq!(rows[2].get("nothing"), None);
}

#[test]
fn a_central_european_export_is_read() {
    let text = "Personalnummer;E-Mail (dienstlich);Vorname;Ort;Austritt\r\n1001;marta@example.com;M\u{e4}rta;Malm\u{f6};\r\n";
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect();
    let (dialect, rows, _) = read(bytes);
    assert_eq!((dialect.delimiter, dialect.encoding), (';', "windows-1252"));
    assert_eq!(
        **dialect.columns,
        [
            "personalnummer",
            "e_mail_dienstlich",
            "vorname",
            "ort",
            "austritt"
        ]
    );
    assert_eq!(
        dialect.warnings.iter().map(|w| w.code).collect::<Vec<_>>(),
        ["csv.encoding_guessed"]
    );
    assert_eq!(dialect.warnings[0].params["line"], "2");
    assert_eq!(
        rows[0].to_json(),
        json!({"personalnummer": "1001", "e_mail_dienstlich": "marta@example.com", "vorname": "Märta", "ort": "Malmö", "austritt": null})
    );
}

#[test]
fn a_bom_and_every_encoding_with_one_are_stripped() {
    let text = "employee_id\tfirst_name\n1\tÖlöf 😀\n";
    let le: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let be: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    for bytes in [format!("\u{feff}{text}").into_bytes(), le.clone(), be] {
        let (dialect, rows, _) = read(bytes);
        assert_eq!(dialect.columns[0], "employee_id");
        assert_eq!(rows[0].get("first_name"), Some("Ölöf 😀"));
    }
    // Half a surrogate pair, and half a code unit.
    let mut broken = le.clone();
    broken.truncate(le.len() - 4);
    assert_eq!(code(&broken), "csv.encoding");
    assert_eq!(code(&le[..le.len() - 1]), "csv.encoding");
}

#[test]
fn a_configured_encoding_is_used_and_mixed_ones_are_noticed() {
    let named = |name: &str| Options {
        encoding: Some(name.to_owned()),
        ..options()
    };
    let (dialect, rows, _) = read_with(
        b"employee_id,first_name\n1,\xa3uk\n",
        &named("windows-1250"),
    )
    .unwrap_or_default();
    assert_eq!(
        (dialect.encoding, rows[0].get("first_name")),
        ("windows-1250", Some("Łuk"))
    );
    assert_eq!(
        read_with(b"a\n1\n", &named("klingon"))
            .err()
            .map(|p| p.code),
        Some("csv.encoding")
    );
    assert_eq!(
        read_with(b"a,b\n1,\xff\n", &named("utf-8"))
            .err()
            .map(|p| p.code),
        Some("csv.encoding")
    );
    let (dialect, ..) = read(b"employee_id,first_name\n1,M\xc3\xbcller\n2,M\xfcller\n");
    let codes: Vec<_> = dialect.warnings.iter().map(|w| w.code).collect();
    assert_eq!(codes, ["csv.encoding_guessed", "csv.encoding_mixed"]);
}

#[test]
fn delimiters_are_detected_outside_quotes_and_sep_says_one() {
    for (text, wanted) in [
        ("a;b;c\n1;2;3\n", ';'),
        ("a\tb\n1\t2\n", '\t'),
        ("a|b\n1|2\n", '|'),
        ("\"a,b,c\";d\n1;2\n", ';'),
        ("sep=;\na;b\n1;2\n", ';'),
        ("\u{feff}SEP=|\r\na|b;c;d\r\n1|2\r\n", '|'),
        ("\"sep=\t\"\na\tb\n1\t2\n", '\t'),
        ("\n\n  \na,b\n1,2\n", ','),
        ("only\n1\n", ','),
    ] {
        let (dialect, rows, refused) = read(text);
        assert_eq!(
            (dialect.delimiter, rows.len(), refused.len()),
            (wanted, 1, 0),
            "{text:?}"
        );
    }
    assert_eq!(read("only\n1\n").0.warnings[0].code, "csv.one_column");
    let set = Options {
        delimiter: Some('^'),
        ..options()
    };
    assert_eq!(
        read_with("a^b;c;d\n1^2\n", &set)
            .unwrap_or_default()
            .1
            .len(),
        1
    );
}

#[test]
fn line_ends_of_all_kinds_and_inside_quotes_are_one() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a,b", "1,\"x", "y\"", "", "2,z"].join(end);
        let (_, rows, refused) = read(text);
        assert_eq!(cells(&rows), [["1", "x\ny"], ["2", "z"]], "{end:?}");
        assert_eq!((rows[0].line, rows[1].line, refused.len()), (2, 5, 0));
    }
}

#[test]
fn quotes_are_doubled_and_may_be_another_character() {
    let (_, rows, refused) = read("a,b\n\"say \"\"hi\"\"\", \" x \" \n\"\",'\n");
    assert_eq!(cells(&rows), [["say \"hi\"", "x"], ["", "'"]]);
    assert_eq!(refused, []);
    let single = Options {
        quote: Some('\''),
        ..options()
    };
    let (_, rows, _) = read_with("a;b\n'it''s';'x;\"y'\n", &single).unwrap_or_default();
    assert_eq!(cells(&rows), [["it's", "x;\"y"]]);
}

#[test]
fn stray_quotes_and_ragged_rows_are_errors_of_their_line() {
    let good = "9,9\n".repeat(400);
    let text = format!("a,b\n1,2\nx\"y,2\n\"x\"y,2\n1\n1,2,3\n1,2\n{good}");
    let (_, rows, refused) = read(&text);
    assert_eq!(rows.len(), 402);
    for (n, (line, code)) in [
        (3, "csv.quote"),
        (4, "csv.quote"),
        (5, "csv.cells"),
        (6, "csv.cells"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(row_error(line, code)(&refused[n]), "{:?}", refused[n]);
    }
    assert_eq!(refused.len(), 4);
    let Refused::Row { problem, .. } = &refused[3] else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (
            problem.params["expected"].as_str(),
            problem.params["found"].as_str()
        ),
        ("2", "3")
    );
}

#[test]
fn more_than_one_in_a_hundred_refuses_the_file() {
    let good = |n| "1,2\n".repeat(n);
    assert_eq!(read(format!("a,b\n{}1\n", good(10))).2.len(), 1);
    assert_eq!(
        code(format!("a,b\n1\n1\n{}", good(197))),
        "csv.too_many_bad"
    );
    assert_eq!(read(format!("a,b\n1\n1\n{}", good(198))).2.len(), 2);
}

#[test]
fn a_quote_that_stays_open_refuses_the_file_and_names_its_line() {
    let result = read(format!("a,b\n1,2\n3,\"x\n{}", "4,5\n".repeat(100_000)));
    let Some(Refused::File(problem)) = result.2.last() else {
        panic!("{:?}", result.2)
    };
    assert_eq!(
        (problem.code, problem.params["line"].as_str()),
        ("csv.quote_open", "3")
    );
    assert_eq!(code("a,\"b\n1,2\n"), "csv.quote_open");
    // An upload that was cut inside a quoted cell.
    assert_eq!(code(&TEMPLATE[..TEMPLATE.len() - 60]), "csv.quote_open");
}

#[test]
fn headers_are_normalised_and_made_unique() {
    for (header, wanted) in [
        ("Employee ID", "employee_id"),
        ("  E-Mail (dienstlich) ", "e_mail_dienstlich"),
        ("PRE\u{301}NOM", "prénom"),
        ("\u{feff}Ｎａｍｅ", "name"),
        ("__a--b__", "a_b"),
        ("Straße/Nr.", "straße_nr"),
        ("№", "no"),
        ("()", ""),
    ] {
        assert_eq!(normalise(header), wanted, "{header}");
    }
    let (dialect, ..) = read("Name,name,NAME,name_2,,\"a \"\"b\"\"\",\"x\ny\"\n1,2,3,4,5,6,7\n");
    assert_eq!(
        **dialect.columns,
        [
            "name", "name_3", "name_4", "name_2", "column_5", "a_b", "x_y"
        ]
    );
    let codes: Vec<_> = dialect.warnings.iter().map(|w| w.code).collect();
    assert_eq!(
        codes,
        [
            "csv.header_repeated",
            "csv.header_repeated",
            "csv.header_empty"
        ]
    );
    assert_eq!(code("a\"b,c\n1,2\n\"x\"\n"), "csv.quote_open");
    assert_eq!(code("a\"b\"c,d\n1,2\n"), "csv.header_quote");
}

#[test]
fn empty_files_headers_alone_and_other_files_are_refused() {
    for (bytes, wanted) in [
        (&b""[..], "csv.empty"),
        (b"\xef\xbb\xbf", "csv.empty"),
        (b"\n\r\n  \n", "csv.empty"),
        (b"sep=;\n", "csv.empty"),
        (b"a,b\n", "csv.no_rows"),
        (b"a,b\n,\n\n", "csv.no_rows"),
        (b"employee_id,n\nTotal,4\n", "csv.no_rows"),
        (b"PK\x03\x04rest", "csv.not_text"),
        (b"%PDF-1.7", "csv.not_text"),
        (b"a,b\n1,\x002\n", "csv.not_text"),
        (b" <!DOCTYPE html><html>", "csv.html"),
        (b"<?xml version='1.0'?>", "csv.html"),
    ] {
        assert_eq!(code(bytes), wanted, "{bytes:?}");
    }
}

#[test]
fn totals_at_the_end_are_no_people_and_elsewhere_are_kept() {
    let head = "employee_id,work_email,first_name,fte\n1,a@b.c,A,1\n";
    for end in ["Total,,,2\n", "Gesamt:,,,2\n,,,2\n", ",,Summe,2\n"] {
        let (_, rows, refused) = read(format!("{head}{end}"));
        assert_eq!((rows.len(), refused.len()), (1, 0), "{end}");
    }
    let (_, rows, _) = read(format!("{head},,,5\n2,b@b.c,B,1\nTotal,,,2\n"));
    assert_eq!(rows.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 3, 4]);
    let (_, rows, _) = read(format!("{head}Total,t@b.c,,2\n"));
    assert_eq!(rows.len(), 2);
    let none = Options::default();
    assert_eq!(
        read_with(format!("{head}Total,,,2\n"), &none)
            .unwrap_or_default()
            .1
            .len(),
        2
    );
}

#[test]
fn limits_hold() {
    let wide = |n: usize| format!("{}\n{}\n", vec!["c"; n].join(","), vec!["1"; n].join(","));
    assert_eq!(code(wide(MOST_COLUMNS + 1)), "csv.too_many_columns");
    assert_eq!(read(wide(MOST_COLUMNS)).1.len(), 1);
    let long = format!(
        "a,b\n1,{}\n2,\"{}\"\n{}",
        "x".repeat(LONGEST_CELL),
        "y".repeat(LONGEST_CELL + 1),
        "3,4\n".repeat(10)
    );
    let (_, rows, refused) = read(long);
    assert_eq!(rows.len(), 11);
    assert!(row_error(3, "csv.cell_too_long")(&refused[0]));
    let rows = usize::try_from(MOST_ROWS).unwrap_or(0);
    assert_eq!(
        code(format!("a,b\n{}", "1,\n".repeat(rows + 1))),
        "csv.too_many_rows"
    );
    assert_eq!(
        code(vec![b'x'; usize::try_from(LARGEST).unwrap_or(0) + 1]),
        "csv.too_long"
    );
    assert_eq!(code(vec![b'x'; 1 << 20]), "csv.header_too_long");
}

#[test]
fn what_spreadsheets_did_is_seen_and_nothing_is_restored() {
    for (cell, wanted) in [
        ("1,23E+05", Some("csv.scientific")),
        ("1.23457E+11", Some("csv.scientific")),
        ("2E+05", Some("csv.scientific")),
        ("#REF!", Some("csv.formula_error")),
        ("#N/A", Some("csv.formula_error")),
        ("########", Some("csv.formula_error")),
        ("1-Mar", Some("csv.turned_into_date")),
        ("Mar-05", Some("csv.turned_into_date")),
        ("01. Mai", Some("csv.turned_into_date")),
        ("0930", None),
        ("1.044", None),
        ("E+05", None),
        ("A1-Mar", None),
        ("", None),
        ("#12", None),
        ("Jean-05x", None),
    ] {
        assert_eq!(damage(cell), wanted, "{cell}");
    }
    let (_, rows, _) = read("a,b\n=1+1,@x\n");
    assert_eq!(cells(&rows), [["=1+1", "@x"]]);
    assert_eq!(report_cell("=cmd()"), "\"'=cmd()\"");
    assert_eq!(report_cell("+1"), "\"'+1\"");
    assert_eq!(report_cell("say \"x\""), "\"say \"\"x\"\"\"");
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "[a,;\"\t|'\r\n=sep \u{feff}é]{0,80}") {
        let _ = read_with(&bytes, &options());
        let _ = read_with(&text, &options());
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(bytes).collect();
        let _ = read_with(&wide, &options());
    }

    #[test]
    fn what_is_written_with_quotes_comes_back(rows in proptest::collection::vec(proptest::collection::vec("[a-z,;\"\n ]{0,12}", 3), 1..20)) {
        let quoted = |c: &String| format!("\"{}\"", c.replace('"', "\"\""));
        let line = |r: &Vec<String>| r.iter().map(quoted).collect::<Vec<_>>().join(";");
        let text = format!("a;b;c\n{}\n", rows.iter().map(line).collect::<Vec<_>>().join("\n"));
        let wanted: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| text::trim(c).to_owned()).collect())
            .filter(|r: &Vec<String>| r.iter().any(|c| !c.is_empty())).collect();
        let found: Vec<Vec<String>> = read(text).1.iter().map(|r| r.cells().to_vec()).collect();
        prop_assert_eq!(found, wanted);
    }

    /// A chunk of the decoder ends anywhere.
    #[test]
    fn long_files_are_read_whole(n in 20_000_usize..30_000) {
        let text = format!("a,b\n{}", "1,Öl€\n".repeat(n));
        let (_, rows, refused) = read(text);
        prop_assert_eq!((rows.len(), refused.len()), (n, 0));
    }
}
