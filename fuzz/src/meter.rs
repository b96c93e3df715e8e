//! Usage: found in any body without a panic, and the same whether the body is looked at or read.

use tollgate_api::Event;
use tollgate_translate::Dialect;

use crate::speakers;

/// The target.
pub fn meter(input: &[u8]) {
    let Some((&who, body)) = input.split_first() else { return };
    let _ = Dialect::ALL.map(|dialect| dialect.usage(body));
    let error = Dialect::OpenAi.error(u16::from(who) + 400, body);
    assert!(error.message.chars().count() <= 512 && !error.message.contains('\n'));
    let dialect = speakers::dialect(who);
    let mut events = Vec::new();
    if dialect.whole(body, &mut events).is_err() {
        return;
    }
    let read = events.iter().rev().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None });
    if let Some(read) = read {
        assert_eq!(dialect.usage(body), Some(read), "{dialect}");
    }
}
