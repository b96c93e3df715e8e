//! Right files: every example loads, and what it says is what is meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_api::{Complexity, RaceMode, Slot, StartWithin, Task};
use tollgate_conf::{BaseUrl, Config, Deadlines, Hedge, Sources, SystemSources, load, parse, restart_needed};
use tollgate_translate::Dialect;

use crate::world::{HASH, World};

/// The examples lie beside this crate's manifest.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The real files under variables of our own.
struct Examples(World);

impl Sources for Examples {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.variable(name)
    }

    fn file(&self, path: &Path) -> std::io::Result<String> {
        SystemSources.file(path)
    }
}

fn example(name: &str) -> Config {
    let variables = World::default()
        .with("OPENAI_API_KEY", "test-openai")
        .with("ANTHROPIC_API_KEY", "test-anthropic")
        .with("TOLLGATE_DEMO_UPSTREAM", "http://127.0.0.1:9")
        .with("TOLLGATE_DEMO_KEY_HASH", HASH);
    load(&folder().join(name), &Examples(variables)).unwrap_or_else(|report| panic!("{name}\n{report}"))
}

fn right(text: &str) -> Config {
    parse("t.yaml", text, &World::default()).unwrap_or_else(|report| panic!("{text}\n{report}"))
}

#[test]
fn every_example_loads() {
    let listed = std::fs::read_dir(folder()).expect("the examples' folder");
    let mut names: Vec<_> = listed.map(|entry| entry.expect("an entry").file_name()).collect();
    names.retain(|name| name.to_string_lossy().ends_with(".yaml") && name != "classify.yaml");
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let name = name.to_str().expect("a plain name");
        let config = example(name);
        assert!(!config.models.is_empty(), "{name}");
        let text = std::fs::read_to_string(folder().join(name)).expect("it has just been read");
        assert!(text.starts_with("# yaml-language-server: $schema=./tollgate.schema.json\n"), "{name}");
        assert!(text.contains("# curl "), "{name} ends with something to try");
    }
}

#[test]
fn the_minimal_example_is_under_twenty_lines() {
    let text = std::fs::read_to_string(folder().join("minimal.yaml")).expect("the example");
    assert!(text.lines().count() < 20);
}

#[test]
fn the_reference_example_uses_every_member() {
    let text = std::fs::read_to_string(folder().join("tollgate.yaml")).expect("the example");
    let schema = tollgate_conf::schema();
    let definitions = schema["definitions"].as_object().expect("definitions");
    let members = definitions.values().chain([&schema]).filter_map(|d| d["properties"].as_object());
    for member in members.flat_map(|properties| properties.keys()) {
        assert!(text.contains(&format!("{member}:")) || text.contains(&format!("{member};")), "{member} is not shown");
    }
}

