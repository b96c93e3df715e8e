//! Real clients, unchanged but for base URL and key: each asks vendors of several dialects, and sees no difference.

use std::process::Command;

use tollgate_simulate::{Fault, Profile};

use crate::plans::Plans;
use crate::world::{World, faulty};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Each served by a vendor of another dialect.
const MODELS: &str = "only-open,only-anthropic";

/// Vendors that call tools three times before they have words, and one that never answers.
fn plans() -> Plans {
    let patient = || Profile { turns: 3, ..Profile::default() };
    World::with()
        .openai("open", patient())
        .anthropic("anthropic", patient())
        .openai("hanging", faulty(Fault::AcceptAndHang))
        .amazon("amazon")
}

/// Runs a script with this interpreter; it ends with 1 and says why where a client saw something else. `prefix`
/// is the path under which its client finds the gateway.
fn passes(interpreter: &str, script: &str, prefix: &str, variables: &[(&str, &str)]) {
    let world = plans().start();
    passes_at(&world, &format!("http://{}{prefix}", world.clients()), interpreter, script, variables);
}

/// The same against this world, where the client finds the gateway at `gate`.
fn passes_at(world: &World, gate: &str, interpreter: &str, script: &str, variables: &[(&str, &str)]) {
    let interpreter = format!("{ROOT}/{interpreter}");
    let run = Command::new(&interpreter)
        .arg(format!("{ROOT}/tests/clients/{script}"))
        .env("GATE", gate)
        .env("CONTROL", world.vendor.base_url("control"))
        .env("KEY", &world.key)
        .env("MODELS", MODELS)
        .env("HANGING", "only-hanging")
        .envs(variables.iter().copied())
        .output()
        .unwrap_or_else(|e| panic!("{interpreter} cannot be run ({e}); `make test` installs it"));
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("checks passed"), "{said}");
}

fn python(script: &str) {
    passes(".venv/bin/python", script, "", &[]);
}

fn node(script: &str, variables: &[(&str, &str)]) {
    passes(".venv/bin/node", &format!("node/{script}"), "", variables);
}

#[test]
fn openai_for_python_works() {
    python("openai_client.py");
}

#[test]
fn openai_for_node_works() {
    node("openai.mjs", &[]);
}

#[test]
fn langchain_works_over_chat_completions() {
    passes(".venv/bin/python", "langchain_client.py", "", &[("PROVIDER", "chat")]);
}

#[test]
fn langchain_works_over_responses() {
    passes(".venv/bin/python", "langchain_client.py", "", &[("PROVIDER", "responses")]);
}

#[test]
fn langchain_works_over_messages() {
    passes(".venv/bin/python", "langchain_client.py", "", &[("PROVIDER", "messages")]);
}

#[test]
fn llamaindex_works() {
    passes(".venvs/llamaindex/bin/python", "llamaindex_client.py", "", &[]);
}

#[test]
fn the_vercel_ai_sdk_works_over_chat_completions() {
    node("vercel.mjs", &[("PROVIDER", "chat")]);
}

#[test]
fn clients_for_python_have_their_vectors() {
    passes(".venv/bin/python", "embeddings_client.py", "", &[("MODELS", "only-open")]);
}

#[test]
fn clients_for_node_have_their_vectors() {
    node("embeddings.mjs", &[("MODELS", "only-open")]);
}

#[test]
fn openai_for_python_works_over_responses() {
    python("responses_client.py");
}

#[test]
fn openai_for_node_works_over_responses() {
    node("responses.mjs", &[]);
}

#[test]
fn the_vercel_ai_sdk_works_over_responses() {
    node("vercel.mjs", &[("PROVIDER", "responses")]);
}

#[test]
fn anthropic_for_python_works() {
    python("anthropic_client.py");
}

#[test]
fn anthropic_for_node_works() {
    node("anthropic.mjs", &[]);
}

#[test]
fn the_vercel_ai_sdk_works_over_messages() {
    node("vercel.mjs", &[("PROVIDER", "anthropic")]);
}

#[test]
fn google_genai_for_python_works() {
    python("genai_client.py");
}

#[test]
fn google_genai_for_node_works() {
    node("genai.mjs", &[]);
}

#[test]
fn amazons_client_and_anthropics_for_amazon_work() {
    let world = plans().tls().start();
    let clear = format!("http://{}/bedrock", world.clients());
    let signs = [("AWS_ACCESS_KEY_ID", world.key.as_str()), ("AWS_SECRET_ACCESS_KEY", "none")];
    passes_at(&world, &clear, ".venv/bin/python", "boto3_client.py", &signs);

    let ca = world.folder().join("cert.pem").display().to_string();
    let secure = format!("https://{}/bedrock", world.clients_tls());
    let bears = [("AWS_BEARER_TOKEN_BEDROCK", world.key.as_str()), ("AWS_CA_BUNDLE", &ca), ("SSL_CERT_FILE", &ca)];
    passes_at(&world, &secure, ".venv/bin/python", "boto3_client.py", &bears);
}

#[test]
fn clients_that_were_told_another_gateways_paths_find_theirs_here() {
    for (prefix, script) in
        [("/openai", "openai_client.py"), ("/anthropic", "anthropic_client.py"), ("/genai", "genai_client.py")]
    {
        passes(".venv/bin/python", script, prefix, &[]);
    }
}
