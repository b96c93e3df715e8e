//! One answer as it comes in: its framing, its events, whether it is the right one.
//!
//! It knows no sockets. It reads only what simulated vendors and the proxies before them send, and
//! calls everything else wrong: an error must never count as a fast answer.

use std::ops::Range;

use memchr::memmem;

/// More than any answer of this bench has, head and body.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Less than the shortest whole answer has.
const WHOLE_BYTES_MIN: usize = 200;

/// What the answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A JSON object with its length said.
    Whole,
    /// A stream with so many pieces of content, ended as it should be.
    Stream {
        /// Events that carry content.
        content: usize,
    },
}

/// Why it is not the right answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Wrong {
    #[error("not an answer of status 200: {0:?}")]
    Status(String),
    #[error("an answer without its length and not chunked")]
    Unframed,
    #[error("a chunk whose size is not one")]
    ChunkSize,
    #[error("{0} bytes after the end of the answer")]
    Surplus(usize),
    #[error("an answer of more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("a body of {0} bytes that is no completion")]
    NotACompletion(usize),
    #[error("a stream with {came} pieces of content in place of {expected}")]
    Content {
        /// How many came.
        came: usize,
        /// How many should have.
        expected: usize,
    },
    #[error("a stream without [DONE] at its end")]
    NoDone,
}

#[derive(Clone, Copy)]
enum Framing {
    Unknown,
    Length(usize),
    Chunked,
}

/// An answer in the making. It keeps its memory from one answer to the next.
pub(crate) struct Answer {
    expect: Expect,
    framing: Framing,
    raw: Vec<u8>,
    /// What of `raw` has been understood.
    taken: usize,
    body: Vec<u8>,
    /// What of `body` has been looked at for events.
    scanned: usize,
    content: usize,
    done: bool,
}

impl Answer {
    /// Waits for the first answer.
    pub(crate) fn new(expect: Expect) -> Self {
        Self {
            expect,
            framing: Framing::Unknown,
            raw: Vec::with_capacity(64 << 10),
            taken: 0,
            body: Vec::with_capacity(64 << 10),
            scanned: 0,
            content: 0,
            done: false,
        }
    }

    /// Waits for the next one.
    pub(crate) fn reset(&mut self) {
        self.raw.clear();
        self.body.clear();
        (self.framing, self.taken, self.scanned, self.content, self.done) = (Framing::Unknown, 0, 0, 0, false);
    }

    /// Where the bytes that come are put. Then call [`Self::advance`].
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        self.raw.reserve(16 << 10);
        &mut self.raw
    }

    /// Bytes of this answer that have come.
    pub(crate) fn came(&self) -> usize {
        self.raw.len()
    }

    /// Events with content so far.
    pub(crate) fn content(&self) -> usize {
        self.content
    }

    /// Reads what came; true once the answer is there and is the right one.
    pub(crate) fn advance(&mut self) -> Result<bool, Wrong> {
        if self.raw.len() > ANSWER_BYTES_MAX {
            return Err(Wrong::TooLong);
        }
        if matches!(self.framing, Framing::Unknown) {
            let Some(end) = memmem::find(&self.raw, b"\r\n\r\n") else { return Ok(false) };
            self.framing = framing(&self.raw[..end])?;
            self.taken = end + 4;
        }
        let ended = match self.framing {
            Framing::Unknown => false,
            Framing::Length(length) => self.take_length(length),
            Framing::Chunked => self.take_chunks()?,
        };
        if self.expect != Expect::Whole {
            self.scan();
        }
        if !ended {
            return Ok(false);
        }
        match self.raw.len() - self.taken {
            0 => self.check().map(|()| true),
            surplus => Err(Wrong::Surplus(surplus)),
        }
    }

    fn take_length(&mut self, length: usize) -> bool {
        let came = self.raw.len() - self.taken;
        if came < length {
            return false;
        }
        self.body.extend_from_slice(&self.raw[self.taken..self.taken + length]);
        self.taken += length;
        true
    }

    fn take_chunks(&mut self) -> Result<bool, Wrong> {
        while let Some(data) = next_chunk(&self.raw[self.taken..])? {
            self.body.extend_from_slice(&self.raw[self.taken..][data.clone()]);
            self.taken += data.end + 2;
            if data.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts the events that are whole by now.
    fn scan(&mut self) {
        while let Some(length) = memmem::find(&self.body[self.scanned..], b"\n\n") {
            let event = &self.body[self.scanned..self.scanned + length];
            self.done = event == b"data: [DONE]";
            self.content += usize::from(has_content(event));
            self.scanned += length + 2;
        }
    }

    fn check(&self) -> Result<(), Wrong> {
        match self.expect {
            Expect::Whole => {
                let body = &self.body;
                let framed = body.starts_with(b"{") && body.ends_with(b"}") && body.len() >= WHOLE_BYTES_MIN;
                let right = framed && memmem::find(body, b"\"finish_reason\":\"stop\"").is_some();
                if right { Ok(()) } else { Err(Wrong::NotACompletion(body.len())) }
            }
            Expect::Stream { content } if content != self.content => {
                Err(Wrong::Content { came: self.content, expected: content })
            }
            Expect::Stream { .. } if !self.done || self.scanned < self.body.len() => Err(Wrong::NoDone),
            Expect::Stream { .. } => Ok(()),
        }
    }
}

/// The opening event carries an empty content: that is none.
fn has_content(event: &[u8]) -> bool {
    const MEMBER: &[u8] = b"\"content\":\"";
    memmem::find(event, MEMBER).is_some_and(|at| event.get(at + MEMBER.len()).is_some_and(|next| *next != b'"'))
}

fn framing(head: &[u8]) -> Result<Framing, Wrong> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        return Err(Wrong::Status(status.to_owned()));
    }
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().map(Framing::Length).map_err(|_| Wrong::Unframed);
        }
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            return Ok(Framing::Chunked);
        }
    }
    Err(Wrong::Unframed)
}

