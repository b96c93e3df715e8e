//! Requests: a surface reads or refuses; what one dialect reads another writes or refuses; what was
//! written is read again; and what a vendor would refuse is left out at once.

use bytes::Bytes;
use tollgate_api::{Address, Call, Code, Edits, Framing, Surface};
use tollgate_translate::{
    Dialect, Losses, Seals, Unsealing, request as client, splice, unsealed, unsealing, without_nulls,
};

use crate::speakers::{self, pick};

/// The target: a byte that says by which surface, in which dialect, and whether what cannot be said
/// may be dropped; and the body.
pub fn request(input: &[u8]) {
    let Some((&how, body)) = input.split_first() else { return };
    ask(how, body);
    let dialect = speakers::dialect(how >> 3 & 7);
    let mut losses = Losses::new(how & 0x80 != 0);
    let Ok(request) = dialect.read(body, &[], &mut losses) else { return };
    for other in Dialect::ALL {
        if let Ok(written) = other.write(&request, &mut losses) {
            read_again(other, &written, dialect);
        }
    }
}

/// The way of a client's request.
fn ask(how: u8, body: &[u8]) {
    let surface = pick(&Surface::ALL, how & 7);
    let in_path = matches!(surface, Surface::GenerateContent | Surface::Converse).then_some(());
    let model = in_path.map(|()| "m".into());
    let address = Address { surface, model, stream: in_path.map(|()| true), framing: Framing::Sse };
    let Ok(call) = client::read(&address, Bytes::copy_from_slice(body)) else { return };
    assert!(call.body.get(call.spans.messages.clone()).is_some_and(|span| !span.is_empty()));
    for seals in [Seals::Unmarked, Seals::None] {
        leave_out(&call, |conversation| unsealed(&call, conversation, seals));
        // What is only looked through misses nothing.
        let is_in_place = unsealing(surface, call.messages(), seals) == Unsealing::InPlace;
        assert!(is_in_place || unsealed(&call, call.messages(), seals).is_empty() || is_escaped(call.messages()));
    }
    leave_out(&call, without_nulls);
    let Some(spoken) = Dialect::of(surface) else { return };
    for other in Dialect::ALL {
        if let Ok(said) = other.request(&call, &[], "m") {
            // Tools that a vendor runs are left out beside a client's own.
            assert!(call.drop_unsupported || said.dropped.iter().all(|name| name.starts_with("tools")));
            read_again(other, &said.body, spoken);
        }
    }
}

/// Whether a name or a seal may be spelled so that only whoever reads the conversation finds it.
fn is_escaped(conversation: &[u8]) -> bool {
    conversation.contains(&b'\\')
}

/// What these edits take out of a conversation is out, and what is left can be sent.
fn leave_out(call: &Call, edits: impl Fn(&[u8]) -> Edits) {
    let edited = edits(call.messages());
    let Some(conversation) = edited.first().and_then(|edit| edit.value.as_deref()) else { return };
    assert_eq!(edits(conversation.as_bytes()), Edits::new(), "some of it was left");
    let sent = splice(call, &edited, None, false);
    serde_json::from_slice::<&serde_json::value::RawValue>(&sent).expect("what is sent is JSON");
}

/// What was written in a dialect is of that dialect.
fn read_again(dialect: Dialect, written: &[u8], from: Dialect) {
    match dialect.read(written, &[], &mut Losses::new(true)) {
        Ok(_) => {}
        Err(refusal) if refusal.code == Code::Unsupported => {}
        Err(refusal) => panic!("{dialect} refuses what was written from {from}: {}", refusal.message),
    }
}
