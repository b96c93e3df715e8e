//! A door through which the fuzz targets reach what is private here. Nobody else goes through it.

use bytes::Bytes;

use crate::frames::Splitter;

/// One frame: all of it, its name, its payload.
pub type Frame = (Bytes, String, Bytes);

/// The frames of an event stream that comes in these chunks, and whether it is one to its end.
#[must_use]
pub fn frames(chunks: &[&[u8]]) -> (Vec<Frame>, bool) {
    let (mut splitter, mut frames) = (Splitter::default(), Vec::new());
    for chunk in chunks {
        splitter.push(chunk);
        loop {
            match splitter.next() {
                Ok(Some(frame)) => frames.push((frame.raw, frame.name, frame.data)),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, true)
}