#[test]
fn an_empty_file_is_a_gateway_that_lets_nobody_in() {
    for text in ["", "# nothing\n", "server:\nkeys:\nproviders:\nmodels:\n", "---\n{}\n"] {
        let config = right(text);
        assert_eq!(config.server.listen[0].address.to_string(), "127.0.0.1:4000");
        assert_eq!(config.server.ops.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:4001"));
        assert_eq!(config.server.max_body, 32 << 20);
        assert_eq!(config.timeouts.first_byte, Duration::from_secs(60));
        assert!(config.keys.is_empty() && config.models.is_empty() && config.limits.key.requests_per_minute.is_none());
    }
}

#[test]
fn a_vendor_known_by_name_needs_only_its_credential() {
    let world = World::default().with("KEY", "abc");
    let text = "providers:\n  anthropic: {api_key: \"${KEY}\"}\n  ollama:\n";
    let config = parse("t.yaml", text, &world).expect("right");
    let base = |tls, host: &str, port, path: &str| BaseUrl { tls, host: host.into(), port, path: path.into() };
    assert_eq!(config.providers[0].dialect, Dialect::Anthropic);
    assert_eq!(config.providers[0].base, base(true, "api.anthropic.com", 443, ""));
    assert_eq!(config.providers[1].dialect, Dialect::OpenAi);
    assert_eq!(config.providers[1].base, base(false, "127.0.0.1", 11434, "/v1"));
    assert!(config.providers[1].credential.is_none());
}

#[test]
fn names_become_indices_and_what_is_left_out_comes_from_above() {
    let config = example("tollgate.yaml");
    let endpoint = |name: &str| config.endpoints.iter().position(|e| &*e.name == name).expect(name);
    let nearby = &config.endpoints[endpoint("nearby")];
    assert_eq!(&*config.providers[nearby.provider].name, "inhouse");
    assert_eq!(nearby.base.host, "llm-eu.example.com");
    assert_eq!(nearby.timeouts.connect, Duration::from_millis(500));
    assert_eq!(nearby.timeouts.total, Duration::from_secs(600));
    assert_eq!((&*nearby.price_as.provider, &*nearby.price_as.model), ("inhouse", "llama-3.3-70b"));
    let haiku = &config.endpoints[endpoint("anthropic/claude-haiku-4-5")];
    assert_eq!((haiku.timeouts.first_byte, haiku.timeouts.idle), (Duration::from_secs(120), Duration::from_secs(60)));

    let model = config.models.iter().find(|m| &*m.name == "gpt-5.4-mini").expect("the model");
    let chain = ["openai/gpt-5.4-mini", "anthropic/claude-haiku-4-5", "nearby"].map(endpoint);
    assert_eq!((&model.candidates[..], &*model.aliases[1]), (&chain[..], "fast"));
    let route = &config.routes[0];
    assert_eq!(route.candidates, ["nearby", "ollama/llama3.2"].map(endpoint), "a model stands for its candidates");
    assert!(route.matches.needs_headers() && !route.classify);
    let route = &config.routes[1];
    assert_eq!(
        (&route.matches.task[..], route.matches.complexity),
        (&[Task::Code, Task::Reasoning][..], Some(Complexity::Complex))
    );
    assert!(route.classify, "asking for a task asks for the label");

    let [key, revoked] = &config.keys[..] else { panic!("two keys") };
    assert_eq!((key.limits.requests_per_minute.map(u32::from), &*key.stored.tenant), (Some(1200), "acme"));
    assert_eq!((revoked.limits.requests_per_minute.map(u32::from), revoked.stored.revoked), (Some(600), true));
    let filter = &config.filters[0];
    assert_eq!((&*filter.name, filter.slot, &filter.conf["tag"]), ("sample", Slot::AfterClassify, &"gateway".into()));
    assert!(filter.at.ends_with("tollgate.yaml:154:10"), "{}", filter.at);
    assert!(config.files[0].ends_with("tollgate.yaml"));
}

#[test]
fn deadlines_are_kept_without_a_word_about_them() {
    let config = right("");
    let expected = Deadlines {
        start_within: None,
        require: false,
        race: RaceMode::Overlap,
        longest: Duration::from_secs(24 * 3600),
        least_wait: Duration::from_millis(100),
        first_content: Duration::from_secs(3),
        late_millionths: 10_000,
        flex_rest: Duration::from_secs(60),
        flex_stalls: 8,
        flex_stalled_rest: Duration::from_secs(300),
    };
    assert_eq!(config.deadlines, expected);
    assert_eq!((config.fees.cost, config.fees.byok, config.fees.saving), (0, 0, 200_000));
    let said = Deadlines { start_within: Some(StartWithin::Time(Duration::from_secs(90))), ..expected };
    assert_eq!(example("tollgate.yaml").deadlines, said);
}

#[test]
fn what_is_said_about_deadlines_stands() {
    let of = |text: &str| right(&format!("deadlines: {{{text}}}\n")).deadlines;
    let time = |millis| Some(StartWithin::Time(Duration::from_millis(millis)));
    for (text, start) in [
        ("default", Some(StartWithin::Default)),
        ("priority", Some(StartWithin::Priority)),
        ("auto", Some(StartWithin::Auto)),
        ("PT30S", time(30_000)),
        ("00h-00m-30s", time(30_000)),
        ("24h", time(86_400_000)),
    ] {
        assert_eq!(of(&format!("start_within: {text}")).start_within, start, "{text}");
    }
    assert_eq!(of("start_within: 3d, longest: 3d").longest, Duration::from_secs(3 * 86_400));
    let given = of("require: true, race: sequential, flex_stalls: 1");
    assert_eq!((given.require, given.race, given.flex_stalls), (true, RaceMode::Sequential, 1));
    for (percent, late) in [("50.0001", 499_999), ("95", 50_000), ("99.9999", 1)] {
        assert_eq!(of(&format!("in_time_percent: {percent}")).late_millionths, late, "{percent}");
    }
}

#[test]
fn a_route_hedges_where_it_says_so() {
    let of = |hedge: &str| {
        let text = format!("providers: {{ollama: }}\nroutes:\n- {{name: r, candidates: [ollama/m]{hedge}}}\n");
        right(&text).routes[0].hedge
    };
    assert_eq!(of(""), None);
    assert_eq!(of(", hedge: ~"), None);
    for (percent, extra_millionths) in [("0.0001", 1), ("2.5", 25_000), ("100", 1_000_000)] {
        assert_eq!(of(&format!(", hedge: {{extra_percent: {percent}}}")), Some(Hedge { extra_millionths }));
    }
}

#[test]
fn fees_are_millionths_to_the_last_place() {
    let fees = right("fees: {cost_percent: 1000, byok_percent: 0.0001, saving_percent: 100}\n").fees;
    assert_eq!((fees.cost, fees.byok, fees.saving), (10_000_000, 1, 1_000_000));
}

#[test]
fn an_operators_rules_take_the_place_of_ours() {
    let world = World::default().file(
        "rules.yaml",
        "otherwise: creative\ncomplex_at: 1\nrules:\n- {name: only, task: code, words: [sesame]}\n",
    );
    let label = |text: &str| {
        let config = parse("t.yaml", text, &world).expect("right");
        let messages = r#"[{"role": "user", "content": "Translate this into French: good morning"}]"#;
        let surface = tollgate_api::Surface::ChatCompletions;
        config.classifier.label(&tollgate_classify::Input { surface, messages, tools: false }).task
    };
    assert_eq!(label(""), Some(Task::Translation));
    assert_eq!(label("classify: {rules: rules.yaml}\n"), Some(Task::Creative));
}

#[test]
fn an_operators_prices_stand_over_ours() {
    let text = "provider: openai\nsource: contract\nchecked_on: 2026-01-01\nmodels:\n- {id: gpt-5.4-mini, prices: {input: 0.1, output: 0.2}}\n";
    let world = World::default().file("mine.yaml", text);
    let config = parse("t.yaml", "catalogue: {files: [mine.yaml]}\n", &world).expect("right");
    let usage = tollgate_api::Usage { input: 1_000_000, ..Default::default() };
    let cost =
        |model| config.catalogue.lookup("openai", model)?.prices.as_ref().map(|p| p.cost(&usage).input.to_string());
    assert_eq!(cost("gpt-5.4-mini").as_deref(), Some("0.1"));
    assert!(cost("gpt-5-nano").is_some(), "the others are still there");
}

#[test]
fn anchors_and_merging_work() {
    let config = right(
        "providers:\n  a: &base {dialect: openai, base_url: http://a, timeouts: &t {idle: 5s}}\n  b: {<<: *base, base_url: http://b}\nendpoints:\n  e: {provider: b, model: m, timeouts: *t}\n",
    );
    assert_eq!(config.providers[1].base.host, "b");
    assert_eq!(config.providers[1].timeouts.idle, Duration::from_secs(5));
    assert_eq!(config.endpoints[0].timeouts.idle, Duration::from_secs(5));
}

#[test]
fn a_filters_settings_keep_their_types() {
    let world = World::default().with("N", "7");
    let text = "filters:\n  - use: f\n    slot: on_event\n    conf: {a: 1, b: -2, c: 0.5, d: yes, e: true, f: null, g: \"1\", h: [x], i: \"${N}\"}\n    \n";
    let config = parse("t.yaml", text, &world).expect("right");
    let conf = serde_json::json!({"a": 1, "b": -2, "c": 0.5, "d": "yes", "e": true, "f": null, "g": "1", "h": ["x"], "i": "7"});
    assert_eq!(config.filters[0].conf, conf);
}

#[test]
fn secrets_may_stand_in_files_of_their_own() {
    use secrecy::ExposeSecret;
    let world = World::default()
        .with("OPENAI_API_KEY_FILE", "/run/openai")
        .file("/run/openai", "one\n")
        .file("etc/two", "two\r\n")
        .file("/run/pepper", "three");
    let text = "providers:\n  openai:\n    api_key: ${OPENAI_API_KEY}\n  mistral:\n    api_key_file: two\nkey_hashing: {pepper_file: /run/pepper}\n";
    let config = parse("etc/t.yaml", text, &world).expect("right");
    let shown: Vec<_> =
        config.providers.iter().filter_map(|p| p.credential.as_ref()).map(|c| c.expose_secret()).collect();
    assert_eq!(shown, ["one", "two"]);
    assert_eq!(config.key_hashing.pepper.as_ref().map(|p| p.expose_secret()), Some("three"));
    let files: Vec<_> = config.files.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(files, ["etc/t.yaml", "/run/openai", "/run/pepper", "etc/two"], "all of them are to be watched");
}

#[test]
fn what_init_writes_passes_its_own_check_and_holds_no_value() {
    let names = [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "MISTRAL_API_KEY",
        "GROQ_API_KEY",
        "DEEPSEEK_API_KEY",
        "XAI_API_KEY",
        "OPENROUTER_API_KEY",
        "TOGETHER_API_KEY",
    ];
    let all = names.iter().fold(World::default(), |world, name| world.with(name, "geheim"));
    let text = tollgate_conf::init(&all);
    let config = parse("t.yaml", &text, &all).unwrap_or_else(|report| panic!("{text}\n{report}"));
    assert_eq!((config.providers.len(), config.models[0].candidates.len()), (8, 8));
    for endpoint in &config.endpoints {
        let provider = &*endpoint.price_as.provider;
        let is_sold = !["openrouter"].contains(&provider);
        let priced = config.catalogue.lookup(provider, &endpoint.price_as.model).is_some();
        assert!(priced || !is_sold, "{} is proposed but has no price", endpoint.name);
    }
    assert!(!text.contains("geheim") && text.starts_with("# yaml-language-server: "));

    let none = tollgate_conf::init(&World::default());
    assert!(right(&none).providers.is_empty());
    assert!(none.contains("tollgate demo") && none.contains("ollama"));
    let line = |line: &str| line.strip_prefix("# ").filter(|rest| rest.starts_with("  ")).unwrap_or(line).to_owned();
    let taken_away = none.lines().map(line).collect::<Vec<_>>().join("\n");
    let config = parse("t.yaml", &taken_away, &all).unwrap_or_else(|report| panic!("{taken_away}\n{report}"));
    assert_eq!((config.providers.len(), config.models.len()), (3, 1), "taking the comment signs away is enough");
}

#[test]
fn init_understands_the_address_of_a_local_server_as_its_client_does() {
    let cases = [
        ("127.0.0.1:11434", "127.0.0.1", 11434),
        ("box", "box", 11434),
        ("http://box:8080", "box", 8080),
        ("http://box", "box", 11434),
        ("a b c", "127.0.0.1", 11434),
        ("box/", "127.0.0.1", 11434),
    ];
    for (address, host, port) in cases {
        let world = World::default().with("OLLAMA_HOST", address);
        let text = tollgate_conf::init(&world);
        let config = parse("t.yaml", &text, &world).unwrap_or_else(|report| panic!("{text}\n{report}"));
        let base = &config.providers[0].base;
        assert_eq!((&*base.host, base.port, &*base.path), (host, port, "/v1"), "{address}");
    }
}

#[test]
fn what_needs_a_restart_is_named_and_nothing_else() {
    let old = right("");
    let new = right(
        "server: {listen: [{address: 127.0.0.1:5000}], threads: 3, max_body: 1KiB}\nlimits: {requests_per_minute: 5}\n",
    );
    let named = restart_needed(&old, &new);
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(named[0].contains("`server.listen`") && named[1].contains("`server.threads`"));
    assert!(restart_needed(&old, &old).is_empty());
}

/// Compares with the checked-in file; `UPDATE=1` writes it.
fn is_current(path: &str, text: &str) {
    let path = folder().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "{} is not current: run `UPDATE=1 cargo test -p tollgate-conf`", path.display());
}

#[test]
fn the_checked_in_schema_and_reference_are_current() {
    is_current("tollgate.schema.json", &format!("{:#}\n", tollgate_conf::schema()));
    is_current("classify.schema.json", &format!("{:#}\n", tollgate_conf::classify_schema()));
    is_current("catalogue.schema.json", &format!("{:#}\n", tollgate_conf::catalogue_schema()));
    is_current("../docs/configuration.md", &tollgate_conf::reference_markdown());
}
