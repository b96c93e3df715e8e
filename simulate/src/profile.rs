//! How a simulated vendor behaves: how fast, how long, how it fails.

use serde::{Deserialize, Serialize};

use crate::draw::Draw;

/// The behaviour behind one base URL. What is left out is that of a healthy, fast vendor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Its name: the first segment of the path.
    pub name: String,
    /// Before the head of an answer.
    pub latency: Distribution,
    /// Between the head and the first content.
    pub ttft: Distribution,
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
}

impl Distribution {
    pub(crate) fn draw(self, draw: &mut Draw) -> u64 {
        match self {
            Self::Zero => 0,
            Self::Fixed(ms) => ms,
            Self::Uniform { min, max } => draw.between(min, max),
            Self::HeavyTail { median, p99 } => match draw.between(0, 99) {
                99 => draw.between(p99, p99.saturating_mul(3)),
                98 | 97 => draw.between(median, p99),
                _ => draw.between(median / 2, median + median / 2),
            },
        }
    }
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
    /// The connection closes before the head.
    CutBeforeHead,
    /// The stream closes after its opening, before any content.
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
