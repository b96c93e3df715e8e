//! Addresses, certificates, sizes, the log. Whether a certificate fits its key, TLS itself says.

use std::net::SocketAddr;

use tollgate_translate::Dialect;

use crate::checked::{Audit, Listen, Log, Server, Tls, Witness};
use crate::defaults;
use crate::file::{AuditFile, ListenFile, LogFile, ServerFile, Text, TlsFile, WitnessFile};
use crate::located::Located;

use super::Desk;
use super::providers::base;

/// A file of the audit journal.
const JOURNAL_FILE: u64 = 16 << 20;
const JOURNAL_FILE_MIN: u64 = 1 << 20;
/// A body is held in memory whole.
const BODY_MAX: u64 = 1 << 30;
/// More addresses than anyone needs.
const LISTEN_MAX: usize = 64;
/// More threads than any machine here has cores.
const THREADS_MAX: usize = 1024;

pub(super) fn server(file: ServerFile, desk: &mut Desk<'_>) -> Option<Server> {
    let ServerFile {
        listen,
        ops,
        threads,
        max_body,
        read_timeout,
        header_timeout,
        keepalive,
        write_timeout,
        shutdown_delay,
        drain,
        idle_upstream_connections,
    } = file;
    let listen = listeners(listen, desk);
    let ops_address = address(&ops, desk);
    if let Some(ops_address) = ops_address
        && listen.iter().any(|listener| collide(listener.address, ops_address))
    {
        let what = format!("`server.ops` is {ops_address}, where clients are served already");
        desk.note(&ops, what, "give health and metrics a port of their own");
    }
    if !(1..=BODY_MAX).contains(&max_body.0) {
        desk.note(&max_body, "a body is held in memory: `max_body` is between 1 byte and 1GiB", "write `32MiB`, say");
    }
    if let Some(threads) = threads.filter(|threads| threads.value.get() > THREADS_MAX) {
        desk.note(&threads, format!("at most {THREADS_MAX} threads"), "leave it out for as many as there are cores");
    }
    Some(Server {
        listen,
        ops: Some(ops_address?),
        threads: threads.map(|threads| threads.value),
        max_body: usize::try_from(max_body.0).ok()?,
        read_timeout: read_timeout.0,
        header_timeout: header_timeout.0,
        keepalive: keepalive.0,
        write_timeout: write_timeout.0,
        shutdown_delay: shutdown_delay.map(|delay| delay.0),
        drain: drain.0,
        idle_upstream_connections: idle_upstream_connections.get(),
    })
}

fn listeners(file: Vec<Located<ListenFile>>, desk: &mut Desk<'_>) -> Vec<Listen> {
    let mut listen: Vec<Listen> = Vec::new();
    let defaults =
        || vec![Located::nowhere(ListenFile { address: Located::nowhere(defaults::LISTEN.into()), tls: None })];
    if let Some(extra) = file.get(LISTEN_MAX) {
        desk.note(
            extra,
            format!("at most {LISTEN_MAX} addresses"),
            "listen on `0.0.0.0` or `[::]` for every interface",
        );
    }
    for listener in if file.is_empty() { defaults() } else { file }.into_iter().take(LISTEN_MAX) {
        let ListenFile { address: text, tls } = listener.value;
        let tls = tls.and_then(|tls| certificate(&tls, desk));
        let Some(address) = address(&text, desk) else { continue };
        if listen.iter().any(|other| collide(other.address, address)) {
            desk.note(&text, format!("`{address}` is taken by an address above"), "remove one, or change its port");
        }
        listen.push(Listen { address, tls });
    }
    listen
}

/// Whether two addresses cannot be listened on at once. Port 0 is any free one.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && same_ip
}

pub(super) fn address(text: &Text, desk: &mut Desk<'_>) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let what = format!("`{}` is no IP address with a port", desk.shown(text));
        desk.note(text, what, "write `127.0.0.1:4000`, or `0.0.0.0:4000` for every interface");
    }
    parsed
}

fn certificate(tls: &TlsFile, desk: &mut Desk<'_>) -> Option<Tls> {
    let TlsFile { cert, key } = tls;
    let (cert_file, cert_text) = desk.file(cert, "the certificate")?;
    if !cert_text.contains("-----BEGIN CERTIFICATE-----") {
        desk.note(
            cert,
            "there is no PEM certificate in this file",
            "name the file that begins with `-----BEGIN CERTIFICATE-----`",
        );
    }
    let (key_file, key_text) = desk.file(key, "the private key")?;
    if !key_text.contains("PRIVATE KEY-----") {
        desk.note(
            key,
            "there is no PEM private key in this file",
            "name the file that begins with `-----BEGIN PRIVATE KEY-----`",
        );
    }
    Some(Tls { cert: cert_file, key: key_file })
}

pub(super) fn log(file: LogFile, desk: &Desk<'_>) -> Log {
    let LogFile { level, requests, file, format } = file;
    Log { level, requests, file: file.map(|path| desk.reads.resolve(&path)), format }
}

pub(super) fn audit(file: &AuditFile, desk: &mut Desk<'_>) -> Audit {
    let AuditFile { mode, retention_days, detail_retention_days, keep_ip, witnesses, journal_file } = file;
    if let Some(size) = journal_file.as_ref().filter(|size| size.value.0 < JOURNAL_FILE_MIN) {
        desk.note(size, "a file of the journal is at least 1MiB long", "write `16MiB`");
    }
    Audit {
        mode: *mode,
        retention_days: retention_days.map(Into::into),
        detail_retention_days: detail_retention_days.map(Into::into),
        keep_ip: keep_ip.unwrap_or(true),
        witnesses: witnesses.iter().filter_map(|witness| self::witness(witness, desk)).collect(),
        journal_file: journal_file.as_ref().map_or(JOURNAL_FILE, |size| size.value.0),
    }
}

fn witness(file: &WitnessFile, desk: &mut Desk<'_>) -> Option<Witness> {
    let WitnessFile { url, key } = file;
    let base = base(url, Some(Dialect::OpenAi), desk)?;
    let is_key = key.splitn(3, '+').filter(|part| !part.is_empty()).count() == 3;
    if !is_key {
        desk.note(key, "this is not a verifier key", "copy what `tollgate witness` prints when it starts");
    }
    let at = desk.document.at(key.place);
    is_key.then(|| Witness { url: url.value.clone(), base, key: key.value.clone(), at })
}
