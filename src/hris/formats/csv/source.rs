//! The characters of a file, whatever its encoding.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, WINDOWS_1252};

use super::LARGEST;
use crate::hris::formats::Problem;

const BUFFER: usize = 64 << 10;

/// A file's characters, one by one.
pub(super) struct Source<R> {
    input: R,
    decoder: Decoder,
    bytes: Box<[u8]>,
    /// What of `bytes` is not decoded yet.
    pending: std::ops::Range<usize>,
    chars: String,
    at: usize,
    is_last: bool,
}

/// What the first reading learns.
struct Survey {
    length: u64,
    head: Vec<u8>,
    /// Line of the first byte that is not UTF-8.
    not_utf8: Option<u64>,
    /// Some two-byte characters were UTF-8 all the same.
    has_utf8: bool,
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn open(mut input: R, label: Option<&str>) -> Result<(Self, Vec<Problem>), Problem> {
        let survey = survey(&mut input)?;
        refuse_other_files(&survey.head)?;
        if survey.length == 0 {
            return Err(Problem::new("csv.empty"));
        }
        let mut warnings = Vec::new();
        let (encoding, skip) = choose(&survey, label, &mut warnings)?;
        let start = SeekFrom::Start(u64::try_from(skip).unwrap_or(0));
        input.seek(start).map_err(io_problem)?;
        let source = Self {
            input,
            decoder: encoding.new_decoder_without_bom_handling(),
            bytes: vec![0; BUFFER].into_boxed_slice(),
            pending: 0..0,
            chars: String::with_capacity(3 * BUFFER),
            at: 0,
            is_last: false,
        };
        Ok((source, warnings))
    }
}

impl<R: Read> Source<R> {
    pub(super) fn encoding(&self) -> &'static str {
        self.decoder.encoding().name()
    }

    pub(super) fn into_inner(self) -> R {
        self.input
    }

    /// The next character without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<char>, Problem> {
        while self.at >= self.chars.len() {
            if self.is_last && self.pending.is_empty() {
                return Ok(None);
            }
            self.fill()?;
        }
        Ok(self
            .chars
            .get(self.at..)
            .and_then(|rest| rest.chars().next()))
    }

    /// Takes the next character.
    pub(super) fn next(&mut self) -> Result<Option<char>, Problem> {
        let c = self.peek()?;
        self.at += c.map_or(0, char::len_utf8);
        Ok(c)
    }

    fn fill(&mut self) -> Result<(), Problem> {
        self.chars.clear();
        self.at = 0;
        if self.pending.is_empty() {
            let read = read_some(&mut self.input, &mut self.bytes)?;
            self.pending = 0..read;
            self.is_last = read == 0;
        }
        let bytes = self.bytes.get(self.pending.clone()).unwrap_or_default();
        let (result, read) =
            self.decoder
                .decode_to_string_without_replacement(bytes, &mut self.chars, self.is_last);
        self.pending.start += read;
        match result {
            DecoderResult::Malformed(..) => {
                Err(Problem::new("csv.encoding").with("encoding", self.encoding()))
            }
            DecoderResult::InputEmpty | DecoderResult::OutputFull => Ok(()),
        }
    }
}

fn io_problem(error: std::io::Error) -> Problem {
    Problem::new("csv.io").with("kind", error.kind())
}

fn read_some(input: &mut impl Read, bytes: &mut [u8]) -> Result<usize, Problem> {
    loop {
        match input.read(bytes) {
            Ok(n) => return Ok(n),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(io_problem(e)),
        }
    }
}

fn survey(input: &mut (impl Read + Seek)) -> Result<Survey, Problem> {
    input.seek(SeekFrom::Start(0)).map_err(io_problem)?;
    let mut decoder = UTF_8.new_decoder_without_bom_handling();
    let mut found = Survey {
        length: 0,
        head: Vec::new(),
        not_utf8: None,
        has_utf8: false,
    };
    let mut lines = 1;
    let mut bytes = vec![0; BUFFER];
    let mut text = String::with_capacity(3 * BUFFER + 16);
    loop {
        let read = read_some(input, &mut bytes)?;
        let chunk = bytes.get(..read).unwrap_or_default();
        found.length += u64::try_from(read).unwrap_or(0);
        if found.length > LARGEST {
            return Err(Problem::new("csv.too_long").with("limit", LARGEST));
        }
        if found.head.len() < 512 {
            found.head.extend(chunk.iter().take(512));
        }
        // After the first fault only its line was wanted.
        if found.not_utf8.is_none() {
            text.clear();
            let (result, _) =
                decoder.decode_to_string_without_replacement(chunk, &mut text, read == 0);
            lines += u64::try_from(text.matches('\n').count()).unwrap_or(0);
            found.has_utf8 |= !text.is_ascii();
            if matches!(result, DecoderResult::Malformed(..)) {
                found.not_utf8 = Some(lines);
            }
        }
        if read == 0 {
            return Ok(found);
        }
    }
}

/// What people upload instead: a workbook, a PDF, a login page.
fn refuse_other_files(head: &[u8]) -> Result<(), Problem> {
    const BINARY: [&[u8]; 4] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b"];
    if BINARY.iter().any(|magic| head.starts_with(magic)) {
        return Err(Problem::new("csv.not_text"));
    }
    let start: Vec<u8> = head
        .trim_ascii_start()
        .iter()
        .take(9)
        .map(u8::to_ascii_lowercase)
        .collect();
    if start.starts_with(b"<!doctype") || start.starts_with(b"<html") || start.starts_with(b"<?xml")
    {
        return Err(Problem::new("csv.html"));
    }
    Ok(())
}

/// The encoding, and how many bytes its BOM has.
fn choose(
    survey: &Survey,
    label: Option<&str>,
    warnings: &mut Vec<Problem>,
) -> Result<(&'static Encoding, usize), Problem> {
    if let Some(found) = Encoding::for_bom(&survey.head) {
        return Ok(found);
    }
    if let Some(label) = label {
        let known = Encoding::for_label_no_replacement(label.as_bytes());
        let unknown = || Problem::new("csv.encoding").with("encoding", label);
        return known.map(|e| (e, 0)).ok_or_else(unknown);
    }
    let Some(line) = survey.not_utf8 else {
        return Ok((UTF_8, 0));
    };
    warnings.push(
        Problem::new("csv.encoding_guessed")
            .with("encoding", WINDOWS_1252.name())
            .with("line", line),
    );
    if survey.has_utf8 {
        warnings.push(Problem::new("csv.encoding_mixed").with("line", line));
    }
    Ok((WINDOWS_1252, 0))
}
