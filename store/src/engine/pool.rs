//! PostgreSQL: a few connections, lent to one transaction each. It waits for no server longer than seconds.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Purpose;
use super::address::Server;
use super::line::Line;
use super::tx::{Fault, Session, Tx};
use crate::error::StoreError;

const LINES: usize = 4;
/// How long a transaction waits for a connection.
const TURN: Duration = Duration::from_secs(10);
/// How often one is tried that lost against another.
const TRIES: u32 = 12;

/// Connections to a server.
pub(crate) struct Pool {
    server: Arc<Server>,
    lines: Mutex<Lines>,
    freed: Condvar,
    threads: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Lines {
    idle: Vec<Line>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(server: Server) -> Self {
        let server = Arc::new(server);
        Self { server, lines: Mutex::default(), freed: Condvar::new(), threads: Arc::default() }
    }

    pub(super) fn transact<T>(
        &self,
        purpose: Purpose,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tries = 1;
        loop {
            let mut lent = self.begin(purpose)?;
            let line = lent.line();
            let mut tx = Tx::new(line);
            let done = body(&mut tx);
            let (again, failed) = (tx.again, tx.failed);
            let (done, again) = match done {
                // The server would roll back and call it a commit.
                Ok(_) if failed => (StoreError::Broken("a statement failed unnoticed".into()), again),
                Ok(value) => match line.batch("COMMIT") {
                    Ok(()) => return Ok(value),
                    Err(fault) => {
                        let again = matches!(fault, Fault::Again(_));
                        (fault.into(), again)
                    }
                },
                Err(error) => (error, again),
            };
            // One that is gone cannot be asked, and is not waited for twice.
            if !line.spent && line.batch("ROLLBACK").is_err() {
                line.spent = true;
            }
            drop(lent);
            if !again || tries == TRIES {
                return Err(done);
            }
            thread::sleep(Duration::from_millis(1 << tries.min(7)));
            tries += 1;
        }
    }

    /// An idle connection may have died unseen, so those are tried until one answers; a new one decides.
    fn begin(&self, purpose: Purpose) -> Result<Lent<'_>, StoreError> {
        let words = match purpose {
            Purpose::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Purpose::LongRead => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0",
            Purpose::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Purpose::LongWrite => "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0",
        };
        loop {
            let (mut lent, new) = self.lend()?;
            match lent.line().begin(words, purpose.is_long()) {
                Ok(()) => return Ok(lent),
                Err(Fault::Lost(_)) if !new => {}
                Err(fault) => {
                    self.own().idle.clear();
                    return Err(fault.into());
                }
            }
        }
    }

    fn lend(&self) -> Result<(Lent<'_>, bool), StoreError> {
        let until = Instant::now() + TURN;
        let mut lines = self.own();
        loop {
            if let Some(line) = lines.idle.pop() {
                lines.lent += 1;
                return Ok((Lent { pool: self, line: Some(line) }, false));
            }
            if lines.lent < LINES {
                lines.lent += 1;
                drop(lines);
                // Gives its place back even if no connection comes about.
                let mut lent = Lent { pool: self, line: None };
                lent.line = Some(Line::connect(&self.server, &self.threads)?);
                return Ok((lent, true));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Unreachable(format!("all {LINES} connections are busy")));
            }
            lines = self.freed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn own(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use, or the place of one.
struct Lent<'a> {
    pool: &'a Pool,
    line: Option<Line>,
}

impl Lent<'_> {
    fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("lend fills it before anyone sees it")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut lines = self.pool.own();
        lines.lent -= 1;
        if let Some(line) = self.line.take().filter(|line| !line.spent && !thread::panicking()) {
            lines.idle.push(line);
        }
        drop(lines);
        self.pool.freed.notify_one();
    }
}
