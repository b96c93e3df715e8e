//! Amazon's binary event stream: cut into frames, each with the bytes it came as, and written.
//!
//! What a frame means is for its dialect. A frame whose checksums do not fit is never passed on.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};

use crate::dialect::Garbage;

/// The longest frame that is taken, in bytes: what Amazon allows a payload.
const FRAME_MAX: usize = 16 * 1024 * 1024;
/// Two lengths and their checksum.
const PRELUDE: usize = 12;
/// A prelude and the checksum of a frame without headers or payload.
const FRAME_MIN: usize = PRELUDE + 4;
/// How the name of a failure begins.
pub(crate) const EXCEPTION: &str = "exception:";

/// One frame.
#[derive(Debug)]
pub(crate) struct Frame {
    /// All of it.
    pub(crate) raw: Bytes,
    /// Its `:event-type`; of a failure, `exception:` and its `:exception-type` or `:error-code`.
    pub(crate) name: String,
    /// Its payload; of a failure without one, what its headers say as `{"message": ...}`.
    pub(crate) data: Bytes,
}

/// Cuts a stream into frames. Linear in its bytes, however they are cut into chunks.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
}

impl Splitter {
    /// Takes more bytes.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// The bytes are no frame, or one that is too long.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Garbage> {
        let Some(length) = self.length()?.filter(|length| self.buffer.len() >= *length) else { return Ok(None) };
        let raw = self.buffer.split_to(length).freeze();
        let message = read_message_from(raw.clone()).map_err(|_| garbage("of no known shape, or damaged"))?;
        Ok(Some(Frame { raw, name: name(&message), data: data(&message) }))
    }

    /// How long the next frame is, once its prelude is there. The prelude has a checksum of its own,
    /// so that nobody waits for bytes that a damaged length promises.
    fn length(&self) -> Result<Option<usize>, Garbage> {
        let Some((length, _)) = self.buffer.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > FRAME_MAX {
            return Err(garbage(&format!("longer than {FRAME_MAX} bytes")));
        }
        let Some(([lengths @ .., _, _, _, _], _)) = self.buffer.split_first_chunk::<PRELUDE>() else { return Ok(None) };
        let sound = self.buffer[lengths.len()..PRELUDE] == crc32fast::hash(lengths).to_be_bytes();
        if sound && length >= FRAME_MIN { Ok(Some(length)) } else { Err(garbage("of no known shape, or damaged")) }
    }
}

fn garbage(what: &str) -> Garbage {
    Garbage(format!("a frame of the event stream is {what}"))
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
    header.value().as_string().ok().map(|value| value.as_str())
}

/// What kind of failure a frame reports, if it does: of the API's own, or of the machinery before it.
fn failure(message: &Message) -> Option<&str> {
    match header(message, ":message-type")? {
        "exception" => Some(header(message, ":exception-type").unwrap_or_default()),
        "error" => Some(header(message, ":error-code").unwrap_or_default()),
        _ => None,
    }
}

fn name(message: &Message) -> String {
    match failure(message) {
        Some(kind) => format!("{EXCEPTION}{kind}"),
        None => header(message, ":event-type").unwrap_or_default().to_owned(),
    }
}

fn data(message: &Message) -> Bytes {
    if failure(message).is_none() || !message.payload().trim_ascii().is_empty() {
        return message.payload().clone();
    }
    let said = header(message, ":error-message").unwrap_or_default();
    serde_json::json!({ "message": said }).to_string().into()
}

/// Appends an event.
pub(crate) fn write_event(name: &'static str, json: Vec<u8>, out: &mut Vec<u8>) {
    write(":event-type", name, "event", json, out);
}

/// Appends a failure, after which nothing comes.
pub(crate) fn write_exception(kind: &'static str, json: Vec<u8>, out: &mut Vec<u8>) {
    write(":exception-type", kind, "exception", json, out);
}

