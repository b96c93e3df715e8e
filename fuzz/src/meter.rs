//! Usage: found in any body without a panic, and the same whether the body is looked at, read, or goes by in pieces.

use tollgate_api::Event;
use tollgate_translate::{Dialect, Passing};

use crate::speakers;

/// The target.
pub fn meter(input: &[u8]) {
    let Some((&who, body)) = input.split_first() else { return };
    let _ = Dialect::ALL.map(|dialect| dialect.usage(body));
    let error = Dialect::OpenAi.error(u16::from(who) + 400, body);
    assert!(error.message.chars().count() <= 512 && !error.message.contains('\n'));
    let dialect = speakers::dialect(who);
    goes_by(dialect, body);
    let mut events = Vec::new();
    if dialect.whole(body, &mut events).is_err() {
        return;
    }
    let read = events.iter().rev().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None });
    if let Some(read) = read {
        assert_eq!(dialect.usage(body), Some(read), "{dialect}");
    }
}

fn goes_by(dialect: Dialect, body: &[u8]) {
    for kind in ["application/json", "text/event-stream", "application/vnd.amazon.eventstream"] {
        let [whole, cut] = [body.len().max(1), 7].map(|length| {
            let mut passing = Passing::new(dialect, |name| (name == "content-type").then_some(kind));
            body.chunks(length).for_each(|piece| passing.read(piece));
            passing.finish()
        });
        assert_eq!(whole, cut, "{dialect}, {kind}");
    }
}
