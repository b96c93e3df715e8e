//! Amazon's binary event stream, cut into frames, each with the bytes it came as.

use bytes::Bytes;

use crate::dialect::Garbage;

/// One frame.
#[derive(Debug)]
pub(crate) struct Frame {
    /// All of it.
    pub(crate) raw: Bytes,
    /// Its `:event-type`; of a failure, `exception:` and its `:exception-type` or `:error-code`.
    pub(crate) name: String,
    /// Its payload.
    pub(crate) data: Bytes,
}

/// Cuts a stream into frames. Linear in its bytes, however they are cut into chunks.
#[derive(Debug, Default)]
pub(crate) struct Splitter {}

impl Splitter {
    /// Takes more bytes.
    pub(crate) fn push(&mut self, _chunk: &[u8]) {}

    /// The next whole frame.
    ///
    /// # Errors
    /// The bytes are no frame, or one that is too long.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Garbage> {
        Ok(None)
    }
}