/// Where the data of the next chunk lies, once it and the line end after it are there.
fn next_chunk(raw: &[u8]) -> Result<Option<Range<usize>>, Wrong> {
    let Some(line) = memmem::find(raw, b"\r\n") else { return Ok(None) };
    let size = std::str::from_utf8(&raw[..line]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
    let size = size.filter(|size| *size <= ANSWER_BYTES_MAX).ok_or(Wrong::ChunkSize)?;
    let data = line + 2..line + 2 + size;
    Ok((raw.len() >= data.end + 2).then_some(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[&str] = &[
        "data: {\"choices\":[{\"delta\":{\"content\":\"\",\"role\":\"assistant\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"the\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\" gate\"}}]}\n\n",
        "data: [DONE]\n\n",
    ];

    fn chunked(events: &[&str]) -> String {
        let chunks: String = events.iter().map(|e| format!("{:x}\r\n{e}\r\n", e.len())).collect();
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    }

    fn whole() -> String {
        let body = format!("{{\"finish_reason\":\"stop\",\"padding\":\"{}\"}}", "x".repeat(WHOLE_BYTES_MIN));
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn read(expect: Expect, pieces: &[&str]) -> Result<bool, Wrong> {
        let mut answer = Answer::new(expect);
        let mut ended = false;
        for piece in pieces {
            answer.room().extend_from_slice(piece.as_bytes());
            ended = answer.advance()?;
        }
        Ok(ended)
    }

    #[test]
    fn an_answer_is_the_same_wherever_it_is_cut() {
        for (expect, text) in [(Expect::Whole, whole()), (Expect::Stream { content: 2 }, chunked(STREAM))] {
            for at in 0..text.len() {
                let (left, right) = text.split_at(at);
                assert_eq!(read(expect, &[left]), Ok(false), "whole after {at} bytes");
                assert_eq!(read(expect, &[left, right]), Ok(true), "cut at {at}");
            }
        }
    }

    #[test]
    fn events_joined_in_one_chunk_are_counted_one_by_one() {
        assert_eq!(read(Expect::Stream { content: 2 }, &[&chunked(&[&STREAM.concat()])]), Ok(true));
    }

    #[test]
    fn content_is_seen_when_it_comes_and_not_with_the_opening() {
        let text = chunked(STREAM);
        let place = |word| text.find(word).expect("a word of the stream");
        let (first, second) = (place("the"), place(" gate"));
        let mut answer = Answer::new(Expect::Stream { content: 2 });
        answer.room().extend_from_slice(&text.as_bytes()[..first]);
        assert_eq!((answer.advance(), answer.content()), (Ok(false), 0));
        answer.room().extend_from_slice(&text.as_bytes()[first..second]);
        assert_eq!((answer.advance(), answer.content()), (Ok(false), 1));
    }

    #[test]
    fn what_is_not_the_answer_is_wrong() {
        let stream = Expect::Stream { content: 2 };
        let cases = [
            (Expect::Whole, "HTTP/1.1 429 No\r\n\r\n".to_owned(), Wrong::Status("HTTP/1.1 429 No".into())),
            (Expect::Whole, "HTTP/1.1 200 OK\r\n\r\n".to_owned(), Wrong::Unframed),
            (Expect::Whole, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned(), Wrong::NotACompletion(2)),
            (Expect::Whole, whole() + "x", Wrong::Surplus(1)),
            (stream, chunked(&STREAM[..3]), Wrong::NoDone),
            (stream, chunked(&STREAM[1..]) + "x", Wrong::Surplus(1)),
            (stream, chunked(&STREAM[2..]), Wrong::Content { came: 1, expected: 2 }),
            (stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(), Wrong::ChunkSize),
        ];
        for (expect, text, wrong) in cases {
            assert_eq!(read(expect, &[&text]), Err(wrong));
        }
    }

    #[test]
    fn the_next_answer_begins_anew() {
        let mut answer = Answer::new(Expect::Stream { content: 2 });
        for _ in 0..2 {
            answer.room().extend_from_slice(chunked(STREAM).as_bytes());
            assert_eq!((answer.advance(), answer.content()), (Ok(true), 2));
            answer.reset();
        }
    }
}
