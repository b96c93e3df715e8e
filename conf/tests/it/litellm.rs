//! LiteLLM's configuration as its users have it: ours comes out and is right, and nothing goes lost unsaid.

use std::time::Duration;

use tollgate_conf::{Config, Imported, Sources, import_litellm, parse};

/// Every variable is set, to something that is right wherever it stands.
struct Everything;

impl Sources for Everything {
    fn variable(&self, name: &str) -> Option<String> {
        Some(if name.ends_with("_BASE") { "http://127.0.0.1:9/v1".to_owned() } else { "value".to_owned() })
    }

    fn file(&self, _: &std::path::Path) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fn import(text: &str) -> (Config, Imported) {
    let imported = import_litellm("config.yaml", text).unwrap_or_else(|report| panic!("{text}\n{report}"));
    let config = parse("tollgate.yaml", &imported.yaml, &Everything);
    (config.unwrap_or_else(|report| panic!("{}\n{report}", imported.yaml)), imported)
}

/// The candidates of each model, by the names of their endpoints.
fn candidates(config: &Config) -> Vec<(String, Vec<String>)> {
    let name = |index: &usize| config.endpoints[*index].name.to_string();
    config.models.iter().map(|m| (m.name.to_string(), m.candidates.iter().map(name).collect())).collect()
}

fn model(name: &str, candidates: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), candidates.iter().map(|c| (*c).to_owned()).collect())
}

fn paths(imported: &Imported) -> Vec<&str> {
    imported.left.iter().map(|left| &*left.path).collect()
}

const TEAM: &str = r#"
model_list:
  - model_name: gpt-5.4-mini
    litellm_params:
      model: openai/gpt-5.4-mini
      api_key: os.environ/OPENAI_API_KEY
      rpm: 500
      timeout: 30
  - model_name: gpt-5.4-mini
    litellm_params:
      model: hosted_vllm/gpt-oss-120b
      api_base: http://10.0.0.7:8000/v1/
      api_key: none
      order: 1
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-5, api_key: os.environ/ANTHROPIC_API_KEY}
    model_info: {mode: chat}
  - model_name: local
    litellm_params: {model: ollama_chat/llama3.2, api_base: os.environ/OLLAMA_API_BASE}
  - model_name: "openai/*"
    litellm_params: {model: "openai/*", api_key: os.environ/OPENAI_API_KEY}
  - model_name: far
    litellm_params: {model: sagemaker/far, aws_region_name: eu-west-1}

router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  timeout: 900
  allowed_fails: 3
  cooldown_time: 30
  redis_host: os.environ/REDIS_HOST
  redis_port: 6380
  redis_password: os.environ/REDIS_PASSWORD
  model_group_alias: {small: gpt-5.4-mini, large: {model: claude, hidden: true}, gone: nobody}
  fallbacks: [{gpt-5.4-mini: [claude]}, {claude: [far]}]

litellm_settings:
  default_fallbacks: [local]
  drop_params: true
  set_verbose: true
  success_callback: [prometheus, langfuse]

general_settings:
  master_key: sk-written-master
  database_url: os.environ/DATABASE_URL
  max_request_size_mb: 64
"#;

#[test]
fn deployments_of_one_name_are_candidates_in_their_order_and_fallbacks_come_after_them() {
    let (config, _) = import(TEAM);
    assert_eq!(
        candidates(&config),
        [
            model(
                "gpt-5.4-mini",
                &["vllm/gpt-oss-120b", "gpt-5.4-mini-at-openai", "anthropic/claude-sonnet-5", "ollama/llama3.2"]
            ),
            model("claude", &["anthropic/claude-sonnet-5", "ollama/llama3.2"]),
            model("local", &["ollama/llama3.2"]),
        ]
    );
    let aliases: Vec<_> = config.models.iter().flat_map(|m| m.aliases.iter().map(|a| &**a)).collect();
    assert_eq!(aliases, ["small", "large"]);
    let second = &config.endpoints[config.models[0].candidates[1]];
    assert_eq!((&*second.model, second.timeouts.first_byte), ("gpt-5.4-mini", Duration::from_secs(30)));
    assert_eq!(&*second.price_as.provider, "openai");
}

#[test]
fn settings_that_have_a_place_of_ours_are_there() {
    let (config, _) = import(TEAM);
    let times = (config.timeouts.first_byte, config.timeouts.total);
    assert_eq!(times, (Duration::from_secs(900), Duration::from_secs(900)));
    assert_eq!((config.health.trip_after.get(), config.health.cooldown), (3, Duration::from_secs(30)));
    assert_eq!(config.server.max_body, 64 << 20);
    let (_, imported) = import(TEAM);
    assert!(imported.yaml.contains("redis: redis://:${REDIS_PASSWORD}@${REDIS_HOST}:6380"), "{}", imported.yaml);
}

#[test]
fn what_could_not_be_turned_is_said_member_by_member_and_stands_at_the_end() {
    let (_, imported) = import(TEAM);
    assert_eq!(
        paths(&imported),
        [
            "model_list[0].litellm_params.rpm",
            "model_list[2].model_info",
            "model_list[4].litellm_params.model",
            "model_list[5]",
            "router_settings.routing_strategy",
            "router_settings.num_retries",
            "router_settings.model_group_alias.large.hidden",
            "router_settings.model_group_alias.gone",
            "router_settings.fallbacks[1].claude[0]",
            "litellm_settings.drop_params",
            "litellm_settings.success_callback[1]",
            "general_settings.master_key",
            "general_settings.database_url",
        ]
    );
    let end = imported.yaml.split("# Could not be turned:").nth(1).expect("there is something");
    for left in &imported.left {
        assert!(left.line > 1 && !left.remedy.is_empty(), "{left}");
        assert!(end.contains(&format!("# line {}, `{}`: {}", left.line, left.path, left.remedy)), "{left}");
    }
}

