//! What an answer that is only passed on says that it used, read as it goes by.
//!
//! It changes nothing and holds nothing up. An answer may be long, may be streamed, may be sound: where nothing
//! in it tells of usage, none is made up.

mod bedrock;
mod skim;

use memchr::memmem;
use tollgate_api::Usage;

use crate::dialect::Dialect;
use crate::{frames, sse};
use bedrock::Invoked;
use skim::Skim;

/// The members that vendors tell it in.
const TELLING: &[&str] = &["usage", "usageMetadata", "service_tier", "serviceTier", "x_groq", "timings"];

/// Reads one answer.
#[derive(Debug)]
pub struct Passing {
    dialect: Dialect,
    form: Form,
    said: Option<Usage>,
}

/// How an answer is written.
#[derive(Debug)]
enum Form {
    /// One object, or what may be one.
    Object(Skim),
    /// Server-sent events.
    Events(sse::Splitter),
    /// Amazon's frames.
    Frames(frames::Splitter, Invoked),
    /// Sound, a file, or a stream that is broken: nothing that could be read.
    Opaque,
}

impl Passing {
    /// An answer of this dialect's vendor, with what its head says.
    pub fn new<'a>(dialect: Dialect, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let kind = header("content-type").unwrap_or("application/json");
        let form = match kind.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Form::Events(sse::Splitter::default()),
            "application/vnd.amazon.eventstream" => Form::Frames(frames::Splitter::default(), Invoked::default()),
            kind if kind.ends_with("json") => Form::Object(Skim::new(TELLING)),
            _ => Form::Opaque,
        };
        Self { dialect, form, said: bedrock::in_head(header) }
    }

    /// Takes the next bytes.
    pub fn read(&mut self, piece: &[u8]) {
        let is_sound = match &mut self.form {
            Form::Object(skim) => {
                skim.read(piece);
                true
            }
            Form::Events(splitter) => events(self.dialect, splitter, piece, &mut self.said),
            Form::Frames(splitter, invoked) => told(splitter, invoked, piece),
            Form::Opaque => true,
        };
        if !is_sound {
            self.said = self.told();
            self.form = Form::Opaque;
        }
    }

    /// The answer is over, or goes no further: what it told.
    #[must_use]
    pub fn finish(mut self) -> Option<Usage> {
        // A last event may lack its blank line.
        if let Form::Events(splitter) = &mut self.form
            && let Some(frame) = splitter.finish()
        {
            self.said = in_event(self.dialect, &frame).or(self.said);
        }
        self.told()
    }

    /// What was told so far.
    fn told(&self) -> Option<Usage> {
        let told = match &self.form {
            Form::Object(skim) => in_object(self.dialect, &skim.object()),
            Form::Frames(_, invoked) => invoked.usage(),
            Form::Events(_) | Form::Opaque => None,
        };
        told.or(self.said)
    }
}

