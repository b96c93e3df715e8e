//! Every recorded request, of every vendor, in every dialect: what it says is there wherever it goes.

use serde_json::Value;
use tollgate_api::Code;
use tollgate_translate::neutral::{Content, Part, Request, Tool, ToolChoice};
use tollgate_translate::{Dialect, Losses};

use super::OPENAI_LIKE;
use super::exchanges::{Exchange, recorded};

/// Whose requests, and in which dialect they are.
fn requests() -> Vec<(Dialect, Exchange)> {
    let chats = OPENAI_LIKE.into_iter().map(|vendor| (vendor, "/chat/completions", Dialect::OpenAi));
    let others = [
        ("openai", "/responses", Dialect::Responses),
        ("xai", "/responses", Dialect::Responses),
        ("chatgpt", "/responses", Dialect::Responses),
        ("anthropic", "/messages", Dialect::Anthropic),
        ("gemini", ":generateContent", Dialect::Gemini),
        ("gemini", ":streamGenerateContent", Dialect::Gemini),
        ("gemini", "/interactions", Dialect::Interactions),
        ("bedrock", "/converse", Dialect::Converse),
        ("bedrock", "/converse-stream", Dialect::Converse),
    ];
    let of = |(vendor, path, dialect)| recorded(vendor, path).into_iter().map(move |exchange| (dialect, exchange));
    chats.chain(others).flat_map(of).filter(|(_, exchange)| exchange.status == 200).collect()
}

/// What a conversation says: its text, what is called with what, and which tools there are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// Each piece, blanks aside.
    texts: Vec<String>,
    /// All of them.
    text: String,
    calls: Vec<(String, Value)>,
    results: usize,
    tools: Vec<String>,
}

impl Said {
    fn by(request: &Request) -> Self {
        let mut said = Self::default();
        let parts = request.system.iter().chain(request.turns.iter().flat_map(|turn| &turn.parts));
        parts.for_each(|part| said.take(part));
        said.text = said.texts.concat();
        said.calls.sort_by(|a, b| a.0.cmp(&b.0));
        said.tools = request.tools.iter().filter_map(function).collect();
        said
    }

    fn take(&mut self, part: &Part) {
        match &part.content {
            Content::Text(text) => self.texts.push(text.split_whitespace().collect()),
            Content::ToolCall { name, arguments, .. } => {
                // Nothing, `null` and what a model broke off: an object is what all have in common.
                let value = serde_json::from_str(arguments).ok().filter(Value::is_object);
                self.calls.push((name.clone(), value.unwrap_or(serde_json::json!({}))));
            }
            Content::ToolResult { .. } => self.results += 1,
            _ => {}
        }
    }
}

fn function(tool: &Tool) -> Option<String> {
    match tool {
        Tool::Function { name, .. } | Tool::Freeform { name, .. } => Some(name.clone()),
        Tool::Hosted(_) => None,
    }
}

#[test]
fn every_recorded_request_says_the_same_in_every_dialect() {
    let (mut told, mut refused) = (0, 0);
    for (dialect, exchange) in requests() {
        let Ok(request) = dialect.read(exchange.request.as_bytes(), &[], &mut Losses::new(true)) else { continue };
        let said = Said::by(&request);
        for other in Dialect::ALL {
            let written = match other.write(&request, &mut Losses::new(true)) {
                Ok(written) => written,
                Err(refusal) => {
                    let why = format!("{} as {other}: {}", exchange.file, refusal.message);
                    assert!(matches!(refusal.code, Code::Unsupported | Code::InvalidRequest), "{why}");
                    refused += 1;
                    continue;
                }
            };
            let back = other.read(&written, &[], &mut Losses::new(true));
            let back = back.unwrap_or_else(|refusal| panic!("{} as {other}: {}", exchange.file, refusal.message));
            let heard = Said::by(&back);
            let place = format!("{} as {other}", exchange.file);
            assert_eq!((&heard.calls, heard.results), (&said.calls, said.results), "{place}");
            // Converse has no word for "none of them": none is offered. And it wants to be told of those
            // that were called before.
            let has = |tool: &String| heard.tools.contains(tool);
            assert!(request.choice == Some(ToolChoice::None) || said.tools.iter().all(has), "{place}: {heard:?}");
            // Another dialect may put a file into words; it leaves none of the conversation's out.
            let is_there = |piece: &&str| heard.text.contains(*piece);
            assert!(said.texts.iter().map(String::as_str).all(|piece| is_there(&piece)), "{place}");
            told += 1;
        }
    }
    assert!(told > 8_000, "{told} told");
    assert!(refused * 50 < told, "{refused} refused of {told}");
}

