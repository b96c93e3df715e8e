//! A streamed answer on its way: the upstream's bytes in, the client's bytes out.
//!
//! It opens and closes nothing. What the stream came to is read off it afterwards.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tollgate_api::{Call, Cost, Event, Usage};

use crate::dialect::{AnswerHead, Dialect, Failure, Garbage};
use crate::foreign::Foreign;
use crate::passthrough::Passthrough;

/// How far an answer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing that a reader could see: another endpoint could still answer.
    Waiting,
    /// Content went out.
    Content,
    /// The vendor said that the answer is whole.
    Ended,
    /// The vendor reported a failure. Its error event, in the surface's shape, went out with the
    /// bytes; nothing follows it.
    Failed {
        /// The vendor's error type.
        kind: String,
        /// The vendor's words.
        message: String,
    },
}

/// Prices usage; `None` where the model has no price.
pub type Price<'a> = &'a dyn Fn(&Usage) -> Option<Cost>;

/// What the filters do with each event; only answers that are decoded have events.
pub type OnEvent<'a> = &'a mut dyn FnMut(&mut Event);

/// One streamed answer.
#[derive(Debug)]
pub struct Relay(Way);

#[derive(Debug)]
enum Way {
    /// The upstream speaks the surface's own format: its bytes go on as they came.
    Passthrough(Box<Passthrough>),
    /// Decoded, shown to the filters, written anew.
    Foreign(Box<Foreign>),
}

impl Relay {
    /// For an upstream that speaks the dialect of the call's surface, where no filter sees events.
    #[must_use]
    pub fn passthrough(dialect: Dialect, call: &Call) -> Self {
        Self(Way::Passthrough(Box::new(Passthrough::new(dialect, call))))
    }

    /// For any other upstream, or where a filter sees events.
    #[must_use]
    pub fn foreign(dialect: Dialect, head: &AnswerHead, call: &Call) -> Self {
        Self(Way::Foreign(Box::new(Foreign::new(dialect, head, call))))
    }

    /// Takes the next bytes of the upstream and appends what the client gets for them.
    ///
    /// `price` is asked for each usage that the client is shown: as a rule once, at the end.
    ///
    /// # Errors
    /// The upstream does not speak its dialect. What was good before it is in `out`.
    pub fn push(
        &mut self,
        chunk: Bytes,
        price: Price<'_>,
        on_event: OnEvent<'_>,
        out: &mut Out,
    ) -> Result<(), Garbage> {
        match &mut self.0 {
            Way::Passthrough(way) => way.push(&chunk, price, out),
            Way::Foreign(way) => way.push(&chunk, price, on_event, out),
        }
    }

    /// The upstream closed. A last event may lack its blank line, and an answer whose choices said
    /// why they stopped may lack its end mark; all else that is not [`Phase::Ended`] is cut.
    ///
    /// # Errors
    /// As for [`Relay::push`].
    pub fn end(&mut self, price: Price<'_>, on_event: OnEvent<'_>, out: &mut Out) -> Result<(), Garbage> {
        match &mut self.0 {
            Way::Passthrough(way) => way.end(price, out),
            Way::Foreign(way) => {
                way.end(price, on_event, out);
                Ok(())
            }
        }
    }

    /// The last event where the answer cannot be finished. No end mark follows it.
    #[must_use]
    pub fn fail(&mut self, failure: &Failure<'_>) -> Bytes {
        match &mut self.0 {
            Way::Passthrough(way) => way.fail(failure),
            Way::Foreign(way) => way.fail(failure),
        }
    }

    /// How far the answer has come.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        match &self.0 {
            Way::Passthrough(way) => way.phase(),
            Way::Foreign(way) => way.phase(),
        }
    }

    /// The usage that the upstream reported last.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match &self.0 {
            Way::Passthrough(way) => way.usage(),
            Way::Foreign(way) => way.usage(),
        }
    }

    /// How many characters of output came, reasoning and tool arguments included: what to estimate
    /// output tokens from where no usage is reported.
    #[must_use]
    pub fn output_chars(&self) -> u64 {
        match &self.0 {
            Way::Passthrough(way) => way.output_chars(),
            Way::Foreign(way) => way.output_chars(),
        }
    }
}

/// Bytes for the client, in pieces: most are slices of what the upstream sent.
#[derive(Clone, Debug, Default)]
pub struct Out(SmallVec<[Bytes; 4]>);

impl Out {
    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.push(piece);
        }
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Takes all pieces as one, leaving none. A single piece is not copied.
    #[must_use]
    pub fn take(&mut self) -> Bytes {
        if self.0.len() <= 1 {
            return self.0.pop().unwrap_or_default();
        }
        let mut joined = BytesMut::with_capacity(self.len());
        self.0.drain(..).for_each(|piece| joined.extend_from_slice(&piece));
        joined.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_piece_is_not_copied() {
        let piece = Bytes::from_static(b"data: 1\n\n");
        let mut out = Out::default();
        out.push(piece.clone());
        out.push(Bytes::new());
        assert_eq!(out.take().as_ptr(), piece.as_ptr());
        assert!(out.is_empty());

        out.push(piece.clone());
        out.push(piece);
        assert_eq!((out.len(), out.take()), (18, Bytes::from_static(b"data: 1\n\ndata: 1\n\n")));
        assert!(out.take().is_empty());
    }
}
