//! What is written of one request, and the leaf it is written in. `docs/audit-format.md` is the
//! contract; members stand here in alphabetical order, which is their order on disk.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::hash::{Hash, hex, hex_into};

/// Which log: eight random bytes, drawn when the tenant was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub [u8; 8]);

impl LogId {
    /// The operator's log. Its folder is called `deployment`.
    pub const DEPLOYMENT: Self = Self([0; 8]);

    /// From the name of its folder.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        match text {
            "deployment" => Some(Self::DEPLOYMENT),
            text => (hex_into(text, &mut bytes) && bytes != [0; 8]).then_some(Self(bytes)),
        }
    }
}

impl std::fmt::Display for LogId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::DEPLOYMENT => f.write_str("deployment"),
            Self(bytes) => f.write_str(&hex(&bytes)),
        }
    }
}

/// Text that is borrowed while it is read and while it is written.
type Text<'a> = Cow<'a, str>;

/// What a leaf tells of one request. Members that do not apply are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record<'a> {
    /// The model asked for, where configuration knows that name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Text<'a>>,
    /// Each try in order.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt<'a>>,
    /// The accounts that paid, each as `<budget or balance>@<begin of its window>`: a budget paid cost and
    /// fee, and so did a managed balance; a `byok` balance paid the fee.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Text<'a>>,
    /// `off`, until there is a cache.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Text<'a>>,
    /// What classification said.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Text<'a>>,
    /// The version of the configuration in use.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Text<'a>>,
    /// Nano-dollars; `None` when there is no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The commitment to the detail.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text<'a>>,
    /// Which endpoint served.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Text<'a>>,
    /// What went wrong, and whose fault it is.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault<'a>>,
    /// Nano-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<u64>,
    /// Microseconds from arrival to the first content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_content_us: Option<u64>,
    /// Endpoints of the plan that were not flowing.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Text<'a>>,
    /// The request id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The public id of the key.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// Microseconds from arrival to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// The public model that was chosen.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Text<'a>>,
    /// How it ended.
    #[serde(borrow)]
    pub outcome: Text<'a>,
    /// `true` where the tenant's own credential was used: the vendor asks the tenant for the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    /// The version of the price list.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Text<'a>>,
    /// How a race ended: `flex` or `standard`, whose attempt answered; of a hedge `first` or `second`;
    /// `none` where neither answered.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub race: Option<Text<'a>>,
    /// The route that matched.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Text<'a>>,
    /// The rule that labelled it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text<'a>>,
    /// Nano-dollars: what the same usage costs at the standard prices, less `cost`. Only of a race that was
    /// answered at the flex tier, and only where that is more than nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<u64>,
    /// Nano-dollars: the part of `fee` that is asked on `saved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving_fee: Option<u64>,
    /// The vendor's model id.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Text<'a>>,
    /// How soon the answer was to start: `default`, `priority`, `auto`, or a time such as `30s`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub start_within: Option<Text<'a>>,
    /// Microseconds since 1970 when it arrived.
    pub started_us: u64,
    /// The HTTP status that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether it was streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The API that was called.
    #[serde(borrow)]
    pub surface: Text<'a>,
    /// What classification said.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Text<'a>>,
    /// The service tier that served, by which it is priced.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Text<'a>>,
    /// The tier that was asked of the vendor by the attempt that answered.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tier_asked: Option<Text<'a>>,
    /// Tokens.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage<'a>>,
}

impl Record<'_> {
    /// What its lost attempts may have cost beside `cost`, in nano-dollars.
    #[must_use]
    pub fn at_most(&self) -> u64 {
        self.attempts.iter().filter_map(|attempt| attempt.at_most).fold(0, u64::saturating_add)
    }
}

/// One try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt<'a> {
    /// Nano-dollars that it may have cost, where it was cancelled and the vendor may bill it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// When it started, in milliseconds after the request arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Where.
    #[serde(borrow)]
    pub endpoint: Text<'a>,
    /// Why it did not answer; `lost` where it was cancelled because another was faster, or to make room.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Text<'a>>,
    /// Tokens of the prompt that `at_most` is for, at the full price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Tokens of the answer that `at_most` is for, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// The tier that was asked of the vendor.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Text<'a>>,
    /// Why it started: `flex`, `late`, `refused`, `failed`, `resting`, `hedge` or `fallback`; left out of
    /// an ordinary first one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Text<'a>>,
}

