//! Whether to ask Redis: a circuit that opens when it does not answer. It does no I/O.

use std::time::{Duration, Instant};

/// Flowing with a connection, or away, or being probed by one.
#[derive(Debug)]
pub(crate) enum Circuit<C> {
    /// It answers. The number tells this connection from those before.
    Flowing(C, u64),
    /// It did not answer: not to be asked before then.
    Away(Instant),
    /// Somebody looks whether it answers again.
    Probing,
}

/// What a request is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn<C> {
    /// Ask over this connection.
    Ask(C, u64),
    /// Look whether it answers again.
    Probe,
    /// Leave it alone.
    Leave,
}

impl<C: Clone> Circuit<C> {
    pub(crate) fn turn(&mut self, now: Instant) -> Turn<C> {
        match self {
            Self::Flowing(connection, number) => Turn::Ask(connection.clone(), *number),
            Self::Away(until) if now >= *until => {
                *self = Self::Probing;
                Turn::Probe
            }
            Self::Away(_) | Self::Probing => Turn::Leave,
        }
    }

    /// The connection with this number failed. Says whether that opened the circuit: a late word
    /// about a connection long replaced does not.
    pub(crate) fn failed(&mut self, number: u64, now: Instant, pause: Duration) -> bool {
        let current = matches!(self, Self::Flowing(_, n) if *n == number);
        if current {
            *self = Self::Away(now + pause);
        }
        current
    }

    pub(crate) fn is_away(&self) -> bool {
        !matches!(self, Self::Flowing(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn after_a_failure_nobody_asks_for_the_pause_and_then_one_probes() {
        let now = Instant::now();
        let mut circuit = Circuit::Flowing((), 1);
        assert_eq!(circuit.turn(now), Turn::Ask((), 1));
        assert!(circuit.failed(1, now, PAUSE));
        assert_eq!(circuit.turn(now + PAUSE - Duration::from_millis(1)), Turn::Leave);
        assert_eq!(circuit.turn(now + PAUSE), Turn::Probe);
        assert_eq!(circuit.turn(now + PAUSE * 10), Turn::Leave, "one probes, not two");
    }

    #[test]
    fn a_late_failure_of_an_old_connection_opens_nothing() {
        let now = Instant::now();
        let mut circuit = Circuit::Flowing((), 2);
        assert!(!circuit.failed(1, now, PAUSE));
        assert!(!circuit.is_away());
    }
}
