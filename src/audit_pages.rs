//! `/v1/audit/…`: what a key may see of its tenant's log. Everything is read from files, off the workers.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pingora::proxy::Session;
use serde::Serialize;
use tollgate_api::{Code, Refusal};
use tollgate_audit::hash::hex_into;
use tollgate_audit::shelf::Shelf;

use crate::gateway::Gateway;
use crate::identify::identify;
use crate::off_worker::off_worker;
use crate::pipeline::End;
use crate::reply::{self, Envelope};

/// What of the log is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The newest signed checkpoint.
    Checkpoint,
    /// A record, by its place.
    Record(u64),
    /// The receipt of a request.
    Receipt([u8; 16]),
    /// That a record is in the log.
    Inclusion { seq: u64, size: Option<u64> },
    /// That the log only grew.
    Consistency { old: u64, new: Option<u64> },
}

impl Page {
    /// Reads the part of the path after `audit/`, and the query.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Option<Self> {
        let number = |name: &str| {
            let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok())
        };
        match path {
            "checkpoint" => Some(Self::Checkpoint),
            "proofs/inclusion" => Some(Self::Inclusion { seq: number("seq")?, size: number("size") }),
            "proofs/consistency" => Some(Self::Consistency { old: number("old")?, new: number("new") }),
            path => match path.split_once('/')? {
                ("records", seq) => seq.parse().ok().map(Self::Record),
                ("receipts", id) => request_id(id).map(Self::Receipt),
                _ => None,
            },
        }
    }
}

/// The bytes of a request id.
pub(crate) fn request_id(text: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    // Zeros stand in the index for what is not a request.
    (hex_into(text.strip_prefix("req_")?, &mut id) && id != [0; 16]).then_some(id)
}

/// Answers.
pub(crate) async fn serve(gateway: &Arc<Gateway>, session: &mut Session, page: Page) -> pingora::Result<()> {
    let live = gateway.live.load_full();
    let holder = match identify(gateway, &live, session, Instant::now()).await {
        Ok(holder) => holder,
        Err(End::Refused(refusal)) => {
            gateway.metrics.refused(refusal.code);
            return reply::refuse(session, &refusal, Envelope::OpenAi).await;
        }
        Err(_) => return Err(pingora::Error::new(pingora::ErrorType::ConnectionClosed).into_down()),
    };
    let Some(books) = &live.books else {
        let none = Refusal::new(Code::RecordNotFound, "this gateway keeps no audit log (`audit.mode: off`)");
        return reply::refuse(session, &none, Envelope::OpenAi).await;
    };
    let Some(log) = holder.tenant.known_log() else {
        let none = Refusal::new(Code::RecordNotFound, "your tenant has called no model yet, and has no log");
        return reply::refuse(session, &none, Envelope::OpenAi).await;
    };
    let shelf = books.audit.shelf(log);
    match off_worker(move || read(&shelf, page)).await {
        Ok((kind, text)) => reply::whole(session, 200, kind, [], text).await,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let none = Refusal::new(Code::RecordNotFound, error.to_string()).retry_after(Duration::from_secs(1));
            reply::refuse(session, &none, Envelope::OpenAi).await
        }
        Err(error) => {
            tracing::error!(%error, "the audit log could not be read");
            reply::refuse(session, &Refusal::new(Code::Internal, "the audit log could not be read"), Envelope::OpenAi)
                .await
        }
    }
}

fn read(shelf: &Shelf, page: Page) -> io::Result<(&'static str, Bytes)> {
    let none = |what: &str| io::Error::new(io::ErrorKind::NotFound, what.to_owned());
    match page {
        Page::Checkpoint => {
            let text = shelf.checkpoint()?.ok_or_else(|| none("nothing is signed yet"))?;
            Ok(("text/plain; charset=utf-8", text.into()))
        }
        Page::Record(seq) if seq < shelf.signed()? => {
            let leaf = shelf.leaf(seq).map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => none("the record was purged"),
                _ => e,
            })?;
            Ok(("application/json", leaf.into()))
        }
        Page::Record(_) => Err(none("no signed record has that number")),
        Page::Receipt(id) => json(&shelf.receipt_of(&id)?),
        Page::Inclusion { seq, size } => json(&shelf.prove_inclusion(seq, size)?),
        Page::Consistency { old, new } => json(&shelf.prove_consistency(old, new)?),
    }
}

fn json(value: &impl Serialize) -> io::Result<(&'static str, Bytes)> {
    Ok(("application/json", serde_json::to_vec(value)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_from_path_and_query() {
        assert_eq!(Page::parse("checkpoint", None), Some(Page::Checkpoint));
        assert_eq!(Page::parse("records/7", None), Some(Page::Record(7)));
        assert!(Page::parse("receipts/req_00000000000000000000000000000001", None).is_some());
        let asked = Page::parse("proofs/inclusion", Some("size=9&seq=3"));
        assert_eq!(asked, Some(Page::Inclusion { seq: 3, size: Some(9) }));
        assert_eq!(Page::parse("proofs/consistency", Some("old=3")), Some(Page::Consistency { old: 3, new: None }));
        for (path, query) in [("records/x", None), ("receipts/req_1", None), ("proofs/inclusion", None), ("", None)] {
            assert_eq!(Page::parse(path, query), None, "{path}");
        }
    }
}
