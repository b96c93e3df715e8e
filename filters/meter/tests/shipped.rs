//! The catalogue that comes with Tollgate: every file is complete, in proportion and looked up right.

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_api::Usage;
use tollgate_meter::{Catalogue, CatalogueFile, DEFAULT_FILES};

fn files() -> Vec<(&'static str, CatalogueFile)> {
    let read = |text: &str| serde_saphyr::from_str(text).expect("a file of the catalogue");
    DEFAULT_FILES.iter().map(|(name, text)| (*name, read(text))).collect()
}

fn catalogue() -> Catalogue {
    Catalogue::new(files().into_iter().map(|(_, file)| file)).expect("the shipped files do not contradict each other")
}

#[test]
fn every_file_in_the_folder_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/models");
    let names: BTreeSet<_> = std::fs::read_dir(folder)
        .expect("conf/models")
        .map(|file| format!("models/{}", file.expect("readable").file_name().to_string_lossy()))
        .collect();
    assert_eq!(names, DEFAULT_FILES.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn every_file_is_named_for_its_provider_and_says_where_its_figures_are_from() {
    for (name, file) in files() {
        assert_eq!(name, format!("models/{}.yaml", file.provider));
        assert!(!file.source.is_empty() && !file.source.contains("://"), "{name}");
        let digits: Vec<_> = file.checked_on.split('-').map(|part| (part.len(), part.parse::<u16>().is_ok())).collect();
        assert_eq!(digits, [(4, true), (2, true), (2, true)], "{name}: {}", file.checked_on);
    }
}

#[test]
fn every_file_tells_editors_its_schema() {
    for (name, text) in DEFAULT_FILES {
        assert!(text.starts_with("# yaml-language-server: $schema=../catalogue.schema.json\n"), "{name}");
    }
}

#[test]
fn every_price_is_in_proportion_and_no_model_is_without_one() {
    for (name, file) in files() {
        let oddities: Vec<_> = file.oddities().iter().map(ToString::to_string).collect();
        assert_eq!(oddities, [""; 0], "{name}");
        assert!(file.models.iter().all(|model| model.prices.is_some()), "{name}");
    }
}

/// Long prompts must fit in, or their prices are unreachable; answers must fit beside them.
#[test]
fn every_size_is_plausible() {
    for (name, file) in files() {
        for model in &file.models {
            let context = model.context.expect("shipped models have a context");
            assert!(model.max_output.is_none_or(|most| most <= context), "{name}: {}", model.id);
            let steps = model.prices.iter().flat_map(|tariff| &tariff.long_context);
            assert!(steps.into_iter().all(|step| step.above < context), "{name}: {}", model.id);
        }
    }
}

#[test]
fn known_requests_cost_what_the_price_lists_say() {
    let usage = Usage {
        input: 10_000,
        cached: 90_000,
        cache_write: 2_000,
        cache_write_1h: 1_000,
        output: 500,
        ..Usage::default()
    };
    let long = Usage { cached: 290_000, ..usage };
    for (provider, model, usage, input, output) in [
        // 10 000×3 + 90 000×0.3 + 2 000×3.75 + 1 000×6 = 70 500 millionths; 500×15 = 7 500.
        ("anthropic", "claude-sonnet-4-6", usage, "0.0705", "0.0075"),
        // 10 000×0.5 + 290 000×0.05 + 2 000×0.625 + 1 000×1 = 21 750; 500×2.5 = 1 250.
        ("anthropic", "claude-haiku-5-5", long, "0.02175", "0.00125"),
        // No price for writing: it is fresh input. 13 000×0.75 + 90 000×0.075 = 16 500; 500×4.5 = 2 250.
        ("openai", "gpt-5.4-mini-2026-03-17", usage, "0.0165", "0.00225"),
        // 10 000×2 + 90 000×0.1 + 3 000×2.5 = 36 500; 500×10 = 5 000.
        ("openai", "gpt-6.1-sol", usage, "0.0365", "0.005"),
        // 303 000 tokens are over 272 000: 10 000×4 + 290 000×0.2 + 3 000×5 = 113 000; 500×15 = 7 500.
        ("openai", "gpt-6.1-sol", long, "0.113", "0.0075"),
        // 10 000×1 + 90 000×0.1 + 2 000×1.25 + 1 000×2 = 23 500; 500×5 = 2 500.
        ("simulated", "sim-anthropic-small", usage, "0.0235", "0.0025"),
    ] {
        let catalogue = catalogue();
        let prices = catalogue.lookup(provider, model).and_then(|entry| entry.prices.as_ref()).expect("priced");
        let cost = prices.cost(&usage);
        assert_eq!(
            (cost.input.to_string(), cost.output.to_string()),
            (input.into(), output.into()),
            "{provider}/{model}"
        );
    }
}

#[test]
fn what_is_not_listed_has_no_price_rather_than_none_to_pay() {
    for (provider, model) in
        [("openai", "gpt-99"), ("anthropic", "gpt-5.5"), ("nobody", "claude-opus-5"), ("openai", "")]
    {
        assert!(catalogue().lookup(provider, model).is_none(), "{provider}/{model}");
    }
}
