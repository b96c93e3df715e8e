//! The two threads behind an open audit log: they are made ready, and set to work. What they do is theirs.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::journal::{Writer, lock};
use crate::notary::{Fault, Notary};
use crate::record::LogId;

/// Has room in the journal, says how far each log can be read, and returns the logs that are empty.
pub(super) fn make_ready(notary: &Notary) -> Vec<LogId> {
    if let Err(Fault::Io(error)) = notary.keep_spares() {
        tracing::error!(%error, "no room for the audit journal: new requests are refused");
    }
    notary.tell_written();
    notary.logs.iter().filter(|(_, kept)| kept.log.size() == 0).map(|(id, _)| *id).collect()
}

/// Starts the two threads. Whichever fails first says so; a notary that fails stops the journal too.
pub(super) fn set_to_work(
    writer: Writer,
    notary: Notary,
    on_failure: Box<dyn FnOnce(String) + Send>,
) -> io::Result<(JoinHandle<()>, JoinHandle<()>)> {
    let on_failure = Arc::new(Mutex::new(Some(on_failure)));
    let shared = Arc::clone(&writer.shared);
    let writing = move || writer.run().map_err(|error| error.to_string());
    let signing = move || {
        notary.run().map_err(|fault| {
            shared.fail();
            match fault {
                Fault::Io(error) => error.to_string(),
                Fault::Integrity(what) => what,
            }
        })
    };
    Ok((spawn("audit-journal", writing, Arc::clone(&on_failure))?, spawn("audit-notary", signing, on_failure)?))
}

type OnFailure = Arc<Mutex<Option<Box<dyn FnOnce(String) + Send>>>>;

fn spawn(
    name: &str,
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
    on_failure: OnFailure,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let Err(what) = work() else { return };
        let told = lock(&on_failure).take();
        if let Some(tell) = told {
            tell(what);
        }
    })
}