/// Nano-dollars, each side rounded once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// For the prompt.
    pub input: u64,
    /// For the answer.
    pub output: u64,
}

impl Cost {
    /// Both sides.
    #[must_use]
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault<'a> {
    /// Our code, or `vendor_error`.
    #[serde(borrow)]
    pub code: Text<'a>,
    /// `client`, `gateway` or `vendor`.
    #[serde(borrow)]
    pub whose: Text<'a>,
}

/// Tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage<'a> {
    /// The part of `input` that was listened to, where there is any.
    #[serde(default, skip_serializing_if = "is_none")]
    pub audio_input: u64,
    /// The part of `output` that was spoken, where there is any.
    #[serde(default, skip_serializing_if = "is_none")]
    pub audio_output: u64,
    /// Written to the vendor's cache.
    pub cache_write: u64,
    /// Written to the vendor's cache for an hour.
    pub cache_write_1h: u64,
    /// Read from the vendor's cache.
    pub cached: u64,
    /// Billed at the full price.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
    /// The part of `output` spent on reasoning.
    pub reasoning: u64,
    /// `reported` or `estimated`.
    #[serde(borrow)]
    pub source: Text<'a>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_none(tokens: &u64) -> bool {
    *tokens == 0
}

/// What a leaf is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An administrative act.
    Admin,
    /// A tenant log had this size and root.
    Checkpoint,
    /// Details were destroyed.
    Erase,
    /// Checkpoints are signed by this key from here on.
    Key,
    /// A request that had begun when the process died.
    Lost,
    /// The log answers for its requests in another way from here on.
    Mode,
    /// The first leaf of a log.
    Open,
    /// Leaves were dropped.
    Purge,
    /// Requests refused in one minute without a known caller.
    Refused,
    /// One authenticated request.
    Request,
    /// The gateway started.
    Start,
    /// The gateway stopped.
    Stop,
}

impl Kind {
    /// The word in the leaf.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Checkpoint => "checkpoint",
            Self::Erase => "erase",
            Self::Key => "key",
            Self::Lost => "lost",
            Self::Mode => "mode",
            Self::Open => "open",
            Self::Purge => "purge",
            Self::Refused => "refused",
            Self::Request => "request",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

/// Where the next leaf of a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The next place.
    pub seq: u64,
    /// The hash of the leaf before.
    pub prev: Hash,
    /// When that one was written.
    pub at: u64,
}

impl Head {
    /// That of an empty log.
    pub const EMPTY: Self = Self { seq: 0, prev: Hash::NONE, at: 0 };

    /// Writes a leaf at this place, without a newline, and moves on. Time never steps back.
    pub fn append(&mut self, kind: Kind, record: &[u8], now_us: u64, out: &mut Vec<u8>) -> Hash {
        let from = out.len();
        self.at = self.at.max(now_us);
        out.extend_from_slice(b"{\"at\":");
        out.extend_from_slice(self.at.to_string().as_bytes());
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.extend_from_slice(b"\",\"prev\":\"");
        out.extend_from_slice(self.prev.hex().as_bytes());
        out.extend_from_slice(b"\",\"record\":");
        out.extend_from_slice(record);
        out.extend_from_slice(b",\"seq\":");
        out.extend_from_slice(self.seq.to_string().as_bytes());
        out.extend_from_slice(b",\"v\":1}");
        self.prev = Hash::of_leaf(&out[from..]);
        self.seq += 1;
        self.prev
    }
}

