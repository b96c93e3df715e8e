//! The load: prebuilt requests over kept connections on one thread, every answer checked.
//!
//! It shares the machine with what it measures, so it does as little as it can. It never opens a
//! second connection for a failed one: a failure ends the run.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::answer::Answer;
use crate::contender::Way;
use crate::shape::Shape;

/// Longer than any answer takes on a machine that is not stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one paced answer takes: its connections begin spread over this, not all at once.
const PACED_SPAN: Duration = Duration::from_millis(200);

/// How much to ask, and how.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) shape: Shape,
    pub(crate) until: Until,
}

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Elapsed(Duration),
    Requests(u64),
}

impl Until {
    /// The longest that a run may take, at a thousand requests per second or more.
    fn limit(self) -> Duration {
        match self {
            Self::Elapsed(span) => span + PATIENCE,
            Self::Requests(all) => Duration::from_millis(all) + PATIENCE,
        }
    }
}

/// What was measured. Times are in microseconds, ascending; a run is short enough to keep them all.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    /// From the request written to the last byte of its answer.
    pub(crate) latencies: Vec<u32>,
    /// From the request written to the first event with content.
    pub(crate) first: Vec<u32>,
    /// Events with content.
    pub(crate) events: u64,
    /// CPU time of the contender's process.
    pub(crate) cpu_micros: u64,
}

/// Runs a load over connections that are open before the clock starts.
pub(crate) fn run(way: &Way<'_>, load: Load) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = async {
        let streams = connect(way.address, load.connections).await?;
        let cpu = way.process.cpu_micros()?;
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        let request: Rc<[u8]> = way.request.as_slice().into();
        for (number, stream) in (0..).zip(streams) {
            tasks.spawn_local(talk(stream, Rc::clone(&request), load.shape, Turn::of(load, number, began)));
        }
        let limit = load.until.limit();
        let mut outcome = tokio::time::timeout(limit, gather(tasks)).await.context("the load took too long")??;
        outcome.seconds = began.elapsed().as_secs_f64();
        outcome.cpu_micros = way.process.cpu_micros()?.saturating_sub(cpu);
        Ok(outcome)
    };
    let measured: anyhow::Result<Outcome> = LocalSet::new().block_on(&runtime, measured);
    measured
        .with_context(|| format!("{}, {:?} over {} connections", way.contender.title(), load.shape, load.connections))
}

async fn connect(address: SocketAddr, connections: u32) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    Ok(streams)
}

async fn gather(mut tasks: JoinSet<anyhow::Result<Outcome>>) -> anyhow::Result<Outcome> {
    let mut all = Outcome::default();
    while let Some(part) = tasks.join_next().await {
        let part = part??;
        all.latencies.extend(part.latencies);
        all.first.extend(part.first);
        all.events += part.events;
    }
    all.latencies.sort_unstable();
    all.first.sort_unstable();
    Ok(all)
}

/// What one connection does of the load.
struct Turn {
    starts_after: Duration,
    requests: u64,
    ends: Option<Instant>,
}

impl Turn {
    fn of(load: Load, number: u32, began: Instant) -> Self {
        let all = u64::from(load.connections);
        let (requests, ends) = match load.until {
            Until::Requests(sum) => (sum / all + u64::from(sum % all > u64::from(number)), None),
            Until::Elapsed(span) => (u64::MAX, Some(began + span)),
        };
        let starts_after = if matches!(load.shape, Shape::Paced | Shape::Sparse) {
            PACED_SPAN * number / load.connections
        } else {
            Duration::ZERO
        };
        Self { starts_after, requests, ends }
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|end| Instant::now() >= end)
    }
}

async fn talk(mut stream: TcpStream, request: Rc<[u8]>, shape: Shape, turn: Turn) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut answer = Answer::new(shape.expect());
    if !turn.starts_after.is_zero() {
        tokio::time::sleep(turn.starts_after).await;
    }
    for _ in 0..turn.requests {
        if turn.is_over() {
            break;
        }
        stream.write_all(&request).await?;
        exchange(&mut stream, &mut answer, &mut outcome).await?;
        answer.reset();
    }
    Ok(outcome)
}

/// Reads one answer. The clock starts when the request has been written.
async fn exchange(stream: &mut TcpStream, answer: &mut Answer, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (written, mut content) = (Instant::now(), 0);
    loop {
        if stream.read_buf(answer.room()).await? == 0 {
            bail!(
                "the connection closed {} bytes into an answer, {} µs after the request",
                answer.came(),
                micros(written)
            );
        }
        let whole = answer.advance()?;
        if content == 0 && answer.content() > 0 {
            outcome.first.push(micros(written));
        }
        content = answer.content();
        if whole {
            outcome.latencies.push(micros(written));
            outcome.events += content as u64;
            return Ok(());
        }
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}
