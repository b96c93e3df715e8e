//! The catalogue that comes with Tollgate: every file is complete, in proportion and looked up right.

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_api::{Price, Tier, Usage};
use tollgate_meter::{Catalogue, CatalogueFile, DEFAULT_FILES, Trains, Zdr};

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
    }
}

#[test]
fn every_file_tells_editors_its_schema() {
    for (name, text) in DEFAULT_FILES {
        assert!(text.starts_with("# yaml-language-server: $schema=../catalogue.schema.json\n"), "{name}");
    }
}

/// Vendors whose models cost what the machine under them costs: an operator may say so, and we do not.
const LOCAL: [&str; 1] = ["ollama"];

#[test]
fn no_file_contradicts_itself_and_every_price_is_in_proportion() {
    for (name, file) in files() {
        let wrong = file.findings(file.checked_on).into_iter().filter(tollgate_meter::Finding::is_error);
        assert_eq!(wrong.map(|finding| finding.to_string()).collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

#[test]
fn every_model_has_a_price_but_those_on_machines_of_ones_own() {
    for (name, file) in files() {
        let is_local = LOCAL.contains(&&*file.provider);
        for model in &file.models {
            assert_eq!(model.prices.is_none(), is_local, "{name}: {}", model.id);
            assert!(
                model.prices.iter().all(|tariff| tariff.input != Price::ZERO || tariff.output == Price::ZERO),
                "{name}: {}",
                model.id
            );
        }
    }
}

#[test]
fn the_vendors_of_the_manual_and_a_hundred_and_fifty_models_are_there() {
    let files = files();
    let vendors: BTreeSet<_> = files.iter().map(|(_, file)| &*file.provider).collect();
    for vendor in [
        "anthropic",
        "azure",
        "bedrock",
        "deepinfra",
        "deepseek",
        "gemini",
        "groq",
        "mistral",
        "ollama",
        "openai",
        "openrouter",
        "together",
        "xai",
        "zai",
    ] {
        assert!(vendors.contains(vendor), "{vendor}");
    }
    let priced = files.iter().flat_map(|(_, file)| &file.models).filter(|model| model.prices.is_some()).count();
    assert!(priced >= 150, "{priced}");
}

#[test]
fn every_vendor_says_what_it_does_with_data_or_that_nobody_has_read_it() {
    for (name, file) in files() {
        let data = file.data.expect("a policy");
        let is_known = data.trains != Trains::Unknown || data.zdr != Zdr::Unknown || data.retention_days.is_some();
        assert_eq!(is_known, data.source.is_some(), "{name}");
        assert_eq!(is_known, data.checked_on.is_some(), "{name}");
    }
}

/// Long prompts must fit in, or their prices are unreachable; answers must fit beside them.
#[test]
fn every_size_is_known() {
    for (name, file) in files() {
        for model in &file.models {
            assert!(model.context.is_some_and(|context| context > 0), "{name}: {}", model.id);
        }
    }
}

#[test]
fn simulated_models_can_race_and_no_vendor_is_said_to_be_as_fast_as_nobody_measured() {
    let catalogue = catalogue();
    for (_, file) in files() {
        let is_simulated = file.provider == "simulated";
        for model in &file.models {
            let entry = catalogue.lookup(&file.provider, &model.id).expect("it is in the file");
            assert_eq!(entry.first_content.is_some(), is_simulated, "{}: {}", file.provider, model.id);
            let sells_flex = entry.prices.as_ref().is_some_and(|prices| prices.sells(Tier::Flex));
            assert!(sells_flex || !is_simulated, "{}", model.id);
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
fn a_request_costs_what_the_tier_that_served_it_asks() {
    let usage = Usage { input: 1_000_000, output: 1_000_000, ..Usage::default() };
    let catalogue = catalogue();
    for (provider, model, tier, input, output) in [
        ("openai", "gpt-5.4-mini", Tier::Flex, "0.375", "2.25"),
        ("openai", "gpt-5.4-mini", Tier::Priority, "1.5", "9"),
        // A million tokens are over 272,000: 2 × 6 and 1.5 × 6 times the standard prices.
        ("openai", "gpt-6.1-sol", Tier::Ultrafast, "24", "90"),
        ("gemini", "gemini-2.5-pro", Tier::Flex, "1.25", "7.5"),
        ("gemini", "gemini-3.8-flash", Tier::Priority, "1.35", "6.75"),
        ("anthropic", "claude-opus-5-5", Tier::Fast, "8", "40"),
        ("anthropic", "claude-opus-5-5", Tier::Batch, "2", "10"),
        ("anthropic", "claude-opus-5-5", Tier::Priority, "4", "20"),
        ("xai", "grok-4.7", Tier::Batch, "3.2", "9.6"),
        ("groq", "openai/gpt-oss-120b", Tier::Flex, "0.15", "0.6"),
        ("bedrock", "global.xai.grok-4.7", Tier::Priority, "3.5", "10.5"),
    ] {
        let prices = catalogue.lookup(provider, model).and_then(|entry| entry.prices.as_ref()).expect("priced");
        let cost = prices.cost(&Usage { tier, ..usage });
        let costs = (cost.input.to_string(), cost.output.to_string());
        assert_eq!(costs, (input.into(), output.into()), "{provider}/{model} {tier:?}");
        assert!(prices.says(tier), "{provider}/{model} {tier:?}");
    }
}

#[test]
fn a_part_of_the_world_costs_more_at_amazon_and_has_the_name_of_its_profile() {
    let catalogue = catalogue();
    let usage = Usage { input: 1_000_000, ..Usage::default() };
    for (model, dollars) in [
        ("global.anthropic.claude-opus-5-5", "4"),
        ("us.anthropic.claude-opus-5-5", "4.4"),
        ("eu.anthropic.claude-opus-5-5", "4.4"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("eu.amazon.nova-pro-v1:0", "1.05"),
    ] {
        let prices = catalogue.lookup("bedrock", model).and_then(|entry| entry.prices.as_ref()).expect(model);
        assert_eq!(prices.cost(&usage).input.to_string(), dollars, "{model}");
    }
}

#[test]
fn a_vendors_promise_is_overridden_where_it_passes_a_request_on() {
    let catalogue = catalogue();
    assert_eq!(catalogue.data("deepinfra", "zai-org/GLM-5.2").zdr, Zdr::Default);
    assert_eq!(catalogue.data("deepinfra", "anthropic/claude-opus-5").zdr, Zdr::Unknown);
    assert_eq!(catalogue.data("openai", "never-heard-of").retention_days, Some(30));
    assert_eq!(catalogue.data("nobody", "m"), &tollgate_meter::DataPolicy::default());
}

#[test]
fn what_is_not_listed_has_no_price_rather_than_none_to_pay() {
    for (provider, model) in
        [("openai", "gpt-99"), ("anthropic", "gpt-5.5"), ("nobody", "claude-opus-5"), ("openai", "")]
    {
        assert!(catalogue().lookup(provider, model).is_none(), "{provider}/{model}");
    }
}
