//! The recordings of Envoy's AI gateway: OpenAI alone, every exchange of a test in one document.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::exchanges::{Exchange, fixtures, walk};

/// A cassette of Envoy's.
#[derive(Deserialize)]
struct Cassette {
    interactions: Vec<Interaction>,
}

#[derive(Deserialize)]
struct Interaction {
    request: Asked,
    response: Answered,
}

#[derive(Deserialize)]
struct Asked {
    url: String,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
struct Answered {
    code: u16,
    #[serde(default)]
    body: String,
}

/// Every exchange of Envoy's collection, which is OpenAI's alone, whose URL ends so.
pub(crate) fn recorded_by_envoy(path_end: &str) -> Vec<Exchange> {
    let mut files = Vec::new();
    walk(&fixtures().join("envoy-ai-gateway"), &mut files);
    files.sort();
    let all = files.iter().flat_map(|file| interactions_in(file));
    let exchanges: Vec<_> = all.filter(|exchange| exchange.path.ends_with(path_end)).collect();
    assert!(!exchanges.is_empty(), "no recordings of {path_end}");
    exchanges
}

fn interactions_in(file: &Path) -> Vec<Exchange> {
    let text = fs::read_to_string(file).expect("a recording");
    let options = serde_saphyr::options! { budget: None };
    let Cassette { interactions } = serde_saphyr::from_str_with_options(&text, options)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let exchange = |Interaction { request, response }| Exchange {
        file: file.display().to_string(),
        path: request.url,
        request: request.body,
        status: response.code,
        answer: response.body,
    };
    interactions.into_iter().map(exchange).collect()
}
