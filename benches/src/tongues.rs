//! What translation costs, in this process: every surface over every dialect, beside the pass-through of its
//! own. The request is read in all of them; sockets and filters are in none.

use std::fmt::Write as _;
use std::hint::black_box;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use tollgate_api::{Address, Call, Event, Framing, StopReason, Surface, Usage};
use tollgate_translate::{AnswerHead, Dialect, Losses, Out, Relay, request, splice};

use crate::cpu;
use crate::figures::Spread;

/// The surfaces that have conversations, each with its dialect.
const SURFACES: [Surface; 6] = [
    Surface::ChatCompletions,
    Surface::Responses,
    Surface::Messages,
    Surface::GenerateContent,
    Surface::Interactions,
    Surface::Converse,
];
/// How long the request is, in bytes of a chat completion.
const REQUEST_BYTES: usize = 4096;
/// Pieces of text in one answer.
const EVENTS: usize = 500;
const REQUESTS: usize = 2000;
const ANSWERS: usize = 20;

/// Nanoseconds by surface, by dialect.
type Matrix = Vec<Vec<f64>>;

/// What was measured.
pub(crate) struct Costs {
    requests: Matrix,
    events: Matrix,
}

/// Measures, in rounds; one before the first is not counted.
pub(crate) fn run(rounds: usize) -> anyhow::Result<Costs> {
    let chat = conversation();
    let mut losses = Losses::new(true);
    let neutral = Dialect::OpenAi.read(&chat, &[], &mut losses).map_err(|refusal| anyhow!(refusal.message))?;
    let mut costs = Costs { requests: Vec::new(), events: Vec::new() };
    for surface in SURFACES {
        let spoken = Dialect::of(surface).context("it is a conversation")?;
        let body = spoken.write(&neutral, &mut losses).map_err(|refusal| anyhow!(refusal.message))?;
        let (address, body) = (address(surface), Bytes::from(body));
        let call = read(&address, &body)?;
        let (mut of_requests, mut of_events) = (Vec::new(), Vec::new());
        for dialect in Dialect::ALL {
            of_requests.push(median(rounds, REQUESTS, || say(&address, &body, dialect))?);
            let answer = answer(dialect)?;
            of_events.push(median(rounds, ANSWERS, || relay(&call, dialect, &answer))? / EVENTS as f64);
        }
        costs.requests.push(of_requests);
        costs.events.push(of_events);
    }
    Ok(costs)
}

impl Costs {
    /// Its part of the result.
    pub(crate) fn table(&self, text: &mut String) {
        let _ = write!(
            text,
            "\n### Translation\n\nCPU time in the bench's own process and without a network. A request of {REQUEST_BYTES} bytes \
             (system prompt, tools, a call and its result) is read and put into the upstream's words; an answer of \
             {EVENTS} events is put into the client's. In **bold** what passes through.\n"
        );
        matrix(text, "µs of a request, by surface and upstream (goal: at most 30)", &self.requests, 1000.0);
        matrix(text, "µs of a streamed event, by surface and upstream (goal: at most 5)", &self.events, 1000.0);
    }
}

fn matrix(text: &mut String, title: &str, nanos: &Matrix, unit: f64) {
    let _ = write!(text, "\n| {title} |");
    for dialect in Dialect::ALL {
        let _ = write!(text, " {dialect} |");
    }
    let _ = writeln!(text, "\n| --- |{}", " --: |".repeat(Dialect::ALL.len()));
    for (surface, row) in SURFACES.iter().zip(nanos) {
        let _ = write!(text, "| {} |", surface.as_str());
        for (dialect, nanos) in Dialect::ALL.iter().zip(row) {
            let bold = if Dialect::of(*surface) == Some(*dialect) { "**" } else { "" };
            let _ = write!(text, " {bold}{:.2}{bold} |", nanos / unit);
        }
        text.push('\n');
    }
}

/// Nanoseconds of one run of `work`: the median over rounds.
fn median(rounds: usize, times: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut nanos = Vec::new();
    for round in 0..=rounds {
        let before = cpu::nanos()?;
        for _ in 0..times {
            work()?;
        }
        if round > 0 {
            nanos.push((cpu::nanos()? - before) as f64 / times as f64);
        }
    }
    Ok(Spread::of(nanos.into_iter()).context("no rounds")?.median)
}