fn write(header: &'static str, name: &'static str, kind: &'static str, json: Vec<u8>, out: &mut Vec<u8>) {
    let text = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let headers = [text(header, name), text(":content-type", "application/json"), text(":message-type", kind)];
    let message = headers.into_iter().fold(Message::new(json), Message::add_header);
    write_message_to(&message, out).expect("the headers are short, and one event is never 4 GiB");
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// The name and the payload of every frame in these pieces of a stream.
    fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<(String, Bytes)>, Garbage> {
        let (mut splitter, mut frames) = (Splitter::default(), Vec::new());
        for piece in pieces {
            splitter.push(piece);
            while let Some(frame) = splitter.next()? {
                frames.push((frame.name, frame.data));
            }
        }
        Ok(frames)
    }

    fn stream() -> Vec<u8> {
        let mut out = Vec::new();
        write_event("messageStart", br#"{"role":"assistant"}"#.to_vec(), &mut out);
        write_event("contentBlockDelta", "{\"text\":\"é\"}".into(), &mut out);
        write_exception("throttlingException", br#"{"message":"slow"}"#.to_vec(), &mut out);
        out
    }

    fn framed(headers: &[(&'static str, &'static str)], payload: &'static str) -> Vec<u8> {
        let headers = headers.iter().map(|(name, value)| Header::new(*name, HeaderValue::String((*value).into())));
        let message = headers.fold(Message::new(payload), Message::add_header);
        let mut out = Vec::new();
        write_message_to(&message, &mut out).expect("a frame");
        out
    }

    #[test]
    fn a_stream_cut_anywhere_has_the_same_frames() {
        let stream = stream();
        let whole = split([&*stream]).expect("frames");
        let names: Vec<_> = whole.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["messageStart", "contentBlockDelta", "exception:throttlingException"]);
        assert_eq!(whole[1].1, "{\"text\":\"é\"}");
        for at in 0..=stream.len() {
            let (a, b) = stream.split_at(at);
            assert_eq!(split([a, b]).as_ref(), Ok(&whole), "{at}");
        }
        assert_eq!(split(stream.chunks(1)).as_ref(), Ok(&whole));
    }

    #[test]
    fn a_frame_that_was_damaged_anywhere_is_garbage_and_is_never_waited_for() {
        let stream = framed(&[(":event-type", "chunk"), (":message-type", "event")], "{\"bytes\":\"AA==\"}");
        for bit in 0..stream.len() * 8 {
            let mut damaged = stream.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(split([&*damaged]).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_event_stream_is_garbage_at_once() {
        for text in ["<html><title>502</title>", "{\"message\":\"no\"}", "data: {}\n\n", "\0\0\0\u{1}\0\0\0\0\0\0\0\0"]
        {
            assert!(split([text.as_bytes()]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_frame_longer_than_amazon_allows_is_refused_before_it_is_read() {
        let longest = u32::try_from(FRAME_MAX).expect("a length");
        assert_eq!(split([&longest.to_be_bytes()[..]]), Ok(vec![]));
        let error = split([&(longest + 1).to_be_bytes()[..]]).expect_err("too long");
        assert!(error.to_string().contains("16777216"), "{error}");
    }

    #[test]
    fn an_error_that_only_its_headers_explain_is_not_swallowed_for_want_of_a_payload() {
        let headers =
            [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "say \"no\"")];
        let frames = split([&*framed(&headers, "")]).expect("a frame");
        let (name, data) = (frames[0].0.clone(), frames[0].1.clone());
        assert_eq!((&*name, &*data), ("exception:InternalFailure", &br#"{"message":"say \"no\""}"#[..]));
    }

    #[test]
    fn a_frame_of_megabytes_in_small_pieces_is_read_in_linear_time() {
        let mut stream = Vec::new();
        write_event("chunk", vec![b'x'; FRAME_MAX - 1024], &mut stream);
        let begun = Instant::now();
        assert_eq!(split(stream.chunks(16)).map(|frames| frames.len()), Ok(1));
        // Quadratic time over a million pieces would be hours.
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300usize) {
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            let _ = split([a, b]);
        }

        /// With sound checksums, so that headers are reached.
        #[test]
        fn no_headers_panic(headers in prop::collection::vec(any::<u8>(), 0..80), short in 0..20u32) {
            let length = u32::try_from(headers.len()).expect("short");
            let mut frame = (length + 16).to_be_bytes().to_vec();
            frame.extend(length.saturating_sub(short).to_be_bytes());
            frame.extend(crc32fast::hash(&frame).to_be_bytes());
            frame.extend(headers);
            frame.extend(crc32fast::hash(&frame).to_be_bytes());
            let _ = split([&*frame]);
        }
    }
}
