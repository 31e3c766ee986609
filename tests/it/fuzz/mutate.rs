//! Inputs for a target: those of its committed corpus with edits on tokens and bytes, pieces of each other, and pure
//! noise; the same ones in every run.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// Every run plays the same cases.
const SEED: u64 = 20_261_125;

/// After this long without an end, a case hangs. A guard, no measure.
const PATIENCE: Duration = Duration::from_secs(60);

/// No input is longer, in bytes.
const LONGEST: usize = 1 << 16;

/// What no corpus needs to spell out.
const SPICE: [&str; 40] = [
    "\0",
    "\\u0000",
    "\\ud800",
    "\\",
    "\"",
    "'",
    "\u{feff}",
    "\u{202e}",
    "\u{130}",
    "ß",
    "ﬃ",
    "e\u{301}",
    "😀",
    "\u{10ffff}",
    "\r\n",
    "\t",
    " ",
    "",
    "null",
    "true",
    "-0",
    "1e308",
    "1e999",
    "18446744073709551616",
    "-9223372036854775808",
    "0.1",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ":",
    ".",
    ",",
    "/",
    "%",
    "&",
    "[]",
    "{}",
];

const BRACKETS: [(&str, &str); 4] = [("[", "]"), ("{\"a\":", "}"), ("(", ")"), ("not (", ")")];

/// A change of an input; places are fractions of its length, so that each fits every input.
#[derive(Debug, Clone)]
enum Edit {
    /// A token for another of its sort, from anywhere in the corpus: the grammar stays whole.
    Alike(Index, Index),
    /// A token for any other.
    Other(Index, Index),
    /// Some tokens go.
    Drop(Index, u8),
    /// Some tokens come twice, or very often.
    Again(Index, u8, u16),
    /// Two tokens change places.
    Swap(Index, Index),
    /// Brackets of one kind around a token.
    Nest(Index, Index, u16),
    /// Something nasty before a token.
    Spice(Index, Index),
    /// The rest of another input from here on.
    Splice(Index, Index, Index),
    /// One byte for another.
    Byte(Index, u8),
    /// The end is cut off.
    Cut(Index),
}

/// The committed inputs of a target and what they are made of.
#[derive(Debug)]
pub struct Corpus {
    pub inputs: Vec<Vec<u8>>,
    tokens: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads `tests/fixtures/fuzz/‹target›.txt`: an input per line.
    pub fn read(target: &str) -> Self {
        let path = format!(
            "{}/tests/fixtures/fuzz/{target}.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        let inputs: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
        assert!(!inputs.is_empty(), "{path} is empty");
        Self::of(inputs)
    }

    /// A corpus of these inputs, for what cannot be written down beforehand.
    pub fn of(inputs: Vec<Vec<u8>>) -> Self {
        let mut tokens: Vec<Vec<u8>> = inputs
            .iter()
            .flat_map(|i| split(i))
            .map(<[u8]>::to_vec)
            .collect();
        tokens.sort();
        tokens.dedup();
        Self { inputs, tokens }
    }

    /// Any input.
    pub fn strategy(self: &Arc<Self>) -> impl Strategy<Value = Vec<u8>> + use<> {
        let corpus = Arc::clone(self);
        let edited = (any::<Index>(), vec(edit(), 1..8)).prop_map(move |(input, edits)| {
            let mut bytes = corpus.inputs[input.index(corpus.inputs.len())].clone();
            for edit in edits {
                bytes = corpus.edited(bytes, edit);
            }
            bytes
        });
        prop_oneof![
            20 => edited,
            1 => vec(any::<u8>(), 0..64),
            1 => "\\PC{0,48}".prop_map(String::into_bytes),
        ]
    }

    fn edited(&self, mut bytes: Vec<u8>, edit: Edit) -> Vec<u8> {
        let mut tokens = split(&bytes);
        let len = tokens.len();
        if len == 0 {
            return b"0".to_vec();
        }
        let some = |at: Index, count: u8| {
            let at = at.index(len);
            at..len.min(at + usize::from(count))
        };
        match edit {
            Edit::Alike(at, from) => {
                let token: &mut &[u8] = &mut tokens[at.index(len)];
                let sort = sort(token);
                let alike: Vec<_> = self
                    .tokens
                    .iter()
                    .filter(|t| self::sort(t) == sort)
                    .collect();
                if !alike.is_empty() {
                    *token = alike[from.index(alike.len())].as_slice();
                }
            }
            Edit::Other(at, from) => {
                tokens[at.index(len)] = self.tokens[from.index(self.tokens.len())].as_slice()
            }
            Edit::Drop(at, count) => drop(tokens.drain(some(at, count))),
            Edit::Again(at, count, times) => {
                let range = some(at, count);
                let again = tokens[range.clone()].repeat(usize::from(times));
                tokens.splice(range.start..range.start, again);
            }
            Edit::Swap(a, b) => tokens.swap(a.index(len), b.index(len)),
            Edit::Nest(at, kind, deep) => {
                let (open, close) = BRACKETS[kind.index(BRACKETS.len())];
                let (at, deep) = (at.index(len), usize::from(deep));
                let after = std::iter::repeat_n(close.as_bytes(), deep);
                tokens.splice(at + 1..at + 1, after);
                let before = std::iter::repeat_n(open.as_bytes(), deep);
                tokens.splice(at..at, before);
            }
            Edit::Spice(at, which) => {
                tokens.insert(at.index(len), SPICE[which.index(SPICE.len())].as_bytes())
            }
            Edit::Splice(at, other, from) => {
                let other = split(&self.inputs[other.index(self.inputs.len())]);
                tokens.truncate(at.index(len));
                tokens.extend_from_slice(&other[from.index(other.len())..]);
            }
            Edit::Byte(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                return bytes;
            }
            Edit::Cut(at) => {
                bytes.truncate(at.index(bytes.len()));
                return bytes;
            }
        }
        let mut bytes = tokens.concat();
        bytes.truncate(LONGEST);
        bytes
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        8 => (at(), at()).prop_map(|(a, b)| Edit::Alike(a, b)),
        2 => (at(), at()).prop_map(|(a, b)| Edit::Other(a, b)),
        2 => (at(), 1..6u8).prop_map(|(a, n)| Edit::Drop(a, n)),
        2 => (at(), 1..12u8, often()).prop_map(|(a, n, t)| Edit::Again(a, n, t)),
        1 => (at(), at()).prop_map(|(a, b)| Edit::Swap(a, b)),
        1 => (at(), at(), often()).prop_map(|(a, k, n)| Edit::Nest(a, k, n)),
        2 => (at(), at()).prop_map(|(a, b)| Edit::Spice(a, b)),
        2 => (at(), at(), at()).prop_map(|(a, b, c)| Edit::Splice(a, b, c)),
        1 => (at(), any::<u8>()).prop_map(|(a, b)| Edit::Byte(a, b)),
        1 => at().prop_map(Edit::Cut),
    ]
}

/// Once as a rule; seldom very often, since that costs time.
fn often() -> impl Strategy<Value = u16> {
    prop_oneof![40 => Just(1u16), 4 => 2..70u16, 1 => 70..3_000u16]
}

/// Words, texts in quotes, blanks, and every other byte by itself: JSON, filters, paths and queries alike.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let mut tokens = Vec::new();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let end = match first {
            b'"' => quoted(rest),
            _ if is_word(*first) => rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len()),
            _ => 1,
        };
        let (token, behind) = rest.split_at(end);
        tokens.push(token);
        rest = behind;
    }
    tokens
}