/// Reads the events that end in this piece. Whether they could be.
fn events(dialect: Dialect, splitter: &mut sse::Splitter, piece: &[u8], said: &mut Option<Usage>) -> bool {
    let mut feed = splitter.feed(piece);
    loop {
        match feed.next() {
            Ok(Some(frame)) => {
                // What is told later counts what was told before.
                *said = in_event(dialect, &frame).or(*said);
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn in_event(dialect: Dialect, event: &sse::Frame<'_>) -> Option<Usage> {
    event.fields().data.and_then(|data| in_object(dialect, &data))
}

/// Reads the frames that end in this piece. Whether they could be.
fn told(splitter: &mut frames::Splitter, invoked: &mut Invoked, piece: &[u8]) -> bool {
    splitter.push(piece);
    loop {
        match splitter.next() {
            Ok(Some(frame)) => invoked.read(&frame.data),
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// The usage that an object reports: in its vendor's words, or in those of the vendor's other interfaces.
fn in_object(dialect: Dialect, object: &[u8]) -> Option<Usage> {
    let says = |word: &[u8]| memmem::find(object, word).is_some();
    if !says(b"\"usage") && !says(b"\"timings\"") && !says(b"\"x_groq\"") {
        return None;
    }
    let dialect = match dialect {
        // Pictures, speech and transcripts are counted as answers of Responses are.
        Dialect::OpenAi if says(b"\"input_tokens\"") => Dialect::Responses,
        // What Anthropic's models on Amazon's machines say of themselves.
        Dialect::Converse if says(b"\"input_tokens\"") => Dialect::Anthropic,
        dialect => dialect,
    };
    dialect.usage(object).filter(|usage| usage.total() > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn heard(dialect: Dialect, headers: &[(&str, &str)], pieces: &[&[u8]]) -> Option<Usage> {
        let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        let mut passing = Passing::new(dialect, header);
        pieces.iter().for_each(|piece| passing.read(piece));
        passing.finish()
    }

    /// Input, cached, written, written for an hour, output.
    fn counts(usage: Option<Usage>) -> Option<[u64; 5]> {
        usage.map(|u| [u.input, u.cached, u.cache_write, u.cache_write_1h, u.output])
    }

    #[test]
    fn a_picture_is_counted_however_large_it_is() {
        let body = json!({
            "created": 1, "data": [{"b64_json": "A".repeat(2 << 20)}],
            "usage": {"input_tokens": 13, "output_tokens": 4160, "total_tokens": 4173},
        });
        let body = body.to_string();
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(65_536).collect();
        let usage = heard(Dialect::OpenAi, &[("content-type", "application/json")], &pieces);
        assert_eq!(counts(usage), Some([13, 0, 0, 0, 4160]));
    }

    #[test]
    fn a_streamed_picture_and_a_streamed_transcript_are_counted_at_their_last_event() {
        let stream = b"event: image_generation.partial_image\ndata: {\"b64_json\":\"AAAA\"}\n\n\
            event: image_generation.completed\ndata: {\"b64_json\":\"AAAA\",\"usage\":{\"input_tokens\":5,\"output_tokens\":272}}\n\n";
        let kind = [("content-type", "text/event-stream; charset=utf-8")];
        for cut in [1, 7, stream.len()] {
            let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
            assert_eq!(counts(heard(Dialect::OpenAi, &kind, &pieces)), Some([5, 0, 0, 0, 272]), "{cut}");
        }
        let legacy = b"data: {\"choices\":[{\"text\":\"a\"}],\"usage\":null}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n";
        assert_eq!(counts(heard(Dialect::OpenAi, &kind, &[legacy])), Some([3, 0, 0, 0, 4]));
        let unended = legacy.strip_suffix(b"\n\ndata: [DONE]\n\n").expect("its end");
        assert_eq!(counts(heard(Dialect::OpenAi, &kind, &[unended])), Some([3, 0, 0, 0, 4]), "without its blank line");
    }

    #[test]
    fn what_tells_nothing_is_not_counted() {
        let json = ("content-type", "application/json");
        for (kind, body) in [
            (json, r#"{"text":"x","usage":{"type":"duration","seconds":3}}"#),
            (json, r#"{"usage":{"input_tokens":"#),
            (json, r#"{"object":"list","data":[{"usage":{"input_tokens":9,"output_tokens":9}}]}"#),
            (("content-type", "audio/mpeg"), r#"{"usage":{"input_tokens":9}}"#),
            (("content-type", "text/event-stream"), r#"{"usage":{"input_tokens":9}}"#),
            (("content-type", "application/vnd.amazon.eventstream"), r#"{"usage":{"input_tokens":9}}"#),
        ] {
            assert_eq!(heard(Dialect::OpenAi, &[kind], &[body.as_bytes()]), None, "{kind:?} {body}");
        }
    }

    #[test]
    fn amazon_counts_any_model_in_the_head_of_its_answer() {
        let head = [
            ("content-type", "application/json"),
            ("x-amzn-bedrock-input-token-count", "11"),
            ("x-amzn-bedrock-output-token-count", "22"),
            ("x-amzn-bedrock-cache-read-input-token-count", "3"),
            ("x-amzn-bedrock-service-tier", "flex"),
        ];
        let usage = heard(Dialect::Converse, &head, &[br#"{"generation":"x","generation_token_count":22}"#]);
        assert_eq!(counts(usage), Some([11, 3, 0, 0, 22]));
        assert_eq!(usage.map(|usage| usage.tier), Some(tollgate_api::Tier::Flex));
        let anthropic = json!({"usage": {
            "input_tokens": 11, "output_tokens": 22, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 4},
        }});
        let usage = heard(Dialect::Converse, &head, &[anthropic.to_string().as_bytes()]);
        assert_eq!(counts(usage), Some([11, 3, 1, 4, 22]), "its own words tell for how long");
    }

    /// A stream of `InvokeModel`, each chunk wrapped as Amazon wraps it.
    fn invoked(chunks: &[Value]) -> Vec<u8> {
        use base64::Engine as _;
        let mut out = Vec::new();
        for chunk in chunks {
            let bytes = base64::engine::general_purpose::STANDARD.encode(chunk.to_string());
            frames::write_event("chunk", json!({"bytes": bytes, "p": "abc"}).to_string().into(), &mut out);
        }
        out
    }

    #[test]
    fn amazon_counts_a_stream_in_its_last_chunk() {
        let stream = invoked(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 4}}}}),
            json!({"type": "content_block_delta", "delta": {"text": "amazon-bedrock-invocationMetrics"}}),
            json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 11,
                "outputTokenCount": 22, "invocationLatency": 900, "firstByteLatency": 90,
                "cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 5}}),
        ]);
        let kind = [("content-type", "application/vnd.amazon.eventstream")];
        for cut in [1, 7, stream.len()] {
            let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
            assert_eq!(counts(heard(Dialect::Converse, &kind, &pieces)), Some([11, 3, 1, 4, 22]), "{cut}");
        }
        let titan = invoked(&[
            json!({"outputText": "x", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 2, "outputTokenCount": 3}}),
        ]);
        assert_eq!(counts(heard(Dialect::Converse, &kind, &[&titan])), Some([2, 0, 0, 0, 3]));
    }

    #[test]
    fn a_stream_that_breaks_keeps_what_it_told() {
        let kind = [("content-type", "application/vnd.amazon.eventstream")];
        let mut stream =
            invoked(&[json!({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 2, "outputTokenCount": 3}})]);
        stream.extend_from_slice(&[0xFF; 64]);
        assert_eq!(counts(heard(Dialect::Converse, &kind, &[&stream, b"more"])), Some([2, 0, 0, 0, 3]));
    }
}