#[test]
fn a_written_secret_becomes_a_variable_and_is_repeated_nowhere() {
    let text = r"
model_list:
  - model_name: a
    litellm_params: {model: gpt-5.4-mini, api_key: sk-first-secret}
  - model_name: a
    litellm_params:
      model: gpt-5.4-mini
      api_key: sk-second-secret
      extra_headers: {Authorization: Bearer third-secret, x-team: blue}
  - model_name: b
    litellm_params: {model: xai/grok-4.5, api_key: os.environ/OPENAI_2_API_KEY}
litellm_settings:
  cache_params: {type: redis, password: fourth-secret}
general_settings: {master_key: sk-fifth-secret}
";
    let (config, imported) = import(text);
    assert_eq!(candidates(&config)[0], model("a", &["openai/gpt-5.4-mini", "a-at-openai-2"]));
    let second = &config.endpoints[config.models[0].candidates[1]];
    assert_eq!((&*second.price_as.provider, &*second.price_as.model), ("openai", "gpt-5.4-mini"));
    let said: String = imported.left.iter().map(|left| format!("{left}\n")).collect();
    assert!(!imported.yaml.contains("secret\"") && !imported.yaml.contains("-secret"), "{}", imported.yaml);
    assert!(!said.contains("-secret"), "{said}");
    assert!(imported.yaml.contains("x-team: blue"), "{}", imported.yaml);
    // A variable that the file uses already is somebody else's.
    assert!(imported.yaml.contains("${OPENAI_API_KEY}") && imported.yaml.contains("${OPENAI_2_API_KEY_2}"), "{said}");
}

#[test]
fn named_credentials_are_looked_up() {
    let text = "
credential_list:
  - credential_name: inhouse
    credential_values: {api_key: os.environ/INHOUSE_KEY, api_base: os.environ/INHOUSE_BASE}
    credential_info: {description: ours}
model_list:
  - model_name: m
    litellm_params: {model: openai/llama, litellm_credential_name: inhouse}
";
    let (config, imported) = import(text);
    assert_eq!(candidates(&config), [model("m", &["inhouse-base/llama"])]);
    assert!(imported.yaml.contains("api_key: ${INHOUSE_KEY}"), "{}", imported.yaml);
    assert_eq!(paths(&imported), ["credential_list[0].credential_info"]);
}

#[test]
fn azure_and_bedrock_are_reached_as_litellm_reaches_them() {
    let text = "
model_list:
  - model_name: a
    litellm_params:
      model: azure/my-deployment
      api_base: https://mine.openai.azure.com/
      api_version: \"2024-10-21\"
      api_key: os.environ/AZURE_API_KEY
  - model_name: a
    litellm_params: {model: bedrock/converse/us.anthropic.claude-x-v1:0, aws_region_name: us-east-1}
  - model_name: b
    litellm_params:
      model: bedrock/us.anthropic.claude-x-v1:0
      aws_region_name: us-east-1
      aws_access_key_id: AKIAWRITTEN
      aws_secret_access_key: written-secret
";
    let (config, imported) = import(text);
    assert_eq!(
        candidates(&config),
        [
            model("a", &["azure/my-deployment", "bedrock/us.anthropic.claude-x-v1:0"]),
            model("b", &["bedrock-2/us.anthropic.claude-x-v1:0"])
        ]
    );
    for line in [
        "base_url: https://mine.openai.azure.com/openai/v1",
        "base_url: https://bedrock-runtime.us-east-1.amazonaws.com",
        "api_key: ${AWS_ACCESS_KEY_ID}:${AWS_SECRET_ACCESS_KEY}",
        "vendor: bedrock",
    ] {
        assert!(imported.yaml.contains(&format!("    {line}\n")), "{line}: {}", imported.yaml);
    }
    assert!(!imported.yaml.contains("written-secret") && !imported.yaml.contains("AKIAWRITTEN"), "{}", imported.yaml);
    assert_eq!(paths(&imported), ["model_list[2].litellm_params.aws_secret_access_key"]);
}

#[test]
fn odd_values_never_make_a_file_that_does_not_check() {
    let odd = [
        "",
        "[]",
        "model_list: 7",
        "model_list: [7, {}, {model_name: a}, {model_name: a, litellm_params: {}}]",
        "model_list: [{model_name: 'a b: c', litellm_params: {model: openai/x}}]",
        "model_list: [{model_name: true, litellm_params: {model: openai/yes}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/x, api_base: nowhere}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/x, api_base: \"https://me:pw@x/v1\"}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/x, timeout: -1, order: first}}]",
        "model_list: [{model_name: a, litellm_params: {model: 'openai/${X', api_key: '${Y}'}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/x, extra_headers: {'a b': \"x\\ny\"}}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/x, extra_headers: {Host: y}}}]",
        "model_list: [{model_name: a-at-openai, litellm_params: {model: openai/x, timeout: 1}}]",
        "router_settings: {fallbacks: [{a: [b]}, 7, {a: 7}], model_group_alias: {a: a, b: {}}}",
        "router_settings: {timeout: 99999999999, cooldown_time: 0, allowed_fails: 0, redis_url: 7}",
        "router_settings: {redis_host: 'a b', redis_port: x}\nlitellm_settings: {redis_host: a, redis_port: 0}",
        "general_settings: {max_request_size_mb: 100000}",
        "litellm_settings: [a]\nrouter_settings: x",
    ];
    for text in odd {
        import(text);
    }
}

#[test]
fn text_that_is_not_yaml_is_a_report() {
    let report = import_litellm("config.yaml", "model_list: [").expect_err("it is cut off");
    assert!(report.to_string().contains("config.yaml:"), "{report}");
}