/// Length of the text in quotes; of the quote, if it is never closed.
fn quoted(rest: &[u8]) -> usize {
    let mut escaped = false;
    let close = rest.iter().skip(1).position(|b| {
        let is_close = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        is_close
    });
    close.map_or(1, |at| at + 2)
}

/// What a token begins with, all words taken together.
fn sort(token: &[u8]) -> u8 {
    match token.first() {
        Some(byte) if is_word(*byte) => b'a',
        Some(byte) => *byte,
        None => 0,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_-$+".contains(&byte)
}

/// A source of cases that is the same in every run.
pub fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    })
}

/// Plays a target's corpus as it is and then `cases` made of it. `holds` panics where the rule is broken; the failure
/// shows the smallest input that breaks it, to be added to the corpus.
///
/// A thread of the usual size plays, so that recursion meets the stack that it has in the server.
pub fn fuzz(target: &'static str, cases: u32, holds: impl Fn(&[u8]) + Send + 'static) {
    fuzz_with(target, Corpus::read(target), cases, holds);
}

/// The same with another corpus than the committed one.
pub fn fuzz_with(
    target: &'static str,
    corpus: Corpus,
    cases: u32,
    holds: impl Fn(&[u8]) + Send + 'static,
) {
    let corpus = Arc::new(corpus);
    let current = Arc::new(Mutex::new(Vec::new()));
    let (beat, beats) = channel();
    let now = Arc::clone(&current);
    let player = std::thread::spawn(move || {
        let play = |input: &[u8]| {
            input.clone_into(&mut now.lock().unwrap());
            beat.send(()).unwrap();
            holds(input);
        };
        corpus.inputs.iter().for_each(|input| play(input));
        let done = runner(cases).run(&corpus.strategy(), |input| {
            play(&input);
            Ok(())
        });
        if let Err(TestError::Fail(why, input)) = done {
            panic!("{target}, seed {SEED}: {why}\ninput: {}", shown(&input));
        }
    });
    let shown_now = || shown(&current.lock().unwrap_or_else(|e| e.into_inner()));
    loop {
        match beats.recv_timeout(PATIENCE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{target} hangs on: {}", shown_now()),
        }
    }
    if player.join().is_err() {
        panic!("{target}: see above; the last input was: {}", shown_now());
    }
}

fn shown(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let start: String = text.chars().take(2_000).collect();
    format!("{start:?} ({} bytes)", input.len())
}