#[test]
fn a_recorded_request_says_the_same_in_whatever_order_its_members_stand() {
    let mut told = 0;
    for (dialect, exchange) in requests() {
        let read = |body: &[u8]| dialect.read(body, &[], &mut Losses::new(true)).map(|request| Said::by(&request));
        let Ok(said) = read(exchange.request.as_bytes()) else { continue };
        // Sorted by name, with spaces: nobody sends them so, and anybody may.
        let sorted: Value = serde_json::from_str(&exchange.request).expect("JSON");
        let sorted = serde_json::to_string_pretty(&sorted).expect("JSON");
        let heard = read(sorted.as_bytes()).unwrap_or_else(|refusal| panic!("{}: {}", exchange.file, refusal.message));
        assert_eq!(heard, said, "{}", exchange.file);
        told += 1;
    }
    assert!(told > 1_000, "{told} told");
}

/// Where a dialect writes what stands before an answer: the conversation, and what comes before that.
fn before_the_answer(dialect: Dialect) -> (&'static str, &'static [&'static str]) {
    match dialect {
        Dialect::OpenAi => ("messages", &["tools"]),
        Dialect::Responses => ("input", &["instructions", "tools"]),
        Dialect::Anthropic => ("messages", &["system", "tools"]),
        Dialect::Gemini => ("contents", &["systemInstruction", "tools"]),
        Dialect::Interactions => ("input", &["system_instruction", "tools"]),
        Dialect::Converse => ("messages", &["system", "toolConfig"]),
    }
}

/// Whether the model said this.
fn is_answer(item: &Value) -> bool {
    const ITEMS: [&str; 5] = ["custom_tool_call", "function_call", "model_output", "reasoning", "thought"];
    let is_one_of = |words: &[&str], member: &str| item[member].as_str().is_some_and(|word| words.contains(&word));
    is_one_of(&["assistant", "model"], "role") || is_one_of(&ITEMS, "type")
}

/// The request as its client sent it before each of the model's answers in it. Where a system prompt came later
/// there is none: most dialects have one place for all of them.
fn earlier(dialect: Dialect, request: &str) -> Vec<Value> {
    let request: Value = serde_json::from_str(request).expect("JSON");
    let (conversation, _) = before_the_answer(dialect);
    let items = request[conversation].as_array().cloned().unwrap_or_default();
    let is_prompt = |item: &Value| matches!(item["role"].as_str(), Some("system" | "developer"));
    let begins = |at: &usize| is_answer(&items[*at]) && !is_answer(&items[at - 1]) && !is_prompt(&items[at - 1]);
    let until = (1..items.len()).filter(begins).filter(|at| !items[*at..].iter().any(is_prompt));
    let cut = |at| {
        let mut request = request.clone();
        request[conversation] = items[..at].into();
        request
    };
    until.map(cut).collect()
}

/// What is cached is cached by how a request begins, and Anthropic's newer models bind their thinking to that too.
#[test]
fn a_conversation_that_goes_on_begins_as_it_did() {
    let mut told = 0;
    let read = |dialect: Dialect, body: &[u8]| dialect.read(body, &[], &mut Losses::new(true)).ok();
    for (dialect, exchange) in requests() {
        let Some(whole) = read(dialect, exchange.request.as_bytes()) else { continue };
        for earlier in earlier(dialect, &exchange.request) {
            let Some(earlier) = read(dialect, earlier.to_string().as_bytes()) else { continue };
            for other in Dialect::ALL {
                let write = |request: &Request| {
                    let body = other.write(request, &mut Losses::new(true)).ok()?;
                    Some(serde_json::from_slice::<Value>(&body).expect("JSON"))
                };
                let Some((before, after)) = write(&earlier).zip(write(&whole)) else { continue };
                let place = format!("{} as {other}, of {} turns", exchange.file, earlier.turns.len());
                let (conversation, others) = before_the_answer(other);
                // Converse is told of tools that were called before, though there are none any more.
                let offers = !whole.tools.is_empty() && whole.choice != Some(ToolChoice::None);
                for member in others.iter().filter(|_| other != Dialect::Converse || offers) {
                    assert_eq!(after[*member], before[*member], "{place}: {member}");
                }
                let list = |body: &Value| body[conversation].as_array().cloned().unwrap_or_default();
                assert!(list(&after).starts_with(&list(&before)), "{place}:\n{before}\n{after}");
                told += 1;
            }
        }
    }
    assert!(told > 1_000, "{told} told");
}
