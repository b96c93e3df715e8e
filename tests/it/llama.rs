//! A real model server: llama.cpp's, over a model with random weights. What it says is noise; how it says it,
//! what it counts and what it does when nobody listens is the real thing.
//!
//! The model is made by `../shared/tools`, which stands beside the repository.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::http::Connection;
use crate::world::{World, until};

/// More than a slot of the server can say before its context is full.
const MANY: u64 = 900;

struct Llama {
    child: Child,
    address: String,
}

impl Llama {
    fn start() -> Self {
        let model = model();
        let mut child = python("tests/llama/serve.py")
            .arg(model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python runs");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = lines.find_map(|line| line.ok().filter(|line| line.contains("127.0.0.1"))).expect("it listens");
        let address = address.trim().trim_start_matches("http://").to_owned();
        Self { child, address }
    }

    /// One of the counters that it keeps of itself.
    fn counter(&self, name: &str) -> u64 {
        let address = self.address.parse().expect("an address");
        let mut connection = Connection::open(address);
        let text = connection.request("GET", "/metrics", &[("connection", "close")], b"").answer().text();
        let name = format!("llamacpp:{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("{name}: {text}"));
        value.trim().parse::<f64>().expect("a number") as u64
    }

    fn world(&self) -> World {
        let provider = format!("http://{}/v1", self.address);
        World::with()
            .place("llama", "openai", provider, "    vendor: llamacpp\n    also_speaks: [anthropic, responses]\n")
            .start()
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(root.join(".venv/bin/python"));
    python.arg(root.join(script));
    python
}

/// The model: half a megabyte, the same each time, made once.
fn model() -> PathBuf {
    static MADE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let make = || {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tiny-{}.gguf", std::process::id()));
        let made = python("../shared/tools/make_tiny_gguf.py")
            .arg(&path)
            .status()
            .expect("Python runs; `make test` installs it");
        assert!(made.success(), "the model can be made");
        path
    };
    MADE.get_or_init(make).clone()
}

/// A request of each surface that says something of its own: no prompt is in the server's cache as a whole, of
/// which it counts a token otherwise than it reports it.
fn asked(number: usize, stream: bool) -> [(&'static str, Value); 3] {
    let text = |surface: &str| format!("{surface}, number {number}, streamed {stream}: tell a story");
    let messages = |surface: &str| json!([{"role": "user", "content": text(surface)}]);
    let mut chat = json!({"model": "only-llama", "messages": messages("chat"), "max_tokens": 20, "stream": stream});
    if stream && number == 1 {
        chat["stream_options"] = json!({"include_usage": true});
    }
    [
        ("/v1/chat/completions", chat),
        (
            "/v1/messages",
            json!({"model": "only-llama", "messages": messages("anthropic"), "max_tokens": 20, "stream": stream}),
        ),
        (
            "/v1/responses",
            json!({"model": "only-llama", "input": text("responses"), "max_output_tokens": 20, "stream": stream}),
        ),
    ]
}

#[test]
fn our_meter_counts_what_the_server_counts_on_every_surface() {
    let llama = Llama::start();
    let world = llama.world();
    let bearer = format!("Bearer {}", world.key);
    let before = (llama.counter("prompt_tokens_total"), llama.counter("tokens_predicted_total"));
    let (mut counted, mut lines, mut unsure) = ((0, 0), Vec::new(), false);
    for stream in [false, true] {
        for number in 0..3 {
            for (path, body) in asked(number, stream) {
                let answer = world.ask("POST", path, &[("authorization", &bearer)], body.to_string().as_bytes());
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                let line = world.line_of(&answer);
                let count = |name: &str| line[name].as_u64().unwrap_or(0);
                // Its streams of Messages lack their beginning at times, and with it what the prompt was: that
                // is counted here, and said.
                let lacks_beginning = path == "/v1/messages" && stream && !answer.text().contains("message_start");
                let expected = if lacks_beginning { "estimated" } else { "reported" };
                assert_eq!(line["usage"], expected, "{path}: {line}");
                assert!(count("input_tokens") > 0, "no prompt is free: {line}");
                unsure |= lacks_beginning;
                counted.0 += count("input_tokens") - count("cached_tokens");
                counted.1 += count("output_tokens");
                lines.push(line);
            }
        }
    }
    let after = (llama.counter("prompt_tokens_total"), llama.counter("tokens_predicted_total"));
    let (prompts, said) = (after.0 - before.0, after.1 - before.1);
    assert_eq!(counted.1, said, "{lines:#?}");
    assert!(unsure || counted.0 == prompts, "{} of {prompts}: {lines:#?}", counted.0);
}

#[test]
fn a_client_that_hangs_up_frees_its_slot() {
    let llama = Llama::start();
    let world = llama.world();
    let before = llama.counter("tokens_predicted_total");
    let body = json!({"model": "only-llama", "messages": [{"role": "user", "content": "talk"}], "stream": true,
        "max_tokens": MANY, "ignore_eos": true});
    let mut connection = world.connect();
    connection.send(world.chat_bytes(body.to_string().as_bytes()));
    assert_eq!(connection.head().expect("a head").status, 200);
    drop(connection);
    until("the slot is free", || (llama.counter("requests_processing") == 0).then_some(()));
    let said = llama.counter("tokens_predicted_total") - before;
    assert!(said < MANY, "it went on to the end: {said} tokens");
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let llama = Llama::start();
    let world = llama.world();
    let body = |text: &str, tokens: u64| {
        json!({"model": "only-llama", "messages": [{"role": "user", "content": text}], "stream": true,
            "max_tokens": tokens, "ignore_eos": true, "stream_options": {"include_usage": true}})
        .to_string()
    };
    let mut slow = world.connect();
    slow.send(world.chat_bytes(body("slowly", MANY).as_bytes()));
    for number in 0..5 {
        let answer = world.post(body(&format!("quickly {number}"), 10));
        assert_eq!(world.line_of(&answer)["output_tokens"], 10);
    }
    let whole = slow.answer();
    assert_eq!(whole.chunks().last().expect("a chunk")["usage"]["completion_tokens"], MANY);
    assert!(whole.text().ends_with("data: [DONE]\n\n"));
}
