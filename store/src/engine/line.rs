//! One connection to PostgreSQL, on a thread of its own. Whoever asks waits a bounded time: a server that
//! is stopped or cut off keeps the thread, never the one who asked.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, NoTls, Statement};
use secrecy::ExposeSecret;

use super::address::Server;
use super::row::{Row, Value};
use super::tx::{Fault, Session};

/// A little longer than the server itself takes to give up a connection or a statement.
const CONNECT: Duration = Duration::from_secs(6);
const BEGIN: Duration = Duration::from_secs(4);
const STATEMENT: Duration = Duration::from_secs(8);
const LONG: Duration = Duration::from_secs(600);
/// Connections that hang in a server that does not answer, beside those in use.
const THREADS_MAX: usize = 16;

/// Money is at stake: a commit is on disk when it is answered.
const GREETING: &str = "SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s'; \
    SET client_min_messages = warning; SET synchronous_commit = on; SET bytea_output = hex";

enum Job {
    Query(String, Vec<Value>),
    Execute(String, Vec<Value>),
    Batch(String),
}

enum Answer {
    Rows(Vec<Row>),
    Count(u64),
}

type Reply = Result<Answer, Fault>;

/// The near end of a connection.
pub(super) struct Line {
    jobs: Sender<(Job, Sender<Reply>)>,
    patience: Duration,
    /// Whether it must not be used again.
    pub(super) spent: bool,
}

impl Line {
    pub(super) fn connect(server: &Arc<Server>, threads: &Arc<AtomicUsize>) -> Result<Self, Fault> {
        let alive = Alive::one_more(threads)
            .ok_or_else(|| Fault::Silent(format!("{} does not answer, and {THREADS_MAX} wait for it", server.name)))?;
        let (jobs, inbox) = mpsc::channel::<(Job, Sender<Reply>)>();
        let (greeted, greeting) = mpsc::channel::<Result<(), Fault>>();
        let far = Arc::clone(server);
        let run = move || {
            let _alive = alive;
            let mut end = match FarEnd::connect(&far) {
                Ok(end) => end,
                Err(fault) => return drop(greeted.send(Err(fault))),
            };
            // Nobody waits any more: then nobody will ask either.
            if greeted.send(Ok(())).is_err() {
                return;
            }
            for (job, reply) in inbox {
                let sent = reply.send(end.answer(job));
                if sent.is_err() || end.client.is_closed() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("store-pg".into())
            .spawn(run)
            .map_err(|error| Fault::Lost(format!("no thread for a connection: {error}")))?;
        match greeting.recv_timeout(CONNECT) {
            Ok(Ok(())) => Ok(Self { jobs, patience: STATEMENT, spent: false }),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::Silent(format!("{} does not greet", server.name))),
        }
    }

    pub(super) fn begin(&mut self, words: &str, long: bool) -> Result<(), Fault> {
        self.patience = BEGIN;
        let begun = self.ask(Job::Batch(words.to_owned()));
        self.patience = if long { LONG } else { STATEMENT };
        begun.map(drop)
    }

    fn ask(&mut self, job: Job) -> Reply {
        let (reply, answer) = mpsc::channel();
        let answered = match self.jobs.send((job, reply)) {
            Ok(()) => answer.recv_timeout(self.patience),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        let reply = match answered {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Disconnected) => Err(Fault::Lost("the connection was closed".into())),
            Err(RecvTimeoutError::Timeout) => Err(Fault::Silent("the server stopped answering".into())),
        };
        self.spent |= matches!(reply, Err(Fault::Lost(_) | Fault::Silent(_)));
        reply
    }
}

impl Session for Line {
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Fault> {
        match self.ask(Job::Query(sql.to_owned(), values.to_vec()))? {
            Answer::Rows(rows) => Ok(rows),
            Answer::Count(_) => Ok(Vec::new()),
        }
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Fault> {
        match self.ask(Job::Execute(sql.to_owned(), values.to_vec()))? {
            Answer::Rows(_) => Ok(0),
            Answer::Count(count) => Ok(count),
        }
    }

    /// Texts sort by their bytes, as in SQLite, whatever the language of the database is.
    fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        self.ask(Job::Batch(sql.replace(" TEXT", " TEXT COLLATE \"C\""))).map(drop)
    }

    fn migrate_alone(&mut self) -> Result<(), Fault> {
        // "tollgate" in the digits of a telephone.
        self.ask(Job::Batch("SELECT pg_advisory_xact_lock(86554283)".into())).map(drop)
    }

