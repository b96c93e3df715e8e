//! Places in a growing text: Google counts bytes, everybody else characters.

/// Every so many bytes it is written down how many characters came before, so that no lookup reads
/// more than that much of the text.
const STRIDE: usize = 1024;

/// The text so far.
#[derive(Default)]
pub(super) struct Ruler {
    text: String,
    /// The characters that begin before each whole stride.
    before: Vec<usize>,
    /// Those that begin before the stride that is still filling.
    counted: usize,
}

impl Ruler {
    /// The text grew.
    pub(super) fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
        while let Some(stride) = self.text.as_bytes().get(self.before.len() * STRIDE..).and_then(|b| b.get(..STRIDE)) {
            self.before.push(self.counted);
            self.counted += beginnings(stride);
        }
    }

    /// How long it is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// How many characters begin before this byte.
    pub(super) fn chars(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        let stride = byte / STRIDE;
        let before = self.before.get(stride).copied().unwrap_or(self.counted);
        before + beginnings(&self.text.as_bytes()[stride * STRIDE..byte])
    }

    /// At which byte this character begins; the end of the text where there is no such character.
    pub(super) fn byte(&self, char: usize) -> usize {
        let whole = self.before.partition_point(|before| *before <= char);
        let next = if self.counted <= char { self.before.len() } else { whole.saturating_sub(1) };
        let mut left = char - self.before.get(next).copied().unwrap_or(self.counted);
        let from = next * STRIDE;
        for (at, byte) in self.text.as_bytes()[from..].iter().enumerate() {
            if begins(*byte) {
                if left == 0 {
                    return from + at;
                }
                left -= 1;
            }
        }
        self.text.len()
    }
}

/// Whether a byte of UTF-8 begins a character.
fn begins(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| begins(**byte)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Ruler;

    proptest! {
        #[test]
        fn bytes_and_characters_agree_with_the_text_however_it_grew(
            pieces in prop::collection::vec("[a-cä😀日]{0,700}", 0..8),
        ) {
            let mut ruler = Ruler::default();
            pieces.iter().for_each(|piece| ruler.push(piece));
            let text = pieces.concat();
            for (number, (at, _)) in text.char_indices().enumerate().step_by(97) {
                prop_assert_eq!((ruler.chars(at), ruler.byte(number)), (number, at));
            }
            let count = text.chars().count();
            prop_assert_eq!((ruler.chars(usize::MAX), ruler.byte(count), ruler.byte(usize::MAX)), (count, text.len(), text.len()));
        }
    }
}
