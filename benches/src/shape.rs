//! What is asked for: three shapes of a request, and the profiles of the vendor that answer them.

use tollgate_simulate::Profile;

use crate::answer::Expect;

/// A kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A whole answer of about half a kilobyte.
    Whole,
    /// Fifty events as fast as they come.
    Burst,
    /// Twenty events, ten milliseconds apart.
    Paced,
    /// Four events, fifty milliseconds apart.
    Sparse,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Burst, Self::Paced, Self::Sparse];

    /// The vendor's profile and the model's name at the gateway.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "plain",
            Self::Burst => "burst",
            Self::Paced => "paced",
            Self::Sparse => "sparse",
        }
    }

    /// What must come back.
    pub(crate) fn expect(self) -> Expect {
        match self {
            Self::Whole => Expect::Whole,
            Self::Burst => Expect::Stream { content: 50 },
            Self::Paced => Expect::Stream { content: 20 },
            Self::Sparse => Expect::Stream { content: 4 },
        }
    }

    /// How the vendor answers.
    pub(crate) fn profile(self) -> Profile {
        let (output_tokens, tokens_per_second) = match self {
            Self::Whole => (10, 0),
            Self::Burst => (50, 0),
            Self::Paced => (20, 100),
            Self::Sparse => (4, 20),
        };
        let name = self.name().to_owned();
        // Sold at flex too, and as fast there: whoever races is answered by the same.
        let tiers = [("flex".to_owned(), name.clone())].into();
        Profile { name, output_tokens, tokens_per_second, tiers, ..Profile::default() }
    }
}

/// The bytes of a request of about 1.45 kB, as a short conversation is. Every contender gets the
/// same headers; `prefix` goes before the path.
pub(crate) fn request(prefix: &str, model: &str, key: &str, shape: Shape) -> Vec<u8> {
    request_with(prefix, model, key, shape, "")
}

/// The same with more members, each with its comma after it.
pub(crate) fn request_with(prefix: &str, model: &str, key: &str, shape: Shape, members: &str) -> Vec<u8> {
    let stream = if shape == Shape::Whole { "" } else { "\"stream\":true," };
    let words = "Write a short note about the gate and the road behind it. ".repeat(22);
    let body = format!(
        "{{\"model\":\"{model}\",{members}{stream}\"temperature\":0.2,\"messages\":[{{\"role\":\"system\",\"content\":\"You are brief.\"}},{{\"role\":\"user\",\"content\":\"{words}\"}}]}}"
    );
    format!(
        "POST {prefix}/v1/chat/completions HTTP/1.1\r\nhost: bench.test\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\nx-shape: {}\r\ncontent-length: {}\r\n\r\n{body}",
        shape.name(),
        body.len()
    )
    .into_bytes()
}
