//! One structured line per request, written by a thread of its own. No content, no secret.
//!
//! Workers append a finished line to a shared buffer and go on: no wake-up, no system call. The
//! buffer is bounded; when its reader is too slow, lines are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much may wait to be written.
const BUFFER_BYTES_MAX: usize = 8 << 20;
/// How long a line waits at most.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// Where lines go.
pub(crate) struct RequestLog {
    waiting: Mutex<Vec<u8>>,
    out: Mutex<Box<dyn Write + Send>>,
    dropped: prometheus::IntCounter,
}

impl RequestLog {
    /// Writes to standard output, or appends to a file.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub(crate) fn open(file: Option<&Path>, dropped: prometheus::IntCounter) -> io::Result<Arc<Self>> {
        let out: Box<dyn Write + Send> = match file {
            Some(path) => Box::new(append(path)?),
            None => Box::new(io::stdout()),
        };
        let log = Arc::new(Self { waiting: Mutex::new(Vec::new()), out: Mutex::new(out), dropped });
        let writer = Arc::downgrade(&log);
        std::thread::Builder::new().name("request-log".into()).spawn(move || {
            while let Some(log) = writer.upgrade() {
                log.flush();
                drop(log);
                std::thread::sleep(FLUSH_EVERY);
            }
        })?;
        Ok(log)
    }

    /// Queues one line; `line` ends with a newline.
    pub(crate) fn append(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + line.len() > BUFFER_BYTES_MAX {
            self.dropped.inc();
            return;
        }
        waiting.extend_from_slice(line);
    }

    /// Writes what waits. Called by the thread, and once more before the process ends.
    pub(crate) fn flush(&self) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            return;
        }
        if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
            self.dropped.inc_by(lines.iter().filter(|b| **b == b'\n').count() as u64);
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_dropped_and_counted_rather_than_kept_without_bound() {
        let dropped = prometheus::IntCounter::new("dropped", "dropped").expect("a valid name");
        let log = RequestLog {
            waiting: Mutex::new(Vec::new()),
            out: Mutex::new(Box::new(io::sink())),
            dropped: dropped.clone(),
        };
        let line = vec![b'x'; BUFFER_BYTES_MAX / 2];
        log.append(&line);
        log.append(&line);
        log.append(b"one more\n");
        assert_eq!(dropped.get(), 1);
        log.flush();
        log.append(b"fits again\n");
        assert_eq!(dropped.get(), 1);
    }
}
