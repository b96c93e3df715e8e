//! An answer as the steps of a body: what is written before the wait for its first content, and what after.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::answer::Answer;
use crate::asked::{Asked, Dialect};
use crate::draw::Draw;
use crate::play::{Step, drip};
use crate::profile::{Fault, Profile};
use crate::{anthropic, openai};

const PAGE: &str = "<html><body>It works!</body></html>";

/// A streamed answer after its opening.
pub(crate) struct Events {
    pub(crate) content: Vec<String>,
    pub(crate) closing: Vec<String>,
}

/// All that an answer is made of. The same draw gives the same answer whenever it is made.
pub(crate) struct Speech {
    pub(crate) profile: Arc<Profile>,
    pub(crate) asked: Box<Asked>,
    pub(crate) tier: Option<String>,
    pub(crate) draw: Draw,
    /// Between the head and the first content.
    pub(crate) wait: Duration,
}

impl Speech {
    /// The steps of a body. What comes after a wait is made after it: many requests may wait at once, and none of
    /// them shall have made its words, nor hold them, when it is hung up on.
    pub(crate) fn steps(self) -> Vec<Step> {
        if self.wait.is_zero() {
            let said = self.said();
            return self.opening(&said).into_iter().chain(self.rest(&said)).collect();
        }
        let begun = Answer::begun(&self.asked, &self.profile, self.tier.as_deref(), &mut self.draw.clone());
        let mut steps = self.opening(&begun);
        steps.push(Step::Wait(self.wait));
        steps.push(Step::Then(Box::new(move || self.rest(&self.said()))));
        steps
    }

    fn said(&self) -> Answer {
        Answer::to(&self.asked, &self.profile, self.tier.as_deref(), &mut self.draw.clone())
    }

    /// What is written before the wait.
    fn opening(&self, begun: &Answer) -> Vec<Step> {
        let opens = self.asked.stream
            && match self.profile.fault {
                Fault::CutBeforeContent | Fault::CutMidStream { .. } | Fault::MidStreamError { .. } => true,
                Fault::EmptyStream | Fault::HangAfterHead | Fault::CutAfterHead => false,
                Fault::WrongJson | Fault::NotJson | Fault::FirstEventError | Fault::Drip { .. } => false,
                _ => !self.profile.burst,
            };
        if opens { write(self.opening_events(begun)) } else { Vec::new() }
    }

    fn opening_events(&self, begun: &Answer) -> Vec<String> {
        match self.asked.dialect {
            Dialect::OpenAi => openai::opening(&self.asked, begun),
            Dialect::Anthropic => anthropic::opening(&self.asked, begun),
        }
    }

    /// What is written after the wait.
    fn rest(&self, said: &Answer) -> Vec<Step> {
        if self.asked.stream { self.streamed(said) } else { self.whole(said) }
    }

    fn streamed(&self, said: &Answer) -> Vec<Step> {
        let (events, failed) = match self.asked.dialect {
            Dialect::OpenAi => (openai::events(&self.asked, said), openai::error_event()),
            Dialect::Anthropic => (anthropic::events(&self.asked, said), anthropic::error_event()),
        };
        let Events { content, closing } = events;
        let tokens = said.output_tokens();
        let first = |n: u32| &content[..content.len().min(n as usize)];
        match &self.profile.fault {
            Fault::EmptyStream => Vec::new(),
            Fault::HangAfterHead => vec![Step::Hang],
            Fault::CutAfterHead | Fault::CutBeforeContent => vec![Step::Cut],
            Fault::WrongJson => vec![Step::Write("data: {\"id\": \"chatcmpl-1\", \"choi\n\n".into())],
            Fault::NotJson => vec![Step::Write(format!("{PAGE}\n\n"))],
            Fault::FirstEventError => vec![Step::GiveUp, Step::Write(failed)],
            Fault::CutMidStream { after_events } => self.paced(first(*after_events)).chain([Step::Cut]).collect(),
            Fault::MidStreamError { after_events } => {
                self.paced(first(*after_events)).chain([Step::GiveUp, Step::Write(failed)]).collect()
            }
            Fault::Drip { bytes, every_ms } => {
                let all = [self.opening_events(said), content, closing].concat().concat();
                [Step::Say(String::new(), tokens)].into_iter().chain(drip(&all, *bytes, *every_ms)).collect()
            }
            _ if self.profile.burst => {
                vec![Step::Say([self.opening_events(said), content, closing].concat().concat(), tokens)]
            }
            _ => {
                // Thinking and the calls of tools are more or fewer tokens than they are pieces.
                let end = [Step::Settle(tokens)].into_iter().chain(write(closing));
                self.paced(&content).chain(end).collect()
            }
        }
    }

    fn paced(&self, texts: &[String]) -> impl Iterator<Item = Step> {
        let per_second = u64::from(self.profile.tokens_per_second);
        let pace = Duration::from_millis(1000_u64.checked_div(per_second).unwrap_or(0));
        texts.iter().flat_map(move |text| [Step::Wait(pace), Step::Say(text.clone(), 1)])
    }

    fn whole(&self, said: &Answer) -> Vec<Step> {
        let mut body = match self.asked.dialect {
            Dialect::OpenAi => openai::whole(&self.asked, said),
            Dialect::Anthropic => anthropic::whole(&self.asked, said),
        };
        if self.profile.body_bytes > 0 {
            body["padding"] = Value::from("x".repeat(self.profile.body_bytes));
        }
        let text = body.to_string();
        let half = || Step::Write(text[..text.floor_char_boundary(text.len() / 2)].to_owned());
        let tokens = said.output_tokens();
        match self.profile.fault {
            Fault::WrongJson => vec![Step::GiveUp, half()],
            Fault::NotJson => vec![Step::GiveUp, Step::Write(PAGE.to_owned())],
            Fault::HangAfterHead => vec![Step::Hang],
            Fault::CutAfterHead => vec![Step::Cut],
            Fault::CutBeforeContent | Fault::CutMidStream { .. } => vec![half(), Step::Cut],
            Fault::Drip { bytes, every_ms } => {
                [Step::Say(String::new(), tokens)].into_iter().chain(drip(&text, bytes, every_ms)).collect()
            }
            _ => vec![Step::Say(text, tokens)],
        }
    }
}

fn write(texts: Vec<String>) -> Vec<Step> {
    texts.into_iter().map(Step::Write).collect()
}
