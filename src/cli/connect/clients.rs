//! The clients, one function for each: what they have to be told. A new one is one more, and a line in the table.

use std::path::PathBuf;

use super::merge::{Entry, Format};

const IN_CODE: &str = "In code";

/// The gateway as a client sees it.
pub(super) struct At {
    /// Its address, without `/v1`.
    pub(super) root: String,
    pub(super) key: String,
    pub(super) model: Option<String>,
}

impl At {
    fn v1(&self) -> String {
        format!("{}/v1", self.root)
    }

    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or("auto")
    }
}

/// What a client has to be told.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) files: Vec<File>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// What is put in by hand, and where.
    pub(super) snippet: Option<(&'static str, String)>,
    pub(super) note: &'static str,
}

/// A settings file of a client.
#[derive(Clone)]
pub(super) struct File {
    /// The variable that moves the client's folder.
    variable: &'static str,
    /// The client's folder in the home folder.
    folder: &'static str,
    name: &'static str,
    pub(super) format: Format,
    pub(super) entries: Vec<Entry>,
}

impl File {
    /// Where it is for the person who asks; `None` where nobody knows.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder =
            set(self.variable).map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(self.folder)))?;
        Some(folder.join(self.name))
    }

    /// Its usual place.
    pub(super) fn shown(&self) -> String {
        let folder = if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) };
        format!("~/{folder}{}", self.name)
    }
}