fn read(address: &Address, body: &Bytes) -> anyhow::Result<Call> {
    request::read(address, body.clone()).map_err(|refusal| anyhow!(refusal.message))
}

/// The request, as it leaves for this upstream.
fn say(address: &Address, body: &Bytes, dialect: Dialect) -> anyhow::Result<()> {
    let mut call = read(address, body)?;
    call.drop_unsupported = true;
    if Dialect::of(address.surface) == Some(dialect) {
        black_box(splice(&call, &[], Some("other"), call.stream));
        return Ok(());
    }
    black_box(dialect.request(&call, &[], "other").map_err(|refusal| anyhow!(refusal.message))?);
    Ok(())
}

/// The answer, as it reaches this client.
fn relay(call: &Call, dialect: Dialect, answer: &[Bytes]) -> anyhow::Result<()> {
    let mut relay = match Dialect::of(call.surface) == Some(dialect) {
        true => Relay::passthrough(dialect, call),
        false => Relay::foreign(dialect, &head(), call),
    };
    let mut out = Out::default();
    for chunk in answer {
        relay.push(chunk.clone(), &|_| None, &mut |_| {}, &mut out)?;
        black_box(out.take());
    }
    relay.end(&|_| None, &mut |_| {}, &mut out)?;
    Ok(())
}

fn head() -> AnswerHead {
    AnswerHead { id: "answer".into(), model: "other".into(), created: 1_790_000_000 }
}

fn address(surface: Surface) -> Address {
    let in_path = matches!(surface, Surface::GenerateContent | Surface::Converse);
    let framing = if surface == Surface::Converse { Framing::EventStream } else { Framing::Sse };
    Address { surface, model: in_path.then(|| "m".into()), stream: in_path.then_some(true), framing }
}

/// What an upstream of this dialect streams: an event a chunk.
fn answer(dialect: Dialect) -> anyhow::Result<Vec<Bytes>> {
    let surface = SURFACES.into_iter().find(|surface| Dialect::of(*surface) == Some(dialect)).context("it has one")?;
    let call = read(&address(surface), &empty(surface))?;
    let mut encoder = dialect.encoder(&head(), &call);
    let text = |at: usize| Event::Text { choice: 0, text: format!("{at} words, ") };
    let usage = Usage { input: 1000, output: 500, ..Usage::default() };
    let opening = [Event::Start { id: "answer".into(), model: "other".into() }];
    let closing =
        [Event::Stop { choice: 0, reason: StopReason::EndOfTurn, sequence: None }, Event::Usage(usage), Event::End];
    let said = opening.into_iter().chain((0..EVENTS).map(text)).chain(closing);
    let chunk = |event: Event| {
        let mut bytes = Vec::new();
        encoder.event(&event, None, &mut bytes);
        Bytes::from(bytes)
    };
    Ok(said.map(chunk).collect())
}

fn empty(surface: Surface) -> Bytes {
    Bytes::from_static(match surface {
        Surface::Responses | Surface::Interactions => br#"{"model":"m","input":"x","stream":true}"#,
        Surface::GenerateContent => br#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#,
        Surface::Converse => br#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#,
        _ => br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"stream":true}"#,
    })
}

/// A chat completion of [`REQUEST_BYTES`]: what an agent sends in the middle of its work.
fn conversation() -> Vec<u8> {
    let tool = |name: &str| {
        format!(
            r#"{{"type":"function","function":{{"name":"{name}","description":"Looks {name} up and says what it found.","parameters":{{"type":"object","properties":{{"query":{{"type":"string","description":"What to look for"}},"limit":{{"type":"integer"}}}},"required":["query"]}}}}}}"#
        )
    };
    let body = |filler: &str| {
        format!(
            r#"{{"model":"m","stream":true,"temperature":0.5,"max_completion_tokens":1024,"tools":[{},{}],"messages":[{{"role":"system","content":"You are of help. {filler}"}},{{"role":"user","content":"What is in the \"news\"?"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"news","arguments":"{{\"query\":\"today\"}}"}}}}]}},{{"role":"tool","tool_call_id":"call_1","content":"Nothing new."}},{{"role":"user","content":"And the weather?"}}]}}"#,
            tool("news"),
            tool("weather")
        )
    };
    let words = "The quick brown fox jumps over the lazy dog and says \\\"hello\\\". ";
    let missing = REQUEST_BYTES.saturating_sub(body("").len());
    body(&words.repeat(missing.div_ceil(words.len()))).into_bytes()
}
