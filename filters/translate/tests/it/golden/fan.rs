//! Every recorded request, of every vendor, in every dialect: what it says is there wherever it goes.

use tollgate_api::Code;
use tollgate_translate::neutral::{Content, Part, Request, Role, Tool, ToolChoice};
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
    calls: Vec<(String, serde_json::Value)>,
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
                let value = serde_json::from_str(arguments).ok().filter(serde_json::Value::is_object);
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
        let sorted: serde_json::Value = serde_json::from_str(&exchange.request).expect("JSON");
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

/// What is cached is cached by how a request begins, and Anthropic's newer models bind their thinking to that too.
#[test]
fn a_conversation_that_goes_on_begins_as_it_did() {
    let mut told = 0;
    for (dialect, exchange) in requests() {
        let Ok(whole) = dialect.read(exchange.request.as_bytes(), &[], &mut Losses::new(true)) else { continue };
        let answers = (1..whole.turns.len()).filter(|at| whole.turns[*at].role == Role::Assistant);
        for at in answers {
            let earlier = Request { turns: whole.turns[..at].to_vec(), ..whole.clone() };
            for other in Dialect::ALL {
                let write = |request| other.write(request, &mut Losses::new(true)).ok();
                let Some((before, after)) = write(&earlier).zip(write(&whole)) else { continue };
                let read = |body: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&body).expect("JSON");
                let (before, after) = (read(before), read(after));
                let place = format!("{} as {other}, without what follows turn {at}", exchange.file);
                let (conversation, others) = before_the_answer(other);
                // Converse is told of tools that were called before, though there are none any more.
                let offers = !whole.tools.is_empty() && whole.choice != Some(ToolChoice::None);
                let others = others.iter().filter(|_| other != Dialect::Converse || offers);
                for member in others {
                    assert_eq!(after[*member], before[*member], "{place}: {member}");
                }
                let list = |body: &serde_json::Value| body[conversation].as_array().cloned().unwrap_or_default();
                assert!(list(&after).starts_with(&list(&before)), "{place}:\n{before}\n{after}");
                told += 1;
            }
        }
    }
    assert!(told > 1_000, "{told} told");
}