/// A client's name, and what it has to be told.
type Client = (&'static str, fn(&At) -> Settings);

/// Every client, by the name that is asked for.
pub(super) const CLIENTS: [Client; 15] = [
    ("openai-python", openai_python),
    ("openai-node", openai_node),
    ("anthropic-python", anthropic_python),
    ("anthropic-node", anthropic_node),
    ("google-genai", google_genai),
    ("boto3", boto3),
    ("langchain", langchain),
    ("llamaindex", llamaindex),
    ("vercel-ai", vercel_ai),
    ("claude-code", claude_code),
    ("codex", codex),
    ("gemini-cli", gemini_cli),
    ("aider", aider),
    ("continue", continue_dev),
    ("cursor", cursor),
];

fn openai_environment(at: &At) -> Vec<(&'static str, String)> {
    vec![("OPENAI_BASE_URL", at.v1()), ("OPENAI_API_KEY", at.key.clone())]
}

fn anthropic_environment(at: &At) -> Vec<(&'static str, String)> {
    vec![("ANTHROPIC_BASE_URL", at.root.clone()), ("ANTHROPIC_API_KEY", at.key.clone())]
}

fn openai_python(at: &At) -> Settings {
    let snippet = format!(
        "from openai import OpenAI\nclient = OpenAI(base_url=\"{}\", api_key=\"{}\")\n\
         client.chat.completions.create(model=\"{}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}])",
        at.v1(),
        at.key,
        at.model()
    );
    Settings { environment: openai_environment(at), snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn openai_node(at: &At) -> Settings {
    let snippet = format!(
        "import OpenAI from \"openai\";\nconst client = new OpenAI({{ baseURL: \"{}\", apiKey: \"{}\" }});\n\
         await client.chat.completions.create({{ model: \"{}\", messages: [{{ role: \"user\", content: \"Hello\" }}] }});",
        at.v1(),
        at.key,
        at.model()
    );
    Settings { environment: openai_environment(at), snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn anthropic_python(at: &At) -> Settings {
    let snippet = format!(
        "from anthropic import Anthropic\nclient = Anthropic(base_url=\"{}\", api_key=\"{}\")\n\
         client.messages.create(model=\"{}\", max_tokens=1024, messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}])",
        at.root,
        at.key,
        at.model()
    );
    Settings { environment: anthropic_environment(at), snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn anthropic_node(at: &At) -> Settings {
    let snippet = format!(
        "import Anthropic from \"@anthropic-ai/sdk\";\nconst client = new Anthropic({{ baseURL: \"{}\", apiKey: \"{}\" }});\n\
         await client.messages.create({{ model: \"{}\", max_tokens: 1024, messages: [{{ role: \"user\", content: \"Hello\" }}] }});",
        at.root,
        at.key,
        at.model()
    );
    Settings { environment: anthropic_environment(at), snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn google_genai(at: &At) -> Settings {
    let snippet = format!(
        "from google import genai\n\
         client = genai.Client(api_key=\"{}\", http_options=genai.types.HttpOptions(base_url=\"{}\"))\n\
         client.models.generate_content(model=\"{}\", contents=\"Hello\")\n\n\
         // JavaScript: new GoogleGenAI({{ apiKey: \"{}\", httpOptions: {{ baseUrl: \"{}\" }} }})",
        at.key,
        at.root,
        at.model(),
        at.key,
        at.root
    );
    let environment = vec![("GOOGLE_GEMINI_BASE_URL", at.root.clone()), ("GEMINI_API_KEY", at.key.clone())];
    Settings { environment, snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

/// Amazon's clients send a bearer over TLS alone. What they sign in clear text carries the key as the name of who
/// signs.
fn boto3(at: &At) -> Settings {
    let mut environment = vec![("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("{}/bedrock", at.root))];
    environment.push(("AWS_REGION", "us-east-1".to_owned()));
    if at.root.starts_with("https://") {
        environment.push(("AWS_BEARER_TOKEN_BEDROCK", at.key.clone()));
    } else {
        environment.push(("AWS_ACCESS_KEY_ID", at.key.clone()));
        environment.push(("AWS_SECRET_ACCESS_KEY", "none".to_owned()));
    }
    let snippet = format!(
        "import boto3\nclient = boto3.client(\"bedrock-runtime\")\n\
         client.converse(modelId=\"{}\", messages=[{{\"role\": \"user\", \"content\": [{{\"text\": \"Hello\"}}]}}])",
        at.model()
    );
    Settings { environment, snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn langchain(at: &At) -> Settings {
    let snippet = format!(
        "from langchain_openai import ChatOpenAI\n\
         ChatOpenAI(base_url=\"{}\", api_key=\"{}\", model=\"{}\").invoke(\"Hello\")",
        at.v1(),
        at.key,
        at.model()
    );
    Settings { environment: openai_environment(at), snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn llamaindex(at: &At) -> Settings {
    let snippet = format!(
        "from llama_index.llms.openai_like import OpenAILike\n\
         OpenAILike(api_base=\"{}\", api_key=\"{}\", model=\"{}\", is_chat_model=True, is_function_calling_model=True)",
        at.v1(),
        at.key,
        at.model()
    );
    Settings { snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn vercel_ai(at: &At) -> Settings {
    let snippet = format!(
        "import {{ createOpenAI }} from \"@ai-sdk/openai\";\nimport {{ generateText }} from \"ai\";\n\
         const tollgate = createOpenAI({{ baseURL: \"{}\", apiKey: \"{}\" }});\n\
         await generateText({{ model: tollgate(\"{}\"), prompt: \"Hello\" }});",
        at.v1(),
        at.key,
        at.model()
    );
    Settings { snippet: Some((IN_CODE, snippet)), ..Settings::default() }
}

fn claude_code(at: &At) -> Settings {
    let mut environment = vec![("ANTHROPIC_BASE_URL", at.root.clone()), ("ANTHROPIC_AUTH_TOKEN", at.key.clone())];
    if let Some(model) = &at.model {
        // The second is for its small errands.
        environment.push(("ANTHROPIC_MODEL", model.clone()));
        environment.push(("ANTHROPIC_DEFAULT_HAIKU_MODEL", model.clone()));
    }
    let entries = environment.iter().map(|(name, value)| Entry::text(&["env", name], value)).collect();
    let (variable, folder, name) = ("CLAUDE_CONFIG_DIR", ".claude", "settings.json");
    let file = File { variable, folder, name, format: Format::Json, entries };
    Settings { files: vec![file], ..Settings::default() }
}

fn codex(at: &At) -> Settings {
    let provider = |member| ["model_providers", "tollgate", member];
    let mut entries = vec![Entry::text(&["model_provider"], "tollgate")];
    entries.extend(at.model.as_deref().map(|model| Entry::text(&["model"], model)));
    entries.extend([
        Entry::text(&provider("name"), "Tollgate"),
        Entry::text(&provider("base_url"), &at.v1()),
        Entry::text(&provider("env_key"), "TOLLGATE_KEY"),
        Entry::text(&provider("wire_api"), "responses"),
    ]);
    let (variable, folder, name) = ("CODEX_HOME", ".codex", "config.toml");
    let file = File { variable, folder, name, format: Format::Toml, entries };
    let environment = vec![("TOLLGATE_KEY", at.key.clone())];
    Settings { files: vec![file], environment, ..Settings::default() }
}

fn gemini_cli(at: &At) -> Settings {
    let mut variables =
        vec![Entry::text(&["GOOGLE_GEMINI_BASE_URL"], &at.root), Entry::text(&["GEMINI_API_KEY"], &at.key)];
    variables.extend(at.model.as_deref().map(|model| Entry::text(&["GEMINI_MODEL"], model)));
    let chosen = vec![Entry::text(&["security", "auth", "selectedType"], "gemini-api-key")];
    let file = |name, format, entries| File { variable: "", folder: ".gemini", name, format, entries };
    let files = vec![file("settings.json", Format::Json, chosen), file(".env", Format::Environment, variables)];
    Settings { files, ..Settings::default() }
}

fn aider(at: &At) -> Settings {
    let entries = vec![
        Entry::text(&["openai-api-base"], &at.v1()),
        Entry::text(&["openai-api-key"], &at.key),
        Entry::text(&["model"], &format!("openai/{}", at.model())),
    ];
    let file = File { variable: "", folder: "", name: ".aider.conf.yml", format: Format::Yaml, entries };
    Settings { files: vec![file], ..Settings::default() }
}

fn continue_dev(at: &At) -> Settings {
    let snippet = format!(
        "models:\n  - name: Tollgate\n    provider: openai\n    model: {}\n    apiBase: {}\n    apiKey: {}",
        at.model(),
        at.v1(),
        at.key
    );
    Settings { snippet: Some(("In ~/.continue/config.yaml", snippet)), ..Settings::default() }
}

fn cursor(at: &At) -> Settings {
    let snippet = format!(
        "OpenAI API Key:           {}\nOverride OpenAI Base URL: {}\nModel:                    {}",
        at.key,
        at.v1(),
        at.model()
    );
    let note = "Cursor asks from its own servers: the gateway has to be reachable from the Internet, over https.";
    Settings { snippet: Some(("In Cursor Settings, Models", snippet)), note, ..Settings::default() }
}
