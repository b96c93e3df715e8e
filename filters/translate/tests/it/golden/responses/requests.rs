//! Requests: every recorded one is written again, crosses to other dialects, and comes back.

use serde_json::Value;
use tollgate_translate::neutral::{Content, Request, Tool};
use tollgate_translate::{Dialect, Losses};

use super::{ANSWERED, SPEAKERS};
use crate::golden::exchanges::recorded;

/// What must be equal on both sides, once what a writer adds is set aside.
fn as_asked(request: &Request) -> Request {
    let mut request = request.clone();
    for added in ["store", "include"] {
        request.unknown.remove(added);
    }
    // A lower cap is a 400, and reasoning without a seal is not taken back.
    request.sampling.max_output = request.sampling.max_output.map(|cap| cap.max(16));
    for turn in &mut request.turns {
        turn.parts.retain(|part| !matches!(part.content, Content::Thinking { seal: None, .. }));
    }
    for tool in &mut request.tools {
        if let Tool::Function { strict, .. } = tool {
            strict.get_or_insert(false);
        }
    }
    request
}

#[test]
fn every_recorded_request_reads_and_writes_the_same() {
    let requests = SPEAKERS.into_iter().flat_map(|vendor| recorded(vendor, "/responses"));
    let mut same = 0;
    for exchange in requests.filter(|exchange| !exchange.request.is_empty()) {
        let read = |body: &[u8]| Dialect::Responses.read(body, &[], &mut Losses::default());
        let request =
            read(exchange.request.as_bytes()).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", exchange.file));
        let body = Dialect::Responses.write(&request, &mut Losses::default()).expect("it was of Responses");
        let back = read(&body).expect("our own request reads");
        assert!(as_asked(&back) == as_asked(&request), "{}", exchange.file);
        same += 1;
    }
    assert!(same > 300, "{same} the same");
}

#[test]
fn every_recorded_request_crosses_to_chat_and_anthropic_and_comes_back() {
    let mut crossed = 0;
    for exchange in &*ANSWERED {
        let mut request =
            Dialect::Responses.read(exchange.request.as_bytes(), &[], &mut Losses::default()).expect("a request");
        request.unknown.clear();
        request.model = "claude-sonnet-4-6".into();
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let body = dialect.write(&request, &mut Losses::default()).expect("it can be said");
            let back = dialect.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            let again = Dialect::Responses.write(&back, &mut Losses::default()).expect("it can be said");
            let again = Dialect::Responses.read(&again, &[], &mut Losses::default()).expect("our own request reads");
            let said = |request: &Request| texts_and_calls(request);
            assert_eq!(said(&again), said(&request.with_one_prompt()), "{}", exchange.file);
            let names = |request: &Request| request.tools.iter().map(name_of).collect::<Vec<_>>();
            assert_eq!(names(&again), names(&request), "{}", exchange.file);
            crossed += 1;
        }
    }
    assert!(crossed > 580, "{crossed} crossed");
}

fn name_of(tool: &Tool) -> String {
    match tool {
        Tool::Function { name, .. } | Tool::Freeform { name, .. } => name.clone(),
        Tool::Hosted(_) => String::new(),
    }
}

/// What is said and called in a conversation, as far as every vendor can say it.
fn texts_and_calls(request: &Request) -> Vec<String> {
    let turns = request.turns.iter().flat_map(|turn| &turn.parts);
    let told = turns.filter_map(|part| match &part.content {
        Content::Text(text) if !text.trim().is_empty() => Some(text.clone()),
        Content::Image(_) => Some("an image".into()),
        Content::Document { .. } => Some("a document".into()),
        Content::ToolCall { id, name, arguments, .. } => {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
            Some(format!("{name} {id} {arguments}"))
        }
        Content::ToolResult { id, parts, .. } => Some(format!("{id} says {}", parts.len())),
        _ => None,
    });
    told.collect()
}

#[test]
fn every_recorded_chat_request_is_said_in_responses_words() {
    let mut crossed = 0;
    for vendor in crate::golden::OPENAI_LIKE {
        for exchange in recorded(vendor, "/chat/completions").iter().filter(|exchange| exchange.status == 200) {
            let Ok(request) = Dialect::OpenAi.read(exchange.request.as_bytes(), &[], &mut Losses::default()) else {
                continue;
            };
            let Ok(body) = Dialect::Responses.write(&request, &mut Losses::default()) else { continue };
            let back = Dialect::Responses.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            assert_eq!(texts_and_calls(&back), texts_and_calls(&request), "{}", exchange.file);
            assert!(back.system == request.system || request.turns.is_empty(), "{}", exchange.file);
            crossed += 1;
        }
    }
    assert!(crossed > 800, "{crossed} crossed");
}

/// `cargo test --release -p tollgate-translate --test golden -- --ignored --nocapture requests_of_responses`
#[test]
#[ignore = "a measurement"]
fn requests_of_responses_cost_little() {
    let requests: Vec<_> =
        ANSWERED.iter().map(|exchange| &exchange.request).filter(|request| request.len() > 2000).collect();
    let (began, bytes) = (std::time::Instant::now(), requests.iter().map(|request| request.len()).sum::<usize>());
    for request in &requests {
        let request = Dialect::Responses.read(request.as_bytes(), &[], &mut Losses::default()).expect("a request");
        std::hint::black_box(Dialect::Responses.write(&request, &mut Losses::default()).expect("it can be said"));
    }
    let each = began.elapsed() / u32::try_from(requests.len()).expect("few");
    eprintln!("{} requests of {} bytes each: {each:?} a request", requests.len(), bytes / requests.len());
}
