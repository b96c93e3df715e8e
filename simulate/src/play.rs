//! Bodies that are written step by step: pieces, waits, breaks.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

use crate::profile::NEVER;
use crate::seen::Ending;

pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// What a body does next.
pub(crate) enum Step {
    Write(String),
    /// A piece of content: so many tokens of it.
    Say(String, u64),
    /// So many tokens were said in all.
    Settle(u64),
    /// The vendor has failed: nobody pays.
    GiveUp,
    Wait(Duration),
    Hang,
    Cut,
    /// Steps that are made only now: a body that waits holds no text.
    Then(Box<dyn FnOnce() -> Vec<Step> + Send + Sync>),
}

/// A body of these bytes.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

/// A body that takes its steps as it is read; dropped before the last, it counts as cancelled.
pub(crate) fn play(steps: impl IntoIterator<Item = Step>, ending: Ending) -> Body {
    let steps: VecDeque<Step> = steps.into_iter().collect();
    let frames = stream::unfold((steps, ending), |(mut steps, mut ending)| async move {
        loop {
            match steps.pop_front() {
                Some(Step::Write(text)) => return Some((frame(text, &mut ending), (steps, ending))),
                Some(Step::Say(text, tokens)) => {
                    ending.says(tokens);
                    if !text.is_empty() {
                        return Some((frame(text, &mut ending), (steps, ending)));
                    }
                }
                Some(Step::Settle(tokens)) => ending.said(tokens),
                Some(Step::GiveUp) => ending.gives_up(),
                Some(Step::Wait(wait)) => pause(wait).await,
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Cut) => {
                    ending.gives_up();
                    // What was written must be on its way before the connection breaks.
                    pause(Duration::from_millis(5)).await;
                    return Some((Err(cut()), (VecDeque::new(), ending)));
                }
                Some(Step::Then(make)) => steps = make().into_iter().chain(steps).collect(),
                None => {
                    ending.done();
                    return None;
                }
            }
        }
    });
    StreamBody::new(frames).boxed()
}

/// A body that is sent with its length where its steps are nothing but text.
pub(crate) fn play_at_once(steps: Vec<Step>, mut ending: Ending) -> Body {
    if !steps.iter().all(|step| matches!(step, Step::Write(_) | Step::Say(..) | Step::GiveUp)) {
        return play(steps, ending);
    }
    let mut all = String::new();
    for step in steps {
        match step {
            Step::Say(text, tokens) => {
                ending.says(tokens);
                append(&mut all, text);
            }
            Step::Write(text) => append(&mut all, text),
            _ => ending.gives_up(),
        }
    }
    ending.done();
    full(Bytes::from(all))
}

/// Without a copy of the first: it may be many megabytes.
fn append(all: &mut String, text: String) {
    if all.is_empty() {
        *all = text;
    } else {
        all.push_str(&text);
    }
}

fn frame(text: String, ending: &mut Ending) -> io::Result<Frame<Bytes>> {
    ending.wrote(text.len());
    Ok(Frame::data(Bytes::from(text)))
}

/// A text in pieces of so many bytes, so far apart.
pub(crate) fn drip(text: &str, bytes: usize, every_ms: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = (1..=rest.len()).find(|at| *at >= bytes.max(1) && rest.is_char_boundary(*at)).unwrap_or(rest.len());
        steps.push(Step::Write(rest[..at].to_owned()));
        steps.push(Step::Wait(Duration::from_millis(every_ms)));
        rest = &rest[at..];
    }
    steps
}

pub(crate) fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut, as the profile says")
}

pub(crate) async fn pause(wait: Duration) {
    if wait == NEVER {
        // No timer is needed for what never comes.
        std::future::pending().await
    }
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
