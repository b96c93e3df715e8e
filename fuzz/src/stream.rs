//! Streams on their way: nothing panics, what comes out is of the surface, and it does not depend
//! on how the stream was cut.

use bytes::Bytes;
use tollgate_api::{Framing, Usage};
use tollgate_translate::{Dialect, Failure, Out, Phase, Relay};

use crate::answer::reads;
use crate::cuts::cut;
use crate::speakers::{self, WRITTEN, call, head, price};

/// What a stream came to.
#[derive(Debug, PartialEq)]
struct Came {
    bytes: Bytes,
    phase: Phase,
    usage: Option<Usage>,
    output_chars: u64,
    sound: bool,
}

/// The target: a byte that says who answers, and by its upper bits how a client of Gemini wants
/// its stream; the cuts; the stream.
pub fn stream(input: &[u8]) {
    let Some((&who, rest)) = input.split_first() else { return };
    let Some((chunks, stream)) = cut(rest) else { return };
    let dialect = speakers::dialect(who & 0x3F);
    for &surface in WRITTEN {
        let (spoken, framing) = framing(surface, who);
        let foreign = || Relay::foreign(dialect, &head(), &call(surface, framing));
        let whole = came(foreign(), &[stream]);
        assert_eq!(whole, came(foreign(), &chunks), "a cut changes the stream from {dialect} to {spoken}");
        if framing == Framing::Sse {
            reads(spoken, &whole.bytes);
        }
        if spoken == dialect {
            let straight = || Relay::passthrough(dialect, &call(surface, framing));
            let whole = came(straight(), &[stream]);
            assert_eq!(whole, came(straight(), &chunks), "a cut changes the stream of {dialect}");
        }
    }
}

/// How the answer is framed for a client of this surface.
fn framing(surface: tollgate_api::Surface, how: u8) -> (Dialect, Framing) {
    let spoken = Dialect::of(surface).expect("an answer");
    let array = spoken == Dialect::Gemini && how & 0x40 != 0;
    (spoken, if array { Framing::JsonArray } else { spoken.framing() })
}

fn came(mut relay: Relay, chunks: &[&[u8]]) -> Came {
    let mut out = Out::default();
    let read =
        chunks.iter().try_for_each(|chunk| relay.push(Bytes::copy_from_slice(chunk), &price, &mut |_| {}, &mut out));
    let sound = read.and_then(|()| relay.end(&price, &mut |_| {}, &mut out)).is_ok();
    if !matches!(relay.phase(), Phase::Ended | Phase::Failed { .. }) {
        let failure = Failure { code: "upstream_cut", message: "The upstream was cut.", kind: "api_error" };
        out.push(relay.fail(&failure));
    }
    let (phase, usage, output_chars) = (relay.phase().clone(), relay.usage(), relay.output_chars());
    Came { bytes: out.take(), phase, usage, output_chars, sound }
}
