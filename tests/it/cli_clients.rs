//! The command line for those who come from elsewhere: their clients connected, their configuration imported.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::TOLLGATE;

const CLIENTS: [&str; 14] = [
    "openai-python",
    "openai-node",
    "anthropic-python",
    "anthropic-node",
    "google-genai",
    "langchain",
    "llamaindex",
    "vercel-ai",
    "claude-code",
    "codex",
    "gemini-cli",
    "aider",
    "continue",
    "cursor",
];

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli_clients").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// Runs it for somebody whose home is this folder.
fn tollgate(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(TOLLGATE);
    for name in ["TOLLGATE_KEY", "TOLLGATE_BASE_URL", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(home).env("HOME", home).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn fails(output: &Output, code: i32, part: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(code) && said.contains(part), "{:?}: {said}", output.status);
}

#[test]
fn every_client_is_told_where_and_with_which_key_and_the_documentation_says_the_same() {
    let home = folder("print");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md")).expect("a page");
    for client in CLIENTS {
        let said = out(&tollgate(&home, &["connect", client, "--base-url", "https://gate/v1/", "--key", "tgk_x"]));
        assert!(said.contains("https://gate") && !said.contains("/v1/v1") && said.contains("tgk_x"), "{said}");
        let said = out(&tollgate(&home, &["connect", client]));
        for line in said.lines().filter(|line| !line.starts_with('#')) {
            assert!(page.contains(line), "docs/clients.md lacks this of {client}: {line}");
        }
    }
    assert_eq!(fs::read_dir(&home).expect("it is there").count(), 0, "printing writes nothing");
}

#[test]
fn a_written_settings_file_keeps_what_was_in_it() {
    let home = folder("merge");
    fs::create_dir(home.join(".claude")).expect("a folder");
    let settings = home.join(".claude/settings.json");
    fs::write(&settings, "{\n  \"model\": \"opus\",\n  \"env\": { \"A\": \"b\" }\n}\n").expect("written");
    let write = ["connect", "claude-code", "--key", "tgk_x", "--write"];
    let said = out(&tollgate(&home, &write));
    let text = fs::read_to_string(&settings).expect("it is there");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(text.starts_with("{\n  \"model\": \"opus\",\n  \"env\": { \"A\": \"b\","), "{text}");
    assert_eq!(json["env"]["ANTHROPIC_AUTH_TOKEN"], "tgk_x");
    assert_eq!(json["env"]["ANTHROPIC_BASE_URL"], "http://127.0.0.1:4000");
    assert!(said.contains("settings.json.before-tollgate") && !said.contains("tgk_x"), "{said}");
    let kept = fs::read_to_string(home.join(".claude/settings.json.before-tollgate")).expect("it is kept");
    assert!(kept.contains("opus") && !kept.contains("tgk_x"), "{kept}");
    assert!(out(&tollgate(&home, &write)).contains("says so already"));
    assert_eq!(fs::read_to_string(&settings).expect("it is there"), text);
}

#[test]
fn a_new_settings_file_is_for_its_owner_alone() {
    let home = folder("new");
    for (client, file) in
        [("codex", ".codex/config.toml"), ("gemini-cli", ".gemini/.env"), ("aider", ".aider.conf.yml")]
    {
        out(&tollgate(&home, &["connect", client, "--key", "tgk_x", "--model", "m", "--write"]));
        let metadata = fs::metadata(home.join(file)).expect("it is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let chosen = fs::read_to_string(home.join(".gemini/settings.json")).expect("it is there");
    assert!(chosen.contains("gemini-api-key"), "{chosen}");
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_is_changed() {
    let home = folder("refused");
    fails(&tollgate(&home, &["connect", "codex", "--write"]), 1, "--key");
    fails(&tollgate(&home, &["connect", "openai-python", "--key", "tgk_x", "--write"]), 1, "no settings file");
    fails(&tollgate(&home, &["connect", "openai-python", "--base-url", "nowhere"]), 1, "http://127.0.0.1:4000");
    fails(&tollgate(&home, &["connect", "nobody"]), 2, "possible values");
    fs::create_dir(home.join(".claude")).expect("a folder");
    let settings = home.join(".claude/settings.json");
    fs::write(&settings, "{ // mine\n}").expect("written");
    fails(&tollgate(&home, &["connect", "claude-code", "--key", "tgk_x", "--write"]), 1, "not JSON");
    assert_eq!(fs::read_to_string(&settings).expect("it is there"), "{ // mine\n}");
}

const LITELLM: &str = "\
model_list:
  - model_name: gpt-5.4-mini
    litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/OPENAI_API_KEY, rpm: 10}
  - model_name: gpt-5.4-mini
    litellm_params: {model: ollama/llama3.2}
router_settings: {num_retries: 3}
";

#[test]
fn an_imported_configuration_checks_and_what_is_left_is_said() {
    let home = folder("import");
    fs::write(home.join("config.yaml"), LITELLM).expect("written");
    let import = tollgate(&home, &["import", "litellm", "config.yaml"]);
    let said = String::from_utf8_lossy(&import.stderr).into_owned();
    assert!(said.contains("config.yaml:3: `model_list[0].litellm_params.rpm`: "), "{said}");
    assert!(said.contains("config.yaml:6: `router_settings.num_retries`: "), "{said}");
    assert!(said.contains("2 not turned"), "{said}");
    fs::write(home.join("tollgate.yaml"), out(&import)).expect("written");
    let mut check = Command::new(TOLLGATE);
    let checked = check.args(["check"]).current_dir(&home).env_remove("TOLLGATE_CONFIG").env("OPENAI_API_KEY", "k");
    let checked = out(&checked.output().expect("the binary runs"));
    assert!(checked.contains("correct. 2 endpoints, 1 model names"), "{checked}");
    let again = tollgate(&home, &["import", "litellm", "config.yaml", "-o", "tollgate.yaml"]);
    fails(&again, 1, "tollgate.yaml is not written");
    out(&tollgate(&home, &["import", "litellm", "config.yaml", "-o", "other.yaml"]));
    assert_eq!(fs::read(home.join("other.yaml")).expect("it is there"), import.stdout);
}

#[test]
fn what_is_no_configuration_of_litellm_is_a_mistake_with_its_place() {
    let home = folder("import-wrong");
    fs::write(home.join("config.yaml"), "model_list: [").expect("written");
    fails(&tollgate(&home, &["import", "litellm", "config.yaml"]), 78, "config.yaml:");
    fails(&tollgate(&home, &["import", "litellm", "absent.yaml"]), 1, "absent.yaml");
}
