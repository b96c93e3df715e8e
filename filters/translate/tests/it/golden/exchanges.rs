//! Recorded exchanges, request and answer. Read from `../shared/data/fixtures`, which is not part
//! of this repository; a test that needs them fails without.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// One recorded request and its answer.
pub(crate) struct Exchange {
    /// Where it is recorded, for messages.
    pub(crate) file: String,
    /// The path asked for.
    pub(crate) path: String,
    /// The body sent.
    pub(crate) request: String,
    /// The status that came.
    pub(crate) status: u16,
    /// The body that came.
    pub(crate) answer: String,
}

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
    status: u16,
    body: Option<String>,
}

/// A recording of the other collection: every exchange of a test in one document.
#[derive(Deserialize)]
struct Cassette {
    interactions: Vec<Interaction>,
}

#[derive(Deserialize)]
struct Interaction {
    request: Sent,
    response: Came,
}

#[derive(Deserialize)]
struct Sent {
    body: Option<String>,
    uri: String,
}

#[derive(Deserialize)]
struct Came {
    body: Body,
    status: Status,
}

#[derive(Deserialize)]
struct Body {
    string: String,
}

#[derive(Deserialize)]
struct Status {
    code: u16,
}

impl Exchange {
    /// Whether the answer is a stream.
    pub(crate) fn streamed(&self) -> bool {
        self.answer.lines().any(|line| line.starts_with("data:"))
    }

    /// The payloads of a streamed answer.
    pub(crate) fn payloads(&self) -> Vec<&str> {
        self.answer.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect()
    }
}

/// Every exchange of one vendor whose path ends so.
pub(crate) fn recorded(vendor: &str, path_end: &str) -> Vec<Exchange> {
    let mut files = Vec::new();
    walk(&fixtures().join("rig").join(vendor), &mut files);
    files.sort();
    let exchanges: Vec<_> =
        files.iter().flat_map(|file| exchanges_in(file)).filter(|exchange| exchange.path.ends_with(path_end)).collect();
    assert!(!exchanges.is_empty(), "no recordings of {vendor}");
    exchanges
}

/// Every exchange of the other collection whose path ends so. Answers that were recorded compressed
/// are left out: they read as empty.
pub(crate) fn cassettes(path_end: &str) -> Vec<Exchange> {
    let mut files = Vec::new();
    walk(&fixtures().join("llm-anthropic"), &mut files);
    files.sort();
    let exchanges: Vec<_> = files
        .iter()
        .flat_map(|file| interactions_in(file))
        .filter(|exchange| exchange.path.ends_with(path_end))
        .collect();
    assert!(!exchanges.is_empty(), "no recordings of {path_end}");
    exchanges
}

fn interactions_in(file: &Path) -> Vec<Exchange> {
    // A compressed body, and a picture, is bytes in base64.
    let text = fs::read_to_string(file).expect("a recording").replace("!!binary", "");
    let options = serde_saphyr::options! { budget: None };
    let cassette: Cassette = serde_saphyr::from_str_with_options(&text, options)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let exchange = |Interaction { request, response }: Interaction| {
        let answer = response.body.string;
        Exchange {
            file: file.display().to_string(),
            path: request.uri,
            request: request.body.unwrap_or_default(),
            status: response.status.code,
            answer: if answer.starts_with(['e', '{']) { answer } else { String::new() },
        }
    };
    cassette.interactions.into_iter().map(exchange).collect()
}

/// Streams without their framing: files of one payload a line.
pub(crate) fn chunk_files(package: &str) -> Vec<(String, Vec<String>)> {
    let mut files = Vec::new();
    walk(&fixtures().join("vercel-ai/packages").join(package).join("src"), &mut files);
    files.retain(|file| file.to_string_lossy().ends_with(".chunks.txt"));
    files.sort();
    let lines = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("a recording");
        text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).map(str::to_owned).collect()
    };
    files.iter().map(|file| (file.display().to_string(), lines(file))).collect()
}

/// Whole answers without a request: the files of JSON beside the streams.
pub(crate) fn json_files(package: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&fixtures().join("vercel-ai/packages").join(package).join("src/__fixtures__"), &mut files);
    files.retain(|file| file.to_string_lossy().ends_with(".json"));
    files.sort();
    files.iter().map(|file| (file.display().to_string(), fs::read_to_string(file).expect("a recording"))).collect()
}

/// Whole answers, each a file of its own.
pub(crate) fn folder_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&fixtures().join(folder), &mut files);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.iter().map(|file| (file.display().to_string(), fs::read_to_string(file).expect("a recording"))).collect()
}

pub(crate) fn fixtures() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fixtures");
    assert!(root.is_dir(), "no recordings: {} is missing", root.display());
    root
}

pub(crate) fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of recordings") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn exchanges_in(file: &Path) -> Vec<Exchange> {
    let text = fs::read_to_string(file).expect("a recording");
    let documents = text.split("\n---\n").filter(|document| document.contains("when:"));
    let read = |document: &str| {
        let options = serde_saphyr::options! { budget: None };
        let Document { when, then } = serde_saphyr::from_str_with_options(document, options)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Exchange {
            file: file.display().to_string(),
            path: when.path,
            request: when.body.unwrap_or_default(),
            status: then.status,
            answer: then.body.unwrap_or_default(),
        }
    };
    documents.map(read).collect()
}
