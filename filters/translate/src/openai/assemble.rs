//! Events gathered into one whole completion.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_api::{Cost, Event, Seal, Sealer, StopReason, Usage};

use super::calling::{Custom, Function, Manner, WireCall};
use super::cited::Annotation;
use super::image::Image;
use super::message::{Extra, ThinkingBlock};
use super::usage::{self, Member};
use crate::dialect::AnswerHead;
use crate::freeform;

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Member>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<Logprobs>,
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<&'a ThinkingBlock>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    annotations: &'a [Annotation],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    images: &'a [Image],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Function<'a>>,
}

#[derive(Serialize)]
struct Logprobs {
    content: Box<RawValue>,
    refusal: Option<()>,
}

/// What the events add up to.
#[derive(Default)]
struct Gathered {
    choices: BTreeMap<u32, Spoken>,
    usage: Option<Usage>,
}

/// What one choice adds up to.
#[derive(Default)]
struct Spoken {
    content: Option<String>,
    refusal: Option<String>,
    reasoning: Option<String>,
    blocks: Vec<ThinkingBlock>,
    annotations: Vec<Annotation>,
    images: Vec<Image>,
    calls: Vec<Called>,
    /// The elements of the lists of likelihoods, with commas between.
    likelihoods: String,
    stopped: Option<StopReason>,
    sequence: Option<String>,
}

struct Called {
    index: u32,
    id: String,
    name: String,
    arguments: String,
    seal: Option<Seal>,
}

/// The whole answer as JSON.
pub(crate) fn assemble(head: &AnswerHead, manner: &Manner, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let mut gathered = Gathered::default();
    for event in events {
        gathered.take(event);
    }
    // An answer without a word still has its one choice.
    gathered.choice(0);
    let Gathered { mut choices, usage } = gathered;
    choices.values_mut().for_each(|spoken| spoken.finish(manner));
    let completion = Completion {
        id: &head.id,
        object: "chat.completion",
        created: head.created,
        model: &head.model,
        choices: choices.iter().map(|(index, spoken)| spoken.choice(*index, manner)).collect(),
        service_tier: usage.map(|usage| usage::tier(usage.tier)),
        usage: usage.map(|usage| usage::write(&usage, cost)),
    };
    serde_json::to_vec(&completion).expect("strings and numbers are JSON")
}

impl Gathered {
    fn choice(&mut self, index: u32) -> &mut Spoken {
        self.choices.entry(index).or_default()
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Text { choice, text } => append(&mut self.choice(*choice).content, text),
            Event::Refusal { choice, text } => append(&mut self.choice(*choice).refusal, text),
            Event::Thinking { choice, text, seal } => self.choice(*choice).think(text, seal.as_ref()),
            Event::RedactedThinking { seal } => self.choice(0).blocks.push(ThinkingBlock::hidden(seal)),
            Event::ToolStart { choice, index, id, name, seal } => {
                let (id, name, arguments) = (id.clone(), name.clone(), String::new());
                self.choice(*choice).calls.push(Called { index: *index, id, name, arguments, seal: seal.clone() });
            }
            Event::ToolArguments { choice, index, json } => {
                let calls = &mut self.choice(*choice).calls;
                if let Some(call) = calls.iter_mut().rfind(|call| call.index == *index) {
                    call.arguments.push_str(json);
                }
            }
            Event::Cited { choice, citation } => {
                self.choice(*choice).annotations.extend(Annotation::of(citation));
            }
            Event::Logprobs { choice, tokens } => self.choice(*choice).likelihoods(tokens),
            Event::Image { choice, media_type, data } => {
                self.choice(*choice).images.push(Image::of(media_type, data));
            }
            Event::Stop { choice, reason, sequence } => {
                let spoken = self.choice(*choice);
                (spoken.stopped, spoken.sequence) = (Some(*reason), sequence.clone());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Start { .. } | Event::Failed { .. } | Event::End => {}
        }
    }
}

impl Spoken {
    /// Adds to the thinking, and to its last block until that is sealed.
    fn think(&mut self, text: &str, seal: Option<&Seal>) {
        if !text.is_empty() {
            append(&mut self.reasoning, text);
        }
        if let Some(ThinkingBlock::Thinking { thinking, signature: signature @ None }) = self.blocks.last_mut() {
            append(thinking, text);
            *signature = seal.map(|seal| seal.spelled_for(Sealer::Anthropic).into_owned());
            return;
        }
        self.blocks.push(ThinkingBlock::shown(text, seal));
    }

    fn likelihoods(&mut self, tokens: &str) {
        let inner = tokens.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
        if !self.likelihoods.is_empty() && !inner.trim().is_empty() {
            self.likelihoods.push(',');
        }
        self.likelihoods.push_str(inner);
    }

    /// Makes plain texts of the arguments that the client knows as such.
    fn finish(&mut self, manner: &Manner) {
        for call in self.calls.iter_mut().filter(|call| manner.is_freeform(&call.name)) {
            call.arguments = freeform::unwrap(&call.arguments).into_owned();
        }
    }

    fn choice(&self, index: u32, manner: &Manner) -> Choice<'_> {
        // Blocks without a seal are no use on the next turn: `reasoning_content` says their text.
        let sealed = |block: &&ThinkingBlock| !matches!(block, ThinkingBlock::Thinking { signature: None, .. });
        let likelihoods = (!self.likelihoods.is_empty()).then(|| format!("[{}]", self.likelihoods));
        let likelihoods = likelihoods.and_then(|list| RawValue::from_string(list).ok());
        Choice {
            index,
            message: Message {
                role: "assistant",
                content: self.content.as_deref(),
                refusal: self.refusal.as_deref(),
                reasoning_content: self.reasoning.as_deref(),
                thinking_blocks: self.blocks.iter().filter(sealed).collect(),
                annotations: &self.annotations,
                images: &self.images,
                tool_calls: self.calls.iter().filter(|_| !manner.older).map(|call| call.wire(manner)).collect(),
                function_call: self.calls.first().filter(|_| manner.older).map(Called::function),
            },
            logprobs: likelihoods.map(|content| Logprobs { content, refusal: None }),
            finish_reason: self.stopped.map(|reason| manner.finish_reason(reason)),
            stop_reason: self.sequence.as_deref(),
        }
    }
}

impl Called {
    fn wire(&self, manner: &Manner) -> WireCall<'_> {
        let custom = manner.is_freeform(&self.name).then(|| Custom { name: Some(&self.name), input: &self.arguments });
        let function = custom.is_none().then(|| self.function());
        WireCall {
            index: None,
            id: Some(&self.id),
            kind: Some(if custom.is_some() { "custom" } else { "function" }),
            function,
            custom,
            extra_content: self.seal.as_ref().map(Extra::sealed),
        }
    }

    fn function(&self) -> Function<'_> {
        Function { name: Some(&self.name), arguments: &self.arguments }
    }
}

fn append(to: &mut Option<String>, piece: &str) {
    to.get_or_insert_default().push_str(piece);
}
