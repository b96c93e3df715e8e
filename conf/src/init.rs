//! A first configuration, made from the names of variables that the environment holds.
//!
//! It never writes a value: the file says `${VAR}`. What it writes passes its own check.

use std::fmt::Write;

use crate::sources::Sources;
use tollgate_vendors::{VENDORS, Vendor};

const HEAD: &str = "\
# yaml-language-server: $schema=./tollgate.schema.json
# Written by `tollgate init` from the variables it found. Your editor explains and checks each
# member once you have run `tollgate schema > tollgate.schema.json`; `tollgate check` checks all.

server:
  listen:
    - address: 127.0.0.1:4000   # for clients
  ops: 127.0.0.1:4001           # health, readiness and metrics

# `tollgate key create` prints an entry to paste here. Without one, nobody is let in.
keys:
";

const ROUTES: &str = "
# `model: auto` lets the gateway choose, by what the request is about.
routes:
  - name: auto-complex
    match: {model: [auto], complexity: complex}
    candidates: [large]
  - name: auto
    match: {model: [auto]}
    candidates: [small]
";

const NOTHING_FOUND: &str = "
# No vendor's variable was found. With one of these set, take the comment signs away:
providers:
#   openai:
#     api_key: ${OPENAI_API_KEY}
#   anthropic:
#     api_key: ${ANTHROPIC_API_KEY}
#   ollama:                       # a local server: nothing to set
# To try the gateway without any vendor, run `tollgate demo`: its vendors are simulated.

models:
#   small:
#     candidates: [openai/gpt-5.4-mini, anthropic/claude-haiku-4-5, ollama/llama3.2]
";

/// A commented configuration for the vendors whose variables are set.
#[must_use]
pub fn init(sources: &dyn Sources) -> String {
    let found: Vec<_> = VENDORS.iter().filter_map(|vendor| Some((vendor, member(vendor, sources)?))).collect();
    if found.is_empty() {
        return format!("{HEAD}{NOTHING_FOUND}");
    }
    let mut text = format!("{HEAD}\nproviders:\n");
    for (vendor, member) in &found {
        // Writing to a string cannot fail.
        let _ = write!(text, "  {}:\n    {member}\n", vendor.name);
    }
    text.push_str("\n# Candidates are tried in this order until one answers.\nmodels:\n");
    for (index, name) in ["small", "large"].iter().enumerate() {
        let _ = write!(text, "  {name}:\n    candidates:\n");
        for (vendor, _) in &found {
            let _ = writeln!(text, "      - {}/{}", vendor.name, vendor.models[index]);
        }
    }
    text.push_str(ROUTES);
    text
}

/// The line that sets a vendor up, if its variable is set.
fn member(vendor: &Vendor, sources: &dyn Sources) -> Option<String> {
    let variable = vendor.variable;
    let set = |name: &str| sources.variable(name).filter(|value| !value.trim().is_empty());
    let file = || set(&format!("{variable}_FILE"));
    if vendor.base_url.is_none() {
        // Each customer has a place of its own.
        return set(variable).or_else(file).map(|_| {
            format!("api_key: ${{{variable}}}\n    base_url: {}   # put your own in place of <…>", vendor.example_url)
        });
    }
    if !vendor.local {
        return set(variable).or_else(file).map(|_| format!("api_key: ${{{variable}}}"));
    }
    // An address, as its own client takes it: with or without scheme and port.
    let address = set(variable)?;
    let scheme = if address.contains("://") { "" } else { "http://" };
    let rest = address.split_once("://").map_or(&*address, |(_, rest)| rest);
    let usual = vendor.base_url.unwrap_or_default();
    let usual_port = usual.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let usual_port = format!(":{usual_port}");
    let port = if rest.trim_end_matches('/').contains(':') { "" } else { &usual_port };
    // What its own client would not understand either is left for the operator to fill in.
    let url = format!("{scheme}{}{port}/v1", address.trim_end_matches('/'));
    match address.ends_with('/') || crate::base_url::parse(&url, vendor.dialect).is_err() {
        true => Some(format!("base_url: {usual}   # {variable} was not understood")),
        false => Some(format!("base_url: {scheme}${{{variable}}}{port}/v1")),
    }
}
