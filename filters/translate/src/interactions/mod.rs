//! Google Interactions: requests and answers, read and written.

use tollgate_api::{Code, Framing, Refusal};

use crate::dialect::{Garbage, Tongue};

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "interactions",
    framing: Framing::Sse,
    read: |_, _, _| Err(unwritten()),
    write: |_, _| Err(unwritten()),
    decoder: || unimplemented!("the decoder"),
    whole: |_, _| Err(Garbage("unwritten".into())),
    usage: |_| None,
    encoder: |_, _| unimplemented!("the encoder"),
    assemble: |_, _, _, _| Vec::new(),
    failure: |_, _| Vec::new(),
    shown_usage: |_| None,
};

fn unwritten() -> Refusal {
    Refusal::new(Code::Unsupported, "this dialect is not written yet")
}
