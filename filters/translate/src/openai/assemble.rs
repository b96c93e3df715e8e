//! Events gathered into one whole completion.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_api::{Cost, Event, Seal, Sealer, StopReason, Usage};

use super::chunks::finish_reason;
use super::message::ThinkingBlock;
use super::usage::{self, Member};
use crate::dialect::AnswerHead;

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Member>,
}

#[derive(Default, Serialize)]
struct Choice {
    index: u32,
    message: Message,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<String>,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<ThinkingBlock>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
}

#[derive(Serialize)]
struct Call {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function,
    #[serde(skip)]
    index: u32,
}

#[derive(Serialize)]
struct Function {
    name: String,
    arguments: String,
}

/// What the events add up to.
#[derive(Default)]
struct Gathered {
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
}

/// The whole answer as JSON.
pub(crate) fn assemble(head: &AnswerHead, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let mut gathered = Gathered::default();
    for event in events {
        gathered.take(event);
    }
    // An answer without a word still has its one choice.
    gathered.choice(0);
    let completion = Completion {
        id: &head.id,
        object: "chat.completion",
        created: head.created,
        model: &head.model,
        choices: gathered.choices.into_values().map(Choice::finish).collect(),
        usage: gathered.usage.map(|usage| usage::write(&usage, cost)),
    };
    serde_json::to_vec(&completion).expect("strings and numbers are JSON")
}

impl Gathered {
    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_insert_with(|| Choice { index, ..Choice::default() })
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Text { choice, text } => append(&mut self.choice(*choice).message.content, text),
            Event::Refusal { choice, text } => append(&mut self.choice(*choice).message.refusal, text),
            Event::Thinking { choice, text, seal } => {
                self.choice(*choice).message.think(text, seal.as_ref());
            }
            Event::RedactedThinking { seal } => {
                let data = seal.spelled_for(Sealer::Anthropic).into_owned();
                let block = ThinkingBlock::RedactedThinking { data };
                self.choice(0).message.thinking_blocks.push(block);
            }
            Event::ToolStart { choice, index, id, name, .. } => {
                let function = Function { name: name.clone(), arguments: String::new() };
                let call = Call { id: id.clone(), kind: "function", function, index: *index };
                self.choice(*choice).message.tool_calls.push(call);
            }
            Event::ToolArguments { choice, index, json } => {
                let calls = &mut self.choice(*choice).message.tool_calls;
                if let Some(call) = calls.iter_mut().rfind(|call| call.index == *index) {
                    call.function.arguments.push_str(json);
                }
            }
            Event::Stop { choice, reason, sequence } => self.choice(*choice).stop(*reason, sequence.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Cited { .. } | Event::Logprobs { .. } | Event::Image { .. } => {}
            Event::Start { .. } | Event::Failed { .. } | Event::End => {}
        }
    }
}

impl Choice {
    fn stop(&mut self, reason: StopReason, sequence: Option<String>) {
        self.finish_reason = Some(finish_reason(reason));
        self.stop_reason = sequence;
    }

    /// Blocks without a seal are no use on the next turn: `reasoning_content` says their text.
    fn finish(mut self) -> Self {
        let sealed = |block: &ThinkingBlock| !matches!(block, ThinkingBlock::Thinking { signature: None, .. });
        self.message.thinking_blocks.retain(sealed);
        self
    }
}

impl Default for Message {
    fn default() -> Self {
        Self {
            role: "assistant",
            content: None,
            refusal: None,
            reasoning_content: None,
            thinking_blocks: Vec::new(),
            tool_calls: Vec::new(),
        }
    }
}

impl Message {
    /// Adds to the thinking, and to its last block until that is sealed.
    fn think(&mut self, text: &str, seal: Option<&Seal>) {
        let seal = seal.map(|seal| seal.spelled_for(Sealer::Anthropic).into_owned());
        if !text.is_empty() {
            append(&mut self.reasoning_content, text);
        }
        if let Some(ThinkingBlock::Thinking { thinking, signature: signature @ None }) = self.thinking_blocks.last_mut()
        {
            append(thinking, text);
            *signature = seal;
            return;
        }
        let block = ThinkingBlock::Thinking { thinking: Some(text.to_owned()), signature: seal };
        self.thinking_blocks.push(block);
    }
}

fn append(to: &mut Option<String>, piece: &str) {
    to.get_or_insert_default().push_str(piece);
}
