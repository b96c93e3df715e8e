//! How much a node borrows, and what it gives back. Pure.
//!
//! Far from the limit it borrows ahead, so that requests need not wait; near it, only what is needed
//! now, so that nothing lies idle at one node while another refuses.

use crate::{Drawer, Standing};

/// What to ask the ledger for, when requests need at least and at most so much: (least, most).
#[must_use]
pub fn lend(standing: &Standing, least: i64, most: i64) -> (i64, i64) {
    let room = standing.limit - standing.spent - standing.pending();
    // A twentieth of the limit, but no more than a quarter of what nobody has yet.
    let ahead = (standing.limit / 20).min(room / 4).max(0);
    (least, most.max(least).max(ahead))
}

/// What of a drawer to give back. `is_used` says whether anything was taken since the last look.
///
/// Near the limit (a fifth of it is left to lend) everything that nobody took lately goes back; far from it
/// only what has been idle for long.
#[must_use]
pub fn idle(drawer: &Drawer, is_used: bool, is_long: bool) -> i64 {
    let standing = drawer.standing();
    let lendable = standing.limit - standing.spent - standing.pending() - drawer.left();
    let is_scarce = lendable < standing.limit / 5;
    match (is_used, is_scarce) {
        (false, true) => drawer.left(),
        (false, false) if is_long => drawer.left(),
        // In use and scarce: what one more of the size of those that are open would need stays.
        (true, true) => {
            let each = standing.held / i64::from(drawer.open().max(1));
            (drawer.left() - each.max(standing.limit / 100)).max(0)
        }
        _ => 0,
    }
}
