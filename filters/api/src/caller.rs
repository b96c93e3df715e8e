//! Who is calling, as far as anyone past `identify` may know.

use std::fmt;
use std::sync::Arc;

/// A verified client: its tenant and the key it used, never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant the key belongs to.
    pub tenant: Arc<str>,
    /// The public id of the key: safe to log and to show.
    pub key_id: Arc<str>,
    /// The name its owner gave the key.
    pub key_name: Arc<str>,
}

/// The id of one request: 128 random bits, shown as `req_` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Wraps bytes that the caller drew at random.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The text form, without allocating.
    #[must_use]
    pub fn text(&self) -> [u8; 36] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = *b"req_00000000000000000000000000000000";
        for (i, byte) in self.0.iter().enumerate() {
            text[4 + 2 * i] = HEX[usize::from(byte >> 4)];
            text[5 + 2 * i] = HEX[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("hexadecimal digits are UTF-8"))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