    fn lock_words(&self) -> &'static str {
        "FOR UPDATE"
    }
}

/// Counts the threads that hold or seek a connection.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn one_more(threads: &Arc<AtomicUsize>) -> Option<Self> {
        let more = |count| if count < THREADS_MAX { Some(count + 1) } else { None };
        threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(Arc::clone(threads)))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The end that holds the socket.
struct FarEnd {
    client: Client,
    prepared: HashMap<String, Statement>,
    server: Arc<Server>,
}

impl FarEnd {
    fn connect(server: &Arc<Server>) -> Result<Self, Fault> {
        let client = match &server.tls {
            Some(tls) => server.config.connect(tls.clone()),
            None => server.config.connect(NoTls),
        };
        let mut client = client.map_err(|error| Fault::Lost(words(server, &error)))?;
        client.batch_execute(GREETING).map_err(|error| Fault::Lost(words(server, &error)))?;
        Ok(Self { client, prepared: HashMap::new(), server: Arc::clone(server) })
    }

    fn answer(&mut self, job: Job) -> Reply {
        let done = match job {
            Job::Batch(sql) => self.client.batch_execute(&sql).map(|()| Answer::Count(0)),
            Job::Execute(sql, values) => self
                .statement(&sql)
                .and_then(|statement| self.client.execute(&statement, &parameters(&values)).map(Answer::Count)),
            Job::Query(sql, values) => {
                let rows = self.statement(&sql).and_then(|found| self.client.query(&found, &parameters(&values)));
                match rows {
                    Ok(rows) => return rows.iter().map(row).collect::<Result<_, _>>().map(Answer::Rows),
                    Err(error) => Err(error),
                }
            }
        };
        done.map_err(|error| self.fault(&error))
    }

    /// Our statements are few and fixed, so each is prepared once.
    fn statement(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(known) = self.prepared.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn fault(&self, error: &postgres::Error) -> Fault {
        let words = words(&self.server, error);
        let Some(code) = error.code() else {
            let ours = error.source().is_some_and(|source| source.is::<WrongKind>());
            return if ours { Fault::Wrong(words) } else { Fault::Lost(words) };
        };
        match code.code() {
            "40001" | "40P01" | "55P03" => Fault::Again(words),
            // A failed-over server is read-only for us; it will not do.
            "25006" => Fault::Lost(words),
            code if ["08", "53", "57", "58"].contains(&&code[..2]) => Fault::Lost(words),
            _ => Fault::Wrong(words),
        }
    }
}

/// The error and what caused it, without the password.
fn words(server: &Server, error: &postgres::Error) -> String {
    let mut words = format!("{}: {error}", server.name);
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let more = deeper.to_string();
        if !words.contains(&more) {
            words.push_str(": ");
            words.push_str(&more);
        }
        cause = deeper.source();
    }
    match server.password.as_ref().map(ExposeSecret::expose_secret) {
        Some(password) if !password.is_empty() => words.replace(password, "…"),
        _ => words,
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// A value was given where the column is of another kind.
#[derive(Debug, thiserror::Error)]
#[error("a value is not of the kind of its column")]
struct WrongKind;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *kind == Type::INT8 => value.to_sql(kind, out),
            Self::Text(value) if *kind == Type::TEXT => value.to_sql(kind, out),
            Self::Bytes(value) if *kind == Type::BYTEA => value.to_sql(kind, out),
            _ => Err(Box::new(WrongKind)),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

fn row(from: &postgres::Row) -> Result<Row, Fault> {
    let value = |at: usize| {
        let kind = from.columns()[at].type_();
        let value = if *kind == Type::INT8 {
            from.try_get::<_, Option<i64>>(at).map(|value| value.map(Value::Int))
        } else if *kind == Type::TEXT {
            from.try_get::<_, Option<String>>(at).map(|value| value.map(Value::Text))
        } else if *kind == Type::BYTEA {
            from.try_get::<_, Option<Vec<u8>>>(at).map(|value| value.map(Value::Bytes))
        } else {
            return Err(Fault::Wrong(format!("column {at} is of the kind {kind}")));
        };
        value.map(|value| value.unwrap_or(Value::Null)).map_err(|error| Fault::Wrong(error.to_string()))
    };
    (0..from.len()).map(value).collect::<Result<_, _>>().map(Row)
}
