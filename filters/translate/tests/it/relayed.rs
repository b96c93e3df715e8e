//! A stream through a relay, and what it came to.

use bytes::Bytes;
use tollgate_api::{Cost, Event, Usage};
use tollgate_translate::{Garbage, Out, Phase, Relay};

/// What a stream came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Came {
    pub(crate) bytes: String,
    pub(crate) phase: Phase,
    pub(crate) usage: Option<Usage>,
    pub(crate) output_chars: u64,
    pub(crate) garbage: Option<Garbage>,
}

pub(crate) fn no_price(_: &Usage) -> Option<Cost> {
    None
}

/// These chunks, and the end.
pub(crate) fn relayed<'a>(
    mut relay: Relay,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    price: fn(&Usage) -> Option<Cost>,
    on_event: &mut dyn FnMut(&mut Event),
) -> Came {
    let (mut out, mut result) = (Out::default(), Ok(()));
    for chunk in chunks {
        result = result.and_then(|()| relay.push(Bytes::copy_from_slice(chunk), &price, on_event, &mut out));
    }
    result = result.and_then(|()| relay.end(&price, on_event, &mut out));
    Came {
        bytes: String::from_utf8(out.take().to_vec()).expect("UTF-8"),
        phase: relay.phase().clone(),
        usage: relay.usage(),
        output_chars: relay.output_chars(),
        garbage: result.err(),
    }
}

/// A recorded stream: every one is sound.
pub(crate) fn sound<'a>(
    relay: Relay,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    price: fn(&Usage) -> Option<Cost>,
) -> Came {
    let came = relayed(relay, chunks, price, &mut |_| {});
    assert_eq!(came.garbage, None, "a recorded stream");
    came
}
