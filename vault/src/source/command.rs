//! Master keys that a command prints: a client of a key store, say.
//!
//! It runs the program itself, never a shell, and only what the operator configured.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{LoadError, TEXT_MAX, read, room};
use crate::MasterKeys;

/// How much of a complaint is repeated, in bytes.
const COMPLAINT_MAX: usize = 200;

/// How often it is asked whether a command that closed its output has ended.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn load(words: &[String], limit: Duration) -> Result<MasterKeys, LoadError> {
    let [program, arguments @ ..] = words else { return Err(LoadError::NoProgram) };
    if program.is_empty() {
        return Err(LoadError::NoProgram);
    }
    let not_run = |error: io::Error| LoadError::NotRun { program: program.clone(), why: error.kind() };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_run)?;
    let mut running = Running(child);
    match running.finish(limit).map_err(not_run)? {
        None => Err(LoadError::TimedOut { program: program.clone(), limit }),
        Some(Ended { status, printed, complaint }) if !status.success() => {
            drop(printed);
            Err(LoadError::Failed { program: program.clone(), status, complaint: printable(&complaint) })
        }
        Some(Ended { printed, .. }) => read(&printed),
    }
}

/// A command that is stopped where nobody waits for it any more.
struct Running(Child);

struct Ended {
    status: ExitStatus,
    printed: Zeroizing<Vec<u8>>,
    complaint: Zeroizing<Vec<u8>>,
}

impl Running {
    /// What came of it, or none if it takes longer than this.
    ///
    /// The threads that read end when their pipes close. A grandchild that keeps one open holds
    /// its thread, and no one else.
    fn finish(&mut self, limit: Duration) -> io::Result<Option<Ended>> {
        let deadline = Instant::now().checked_add(limit);
        let left = || deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        let pipe = self.0.stdout.take().expect("standard output is piped");
        let printed = reading(pipe, room(), TEXT_MAX + 1, false)?;
        let pipe = self.0.stderr.take().expect("standard error is piped");
        let complaint = reading(pipe, Zeroizing::default(), COMPLAINT_MAX, true)?;
        let Ok(printed) = printed.recv_timeout(left()) else { return Ok(None) };
        if printed.len() > TEXT_MAX {
            // It may have more to say and never end by itself. `read` refuses the length.
            self.0.kill()?;
            self.0.wait()?;
            return Ok(Some(Ended { status: ExitStatus::default(), printed, complaint: Zeroizing::default() }));
        }
        let status = loop {
            match self.0.try_wait()? {
                Some(status) => break status,
                None if left().is_zero() => return Ok(None),
                None => thread::sleep(PAUSE.min(left())),
            }
        };
        // Not waited for after a success: what the command leaves running may hold this pipe.
        let complaint = if status.success() { None } else { complaint.recv_timeout(left()).ok() };
        Ok(Some(Ended { status, printed, complaint: complaint.unwrap_or_default() }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both are no-ops, or nobody's concern, for a command that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads at most `max` bytes on a thread of its own, and if asked to, lets the rest run dry, so
/// that a command with much to say is not held up.
fn reading(
    mut pipe: impl Read + Send + 'static,
    mut bytes: Zeroizing<Vec<u8>>,
    max: usize,
    drain: bool,
) -> io::Result<Receiver<Zeroizing<Vec<u8>>>> {
    let (send, receive) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // A pipe that breaks ends what was said; the exit status tells whether that was all.
        let _ = pipe.by_ref().take(max as u64).read_to_end(&mut bytes);
        let _ = send.send(bytes);
        if drain {
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
    })?;
    Ok(receive)
}

/// One line, without anything a terminal or a log would obey.
fn printable(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