/// A leaf as it is read back; its record as text, or taken apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf<'a, R = &'a serde_json::value::RawValue> {
    /// Microseconds since 1970.
    pub at: u64,
    /// What it is about.
    pub kind: Kind,
    /// The hash of the leaf before, in hexadecimal digits.
    #[serde(borrow)]
    pub prev: Text<'a>,
    /// What it says.
    pub record: R,
    /// Its place.
    pub seq: u64,
    /// 1.
    pub v: u8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;

    /// Every member set, so that their order on disk is proven by the check.
    fn full() -> Record<'static> {
        Record {
            asked: Some("fast".into()),
            attempts: vec![Attempt {
                at_most: Some(4),
                at_ms: Some(1),
                endpoint: "a".into(),
                failed: Some("lost".into()),
                input: Some(5),
                ms: 3,
                output: Some(6),
                tier: Some("flex".into()),
                why: Some("flex".into()),
            }],
            budgets: vec!["bud_1@0".into()],
            cache: Some("off".into()),
            complexity: Some("simple".into()),
            config: Some("00".into()),
            cost: Some(Cost { input: 1, output: 2 }),
            detail: Some("00".into()),
            endpoint: Some("b".into()),
            error: Some(Fault { code: "c".into(), whose: "vendor".into() }),
            fee: Some(0),
            first_content_us: Some(1),
            health: vec!["a:tripped".into()],
            id: "req_1".into(),
            key: "k".into(),
            latency_us: Some(2),
            model: Some("m\u{e9}\n\"".into()),
            outcome: "answered".into(),
            own: Some(true),
            prices: Some("p".into()),
            race: Some("flex".into()),
            route: Some("r".into()),
            rule: Some("l".into()),
            saved: Some(2),
            saving_fee: Some(0),
            served: Some("s".into()),
            start_within: Some("30s".into()),
            started_us: 5,
            status: Some(200),
            stream: Some(true),
            surface: "chat_completions".into(),
            task: Some("chat".into()),
            tier: Some("default".into()),
            tier_asked: Some("flex".into()),
            usage: Some(Usage {
                audio_input: 1,
                audio_output: 1,
                input: 1,
                source: "reported".into(),
                ..Usage::default()
            }),
        }
    }

    #[test]
    fn a_leaf_is_canonical_and_can_be_read_back() {
        let mut head = Head::EMPTY;
        let mut leaf = Vec::new();
        let record = canonical::write(&full());
        let hash = head.append(Kind::Request, &record, 7, &mut leaf);
        assert_eq!(canonical::check(&leaf), Ok(()));
        assert_eq!(hash, Hash::of_leaf(&leaf));
        let read: Leaf<'_> = serde_json::from_slice(&leaf).expect("a leaf");
        assert_eq!((read.at, read.kind, read.seq), (7, Kind::Request, 0));
        let read: Record<'_> = serde_json::from_str(read.record.get()).expect("a record");
        assert_eq!(read, full());
    }

    #[test]
    fn a_record_of_before_there_were_races_is_written_again_byte_for_byte() {
        let line = r#"{"attempts":[{"endpoint":"a","failed":"429","ms":3},{"endpoint":"b","ms":2}],"cost":{"input":1,"output":2},"fee":0,"id":"req_1","key":"k","outcome":"answered","started_us":5,"surface":"messages","tier":"default"}"#;
        let read: Record<'_> = serde_json::from_str(line).expect("a record");
        assert_eq!(canonical::write(&read), line.as_bytes());
        assert_eq!(read.at_most(), 0);
    }

    #[test]
    fn what_lost_attempts_may_have_cost_is_their_sum_and_has_an_end() {
        let lost = |at_most| Attempt { at_most, ..Attempt::default() };
        let of = |each: &[Option<u64>]| {
            Record { attempts: each.iter().map(|most| lost(*most)).collect(), ..Record::default() }.at_most()
        };
        assert_eq!(of(&[Some(3), None, Some(4)]), 7);
        assert_eq!(of(&[Some(u64::MAX), Some(1)]), u64::MAX);
    }

    #[test]
    fn time_does_not_step_back_when_the_clock_does() {
        let mut head = Head::EMPTY;
        let mut leaf = Vec::new();
        head.append(Kind::Start, b"{}", 3_600_000_000, &mut leaf);
        head.append(Kind::Stop, b"{}", 0, &mut leaf);
        assert_eq!((head.at, head.seq), (3_600_000_000, 2));
    }

    #[test]
    fn logs_have_names_that_are_read_back() {
        for id in [LogId::DEPLOYMENT, LogId([1, 2, 3, 4, 5, 6, 7, 255])] {
            assert_eq!(LogId::parse(&id.to_string()), Some(id));
        }
        for wrong in ["", "0000000000000000", "01020304050607FF", "../deployment", "010203040506070"] {
            assert_eq!(LogId::parse(wrong), None, "{wrong}");
        }
    }
}
