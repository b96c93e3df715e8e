//! Writes a file of the catalogue, in the form that those of `conf/models` have.
//!
//! By hand, because a list of prices reads best as a line: no writer of YAML knows that.

use std::fmt::{self, Write};

use tollgate_api::Price;

use crate::catalogue::{CatalogueFile, ModelEntry};
use crate::tariff::{Step, Tariff, TierTariff, Written};
use crate::{DataPolicy, Trains, Zdr};

const SCHEMA: &str = "# yaml-language-server: $schema=../catalogue.schema.json\n";

impl CatalogueFile {
    /// The file as YAML; `remarks` stand at its head as a comment.
    #[must_use]
    pub fn to_yaml(&self, remarks: &[&str]) -> String {
        let mut out = SCHEMA.to_owned();
        // Writing to a text cannot fail.
        let _ = file(&mut out, self, remarks);
        out
    }
}

fn file(out: &mut String, file: &CatalogueFile, remarks: &[&str]) -> fmt::Result {
    let CatalogueFile { provider, source, checked_on, data, priority_by_contract, models } = file;
    for remark in remarks {
        writeln!(out, "# {remark}")?;
    }
    writeln!(out, "provider: {}\nsource: {}\nchecked_on: {checked_on}", text(provider), text(source))?;
    if let Some(data) = data {
        policy(out, data, "")?;
    }
    if *priority_by_contract {
        writeln!(out, "priority_by_contract: true")?;
    }
    writeln!(out, "models:{}", if models.is_empty() { " []" } else { "" })?;
    models.iter().try_for_each(|entry| model(out, entry))
}

fn policy(out: &mut String, data: &DataPolicy, indent: &str) -> fmt::Result {
    let DataPolicy { trains, retention_days, zdr, region, source, checked_on } = data;
    let trains = match trains {
        Trains::Yes => "yes",
        Trains::No => "no",
        Trains::OptOut => "opt_out",
        Trains::Unknown => "unknown",
    };
    let zdr = match zdr {
        Zdr::Default => "default",
        Zdr::OnRequest => "on_request",
        Zdr::None => "none",
        Zdr::Unknown => "unknown",
    };
    writeln!(out, "{indent}data:\n{indent}  trains: {trains}")?;
    if let Some(days) = retention_days {
        writeln!(out, "{indent}  retention_days: {days}")?;
    }
    writeln!(out, "{indent}  zdr: {zdr}")?;
    if let Some(region) = region {
        writeln!(out, "{indent}  region: {}", text(region))?;
    }
    if let Some(source) = source {
        writeln!(out, "{indent}  source: {}", text(source))?;
    }
    if let Some(day) = checked_on {
        writeln!(out, "{indent}  checked_on: {day}")?;
    }
    Ok(())
}

fn model(out: &mut String, model: &ModelEntry) -> fmt::Result {
    let ModelEntry {
        id,
        aliases,
        mode,
        context,
        max_output,
        first_content_ms,
        capabilities,
        released,
        deprecated,
        data,
        prices,
    } = model;
    writeln!(out, "  - id: {}", text(id))?;
    if !aliases.is_empty() {
        let aliases: Vec<_> = aliases.iter().map(|alias| text(alias)).collect();
        writeln!(out, "    aliases: [{}]", aliases.join(", "))?;
    }
    if *mode != crate::Mode::default() {
        writeln!(out, "    mode: {}", mode.as_str())?;
    }
    let first_content = first_content_ms.map(u64::from);
    for (name, number) in [("context", *context), ("max_output", *max_output), ("first_content_ms", first_content)] {
        if let Some(number) = number {
            writeln!(out, "    {name}: {number}")?;
        }
    }
    if !capabilities.is_empty() {
        let words: Vec<_> = capabilities.iter().map(|capability| capability.as_str()).collect();
        writeln!(out, "    capabilities: [{}]", words.join(", "))?;
    }
    for (name, day) in [("released", released), ("deprecated", deprecated)] {
        if let Some(day) = day {
            writeln!(out, "    {name}: {day}")?;
        }
    }
    if let Some(data) = data {
        policy(out, data, "    ")?;
    }
    prices.iter().try_for_each(|prices| tariff(out, prices))
}

