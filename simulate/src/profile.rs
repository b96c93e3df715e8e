//! How a simulated vendor behaves: how fast, how long, how it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::draw::Draw;

/// The wait for what never comes.
pub(crate) const NEVER: Duration = Duration::MAX;
/// What of a normal distribution lies below its 99th percentile, in standard deviations.
const P99_DEVIATIONS: f64 = 2.326_347_874;

/// The behaviour behind one base URL. What is left out is that of a healthy, fast vendor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Its name: the first segment of the path.
    pub name: String,
    /// Before the head of an answer.
    pub latency: Distribution,
    /// Between the head and the first content. A stream sends its head and its opening events before it; a whole
    /// answer comes after it, head and all, unless `early_head` says otherwise.
    pub ttft: Distribution,
    /// The head of a whole answer goes out before `ttft`, and its body after.
    pub early_head: bool,
    /// The pace of a stream; 0 is as fast as it can be written.
    pub tokens_per_second: u32,
    /// Tokens of an answer; 0 for about a dozen.
    pub output_tokens: u32,
    /// How many of a thousand requests fail with `error_status`.
    pub errors_per_mille: u32,
    /// The status of those.
    pub error_status: u16,
    /// What goes wrong with every request.
    pub fault: Fault,
    /// Answer with the last user message in place of drawn words.
    pub echo: bool,
    /// Answer with these words in place of drawn ones.
    pub says: Option<String>,
    /// How often in a row tools are called before words are said, where a request brings tools; 0 for once.
    pub turns: u32,
    /// The calls to make in place of drawn ones, one in each turn of a conversation; then words are said. A
    /// request that brings no tool of that name is answered in words.
    pub calls: Vec<ToolCall>,
    /// All events of a stream in one write.
    pub burst: bool,
    /// The only key that is let in; `None` lets everyone in.
    pub require_key: Option<String>,
    /// Headers added to every answer.
    pub headers: Vec<(String, String)>,
    /// A whole answer is padded to at least this many bytes.
    pub body_bytes: usize,
    /// The profiles that serve each service tier in place of this one, by the tier's word; a profile may name
    /// itself. `default` and `auto` are always served here. Once there is one, a tier that is not among them is
    /// refused; while there is none, tiers are ignored. OpenAI's dialect alone has such tiers.
    pub tiers: BTreeMap<String, String>,
    /// The tier that answers say they were served in, whatever was asked for.
    pub serves: Option<String>,
}

/// A call of a tool that the client brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool's name.
    pub tool: String,
    /// What it is called with.
    pub arguments: serde_json::Value,
}

/// A duration in milliseconds, drawn anew for each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// None at all.
    #[default]
    Zero,
    /// Always this.
    Fixed(u64),
    /// Anything between.
    Uniform {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// Half are around the median, one in a hundred reaches the p99 and more.
    HeavyTail {
        /// The median.
        median: u64,
        /// The 99th percentile.
        p99: u64,
    },
    /// As queues are that wait for capacity to spare: the logarithm is normal, so that all that lies between the
    /// median and the p99 is likely, and some never come.
    LogNormal {
        /// The median of those that come.
        median: u64,
        /// The 99th percentile of those that come.
        p99: u64,
        /// How many of a thousand never come.
        #[serde(default)]
        never_per_mille: u32,
    },
}

impl Distribution {
    /// A wait; `NEVER` for what never comes.
    pub(crate) fn draw(self, draw: &mut Draw) -> Duration {
        Duration::from_millis(match self {
            Self::Zero => 0,
            Self::Fixed(ms) => ms,
            Self::Uniform { min, max } => draw.between(min, max),
            Self::HeavyTail { median, p99 } => match draw.between(0, 99) {
                99 => draw.between(p99, p99.saturating_mul(3)),
                98 | 97 => draw.between(median, p99),
                _ => draw.between(median / 2, median + median / 2),
            },
            Self::LogNormal { never_per_mille, .. } if draw.per_mille(never_per_mille) => return NEVER,
            Self::LogNormal { median, p99, .. } => log_normal(median, p99, draw),
        })
    }
}

/// Milliseconds; the conversions lose nothing that a millisecond would show.
fn log_normal(median: u64, p99: u64, draw: &mut Draw) -> u64 {
    let (median, p99) = (median.max(1) as f64, p99.max(median).max(1) as f64);
    let sigma = (p99 / median).ln() / P99_DEVIATIONS;
    (median * (sigma * draw.normal()).exp()).round() as u64
}

/// What goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// This status, in the vendor's own shape.
    Status {
        /// The status.
        status: u16,
        /// Seconds, as `Retry-After`.
        #[serde(default)]
        retry_after: Option<u32>,
        /// In place of the vendor's own shape.
        #[serde(default)]
        body: Option<String>,
    },
    /// OpenAI's refusal of a flex request that there is no capacity for: 429, `resource_unavailable`, no charge.
    FlexFull,
    /// The connection closes before the head.
    CutBeforeHead,
    /// The head goes out at once, and after `ttft` the connection closes without a byte of the body.
    CutAfterHead,
    /// The stream closes after its opening, before any content; a whole answer in its middle.
    CutBeforeContent,
    /// The stream closes after so many pieces of content.
    CutMidStream {
        /// How many.
        after_events: u32,
    },
    /// A stream of status 200 whose first event is an error.
    FirstEventError,
    /// A stream that says that it failed after so many pieces of content.
    MidStreamError {
        /// How many.
        after_events: u32,
    },
    /// The body comes in small pieces.
    Drip {
        /// Bytes in a piece.
        bytes: usize,
        /// Milliseconds between.
        every_ms: u64,
    },
    /// The request is read, and nothing ever comes back.
    AcceptAndHang,
    /// The head comes, and nothing after it.
    HangAfterHead,
    /// Status 200 and JSON that breaks off.
    WrongJson,
    /// Status 200 and a page of HTML.
    NotJson,
    /// No usage is reported, asked for or not.
    NoUsage,
    /// A stream of status 200 without a single event.
    EmptyStream,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_log_normal_lies_below_its_median_and_one_in_a_hundred_above_its_p99() {
        let tail = Distribution::LogNormal { median: 900, p99: 9000, never_per_mille: 0 };
        let mut draw = Draw::new(3);
        let drawn: Vec<_> = (0..100_000).map(|_| tail.draw(&mut draw)).collect();
        let above = |ms| drawn.iter().filter(|wait| **wait > Duration::from_millis(ms)).count();
        assert!((49_000..51_000).contains(&above(900)), "{}", above(900));
        assert!((800..1200).contains(&above(9000)), "{}", above(9000));
    }

    #[test]
    fn as_many_never_come_as_the_profile_says() {
        let tail = Distribution::LogNormal { median: 900, p99: 9000, never_per_mille: 20 };
        let mut draw = Draw::new(3);
        let never = (0..100_000).filter(|_| tail.draw(&mut draw) == NEVER).count();
        assert!((1_700..2_300).contains(&never), "{never}");
    }

    #[test]
    fn a_tail_that_is_no_tail_is_always_the_median() {
        let flat = Distribution::LogNormal { median: 40, p99: 10, never_per_mille: 0 };
        let mut draw = Draw::new(3);
        assert!((0..100).all(|_| flat.draw(&mut draw) == Duration::from_millis(40)));
    }
}
