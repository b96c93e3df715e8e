//! Streamed chat completions as vendors really sent them. Read from `../shared/data/fixtures`,
//! which is not part of this repository; a test that needs them fails without.

use std::fs;
use std::path::{Path, PathBuf};

/// One recorded stream.
pub(crate) struct Recording {
    /// Its file, for messages.
    pub(crate) file: PathBuf,
    /// The body of the answer.
    pub(crate) stream: String,
}

/// Every streamed chat completion of the vendors that speak OpenAI's dialect.
pub(crate) fn chat_streams() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fixtures/rig");
    assert!(root.is_dir(), "no recordings: {} is missing", root.display());
    let vendors = [
        "copilot",
        "deepseek",
        "doubleword",
        "groq",
        "llamacpp",
        "mistral",
        "mistralrs",
        "openai",
        "openrouter",
        "perplexity",
        "venice",
    ];
    let mut files = Vec::new();
    vendors.iter().for_each(|vendor| walk(&root.join(vendor), &mut files));
    files.sort();
    files.iter().flat_map(|file| streams_in(file)).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of recordings") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The recordings are YAML, one document for each exchange. A streamed body is always a block
/// scalar (`body: |+`), four spaces in: that is all of YAML that is needed here.
fn streams_in(file: &Path) -> Vec<Recording> {
    let text = fs::read_to_string(file).expect("a recording");
    let exchanges = text.split("\n---\n").filter(|exchange| exchange.contains("chat/completions\n"));
    let bodies = exchanges.filter_map(|exchange| exchange.split_once("\n  body: |")).map(|(_, rest)| {
        let lines = rest.split_inclusive('\n').skip(1);
        let block = lines.take_while(|line| line.starts_with("    ") || line.trim().is_empty());
        block.map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<String>()
    });
    let streams = bodies.filter(|body| body.contains("data: ")).map(|body| format!("{}\n\n", body.trim_end()));
    streams.map(|stream| Recording { file: file.to_owned(), stream }).collect()
}