fn tariff(out: &mut String, tariff: &Tariff) -> fmt::Result {
    let list = members(&tariff.written());
    let tiers: Vec<_> = tariff.tiers.written().collect();
    if tariff.long_context.is_empty() && tiers.is_empty() {
        return writeln!(out, "    prices: {{{}}}", list.join(", "));
    }
    writeln!(out, "    prices:")?;
    list.iter().try_for_each(|member| writeln!(out, "      {member}"))?;
    if !tariff.long_context.is_empty() {
        writeln!(out, "      long_context:")?;
        tariff.long_context.iter().try_for_each(|one| writeln!(out, "        - {}", step(one)))?;
    }
    if !tiers.is_empty() {
        writeln!(out, "      tiers:")?;
    }
    tiers.into_iter().try_for_each(|(word, list)| writeln!(out, "        {word}: {}", tier(list)))
}

fn tier(list: &TierTariff) -> String {
    let mut all = members(&list.written());
    if !list.long_context.is_empty() {
        let steps: Vec<_> = list.long_context.iter().map(step).collect();
        all.push(format!("long_context: [{}]", steps.join(", ")));
    }
    format!("{{{}}}", all.join(", "))
}

fn step(step: &Step) -> String {
    format!("{{above: {}, {}}}", step.above, members(&step.written()).join(", "))
}

fn members(list: &Written) -> Vec<String> {
    let named = |(name, price): (&str, Option<Price>)| price.map(|price| format!("{name}: {price}"));
    list.named().into_iter().filter_map(named).collect()
}

impl Written {
    /// Its prices by the names that the file has for them.
    pub(crate) fn named(&self) -> [(&'static str, Option<Price>); 7] {
        let Self { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output } = *self;
        [
            ("input", Some(input)),
            ("output", Some(output)),
            ("cached", cached),
            ("cache_write", cache_write),
            ("cache_write_1h", cache_write_1h),
            ("audio_input", audio_input),
            ("audio_output", audio_output),
        ]
    }
}

/// A text as YAML: plain where it cannot be taken for anything else.
fn text(text: &str) -> String {
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./: '".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with([':', ' '])
        && !text.contains(": ")
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&&*text.to_ascii_lowercase());
    // JSON's texts are YAML's.
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# yaml-language-server: $schema=../catalogue.schema.json
# A remark.
provider: v
source: "Somebody, by way of somebody else"
checked_on: 2026-11-21
data:
  trains: no
  retention_days: 30
  zdr: on_request
  region: eu
  source: example.com/privacy
  checked_on: 2026-11-20
priority_by_contract: true
models:
  - id: m
    aliases: [us.m-v1:0, "~m", "1.0", "on"]
    context: 1000
    max_output: 100
    first_content_ms: 1200
    capabilities: [tools, images]
    released: 2026-01-02
    deprecated: 2027-01-02
    data:
      trains: unknown
      zdr: default
    prices:
      input: 2
      output: 10
      cached: 0.2
      long_context:
        - {above: 100, input: 4, output: 15, cache_write_1h: 8}
        - {above: 200, input: 5, output: 16}
      tiers:
        flex: {input: 1, output: 5, long_context: [{above: 100, input: 2, output: 7.5}, {above: 200, input: 2.5, output: 8}]}
        ultrafast: {input: 12, output: 60}
  - id: e
    mode: embedding
    prices: {input: 0.02, output: 0}
  - id: unpriced
"#;

    #[test]
    fn what_is_written_is_what_is_read() {
        let file: CatalogueFile = serde_saphyr::from_str(FILE).expect("a file of the catalogue");
        assert_eq!(file.to_yaml(&["A remark."]), FILE);
    }

    #[test]
    fn a_file_without_models_is_a_file() {
        let text = "{provider: v, source: s, checked_on: 2026-11-21, models: []}";
        let file: CatalogueFile = serde_saphyr::from_str(text).expect("a file of the catalogue");
        assert_eq!(serde_saphyr::from_str::<CatalogueFile>(&file.to_yaml(&[])).expect("as it was"), file);
    }
}
