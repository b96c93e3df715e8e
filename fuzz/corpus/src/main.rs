//! Makes the fuzzers' first inputs out of recorded exchanges. Usage: corpus FIXTURES OUT
//!
//! What comes before the recorded bytes is what each target reads there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The longest recording that is taken: long ones make a fuzzer slow, and say nothing new.
const LENGTH_MAX: usize = 16 * 1024;
/// The most inputs of one kind: a sample of all there are.
const INPUTS_MAX: usize = 64;
/// The most words of the dictionary, and what a word is.
const WORDS_MAX: usize = 800;
const WORD_LENGTHS: std::ops::RangeInclusive<usize> = 2..=40;
/// Three cuts, and a stream in pieces of these lengths.
const CUTS: [u8; 4] = [3, 1, 7, 40];
/// How the paths of each dialect end, in the order of the dialects.
const PATHS: [&[&str]; 6] = [
    &["/chat/completions"],
    &["/responses"],
    &["/messages"],
    &[":generateContent", ":streamGenerateContent"],
    &["/interactions"],
    &["/converse", "/converse-stream"],
];

#[derive(Deserialize)]
struct Document {
    when: When,
    then: Then,
}

#[derive(Deserialize)]
struct When {
    path: String,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Then {
    body: Option<String>,
    body_encoding: Option<String>,
}

/// The inputs of one kind: a target's, and one dialect's.
#[derive(Default)]
struct Kind {
    inputs: BTreeSet<Vec<u8>>,
}

/// All inputs, by target and dialect; and how many recordings have each word that is in quotes. A
/// fuzzer that sees no comparison of strings makes up no member's name.
struct Corpus {
    targets: [(&'static str, [Kind; 6]); 7],
    words: BTreeMap<String, usize>,
}

fn main() -> io::Result<()> {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [fixtures, out] = args.as_slice() else {
        eprintln!("usage: corpus FIXTURES OUT");
        std::process::exit(2);
    };
    let targets = ["answer", "frames", "meter", "request", "splice", "sse", "stream"];
    let mut corpus = Corpus { targets: targets.map(|name| (name, Default::default())), words: BTreeMap::new() };
    for file in files(&fixtures.join("rig"))? {
        let text = fs::read_to_string(&file)?;
        text.split("\n---\n").filter(|document| document.contains("when:")).for_each(|document| {
            let options = serde_saphyr::options! { budget: None };
            match serde_saphyr::from_str_with_options(document, options) {
                Ok(document) => corpus.document(document),
                Err(error) => eprintln!("{}: {error}", file.display()),
            }
        });
    }
    for file in files(&fixtures.join("vercel-ai"))? {
        if let Some(dialect) = of_file(&file.to_string_lossy()) {
            corpus.chunks(dialect, &fs::read_to_string(&file)?);
        }
    }
    corpus.write(out)
}

impl Corpus {
    fn add(&mut self, target: &str, dialect: usize, parts: &[&[u8]]) {
        let input = parts.concat();
        if matches!(target, "request" | "answer" | "stream") {
            words(&input).into_iter().for_each(|word| *self.words.entry(word).or_default() += 1);
        }
        if let Some((_, kinds)) = self.targets.iter_mut().find(|(name, _)| *name == target)
            && input.len() <= LENGTH_MAX
        {
            kinds[dialect].inputs.insert(input);
        }
    }

    fn document(&mut self, Document { when, then }: Document) {
        let Some(dialect) = PATHS.iter().position(|ends| ends.iter().any(|end| when.path.ends_with(end))) else {
            return;
        };
        let who = u8::try_from(dialect).expect("six");
        if let Some(body) = when.body.as_deref().map(str::as_bytes) {
            self.add("request", dialect, &[&[who | who << 3], body]);
            self.add("splice", dialect, &[&[who, 0x80], body]);
            self.add("splice", dialect, &[&[who, 2, 5, 4, 7, 1], body]);
        }
        let Some(body) = then.body else { return };
        match then.body_encoding.as_deref() {
            Some("base64") => self.binary(dialect, &STANDARD.decode(body.trim()).unwrap_or_default()),
            _ if body.lines().any(|line| line.starts_with("data:")) => {
                // The loader takes the last blank line for the end of a document.
                self.events(dialect, body.trim_end().to_owned() + "\n\n");
            }
            _ => {
                self.add("answer", dialect, &[&[who], body.as_bytes()]);
                self.add("meter", dialect, &[&[who], body.as_bytes()]);
            }
        }
    }

    fn binary(&mut self, dialect: usize, stream: &[u8]) {
        let who = u8::try_from(dialect).expect("six");
        self.add("frames", dialect, &[&[0], &CUTS, stream]);
        self.add("frames", dialect, &[&[1], &CUTS, stream]);
        self.add("stream", dialect, &[&[who], &CUTS, stream]);
    }

    fn events(&mut self, dialect: usize, stream: String) {
        let who = u8::try_from(dialect).expect("six");
        self.add("sse", dialect, &[&CUTS, stream.as_bytes()]);
        self.add("stream", dialect, &[&[who], &CUTS, stream.as_bytes()]);
    }

    /// A file of one payload a line.
    fn chunks(&mut self, dialect: usize, text: &str) {
        let event = |line: &str| format!("data: {line}\n\n");
        self.events(dialect, text.lines().filter(|line| line.starts_with('{')).map(event).collect());
    }

    fn write(&self, out: &Path) -> io::Result<()> {
        for (target, kinds) in &self.targets {
            let folder = out.join(target);
            fs::create_dir_all(&folder)?;
            for (dialect, Kind { inputs }) in kinds.iter().enumerate() {
                let step = inputs.len().div_ceil(INPUTS_MAX).max(1);
                for (number, input) in inputs.iter().step_by(step).enumerate() {
                    fs::write(folder.join(format!("{dialect}-{number}")), input)?;
                }
            }
        }
        let mut words: Vec<_> = self.words.iter().collect();
        words.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), *word));
        let lines = words.iter().take(WORDS_MAX).map(|(word, _)| format!("\"\\\"{word}\\\"\"\n"));
        fs::write(out.join("words"), lines.collect::<String>())
    }
}

/// The words in quotes, each once: names of members, and of kinds of things.
fn words(input: &[u8]) -> BTreeSet<String> {
    let quoted = input.split(|byte| *byte == b'"').filter(|word| WORD_LENGTHS.contains(&word.len()));
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let words = quoted.filter(|word| word.iter().all(plain));
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The dialect of a file of payloads.
fn of_file(path: &str) -> Option<usize> {
    if !path.ends_with(".chunks.txt") {
        return None;
    }
    let has = |part: &str| path.contains(part);
    match () {
        () if has("packages/anthropic/") => Some(2),
        () if has("src/interactions/") => Some(4),
        () if has("packages/google/src/__fixtures__") => Some(3),
        () if has("packages/openai/") && has("src/responses/") => Some(1),
        () if has("packages/openai/") && has("src/chat/") => Some(0),
        () if has("packages/groq/") || has("packages/deepseek/") || has("packages/openai-compatible/") => Some(0),
        () => None,
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
