//! The load: prebuilt requests over kept connections, every answer checked.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::contender::Contender;

/// What to ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A whole answer.
    Whole,
    /// Fifty events as fast as they come.
    Burst,
    /// Twenty events, ten milliseconds apart.
    Paced,
}

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Elapsed(Duration),
    Requests(u64),
}

/// What was measured. Times are in microseconds, ascending.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    pub(crate) latencies: Vec<u32>,
    pub(crate) first: Vec<u32>,
    pub(crate) events: u64,
    pub(crate) cpu_micros: u64,
}

impl Outcome {
    pub(crate) fn requests(&self) -> f64 {
        self.latencies.len() as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.requests() / self.seconds
    }

    pub(crate) fn cpu_per_request(&self) -> f64 {
        self.cpu_micros as f64 / self.requests().max(1.0)
    }
}

/// The value below which this share (in per mille) of ascending times lies.
pub(crate) fn quantile(times: &[u32], per_mille: usize) -> f64 {
    let at = (times.len() * per_mille / 1000).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or(0).into()
}

/// Runs a load over so many connections.
pub(crate) fn run(to: &Contender, connections: usize, shape: Shape, until: Until) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request = request(to, shape);
    let cpu = to.cpu_micros();
    let began = Instant::now();
    let parts = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..connections {
            let share = match until {
                Until::Requests(all) => {
                    all / connections as u64 + u64::from((all % connections as u64) > number as u64)
                }
                Until::Elapsed(_) => u64::MAX,
            };
            let deadline = match until {
                Until::Elapsed(span) => Some(began + span),
                Until::Requests(_) => None,
            };
            tasks.spawn(talk(to.address, request.clone(), shape, share, deadline));
        }
        tasks.join_all().await
    });
    let mut outcome = Outcome { seconds: began.elapsed().as_secs_f64(), ..Outcome::default() };
    for part in parts {
        let part = part.with_context(|| format!("load on {}", to.name))?;
        outcome.latencies.extend(part.latencies);
        outcome.first.extend(part.first);
        outcome.events += part.events;
    }
    outcome.cpu_micros = to.cpu_micros() - cpu;
    outcome.latencies.sort_unstable();
    outcome.first.sort_unstable();
    Ok(outcome)
}

/// About 1.45 kB, as a short conversation is.
fn request(to: &Contender, shape: Shape) -> Vec<u8> {
    let path = match shape {
        Shape::Whole => "plain",
        Shape::Burst => "burst",
        Shape::Paced => "paced",
    };
    let stream = if shape == Shape::Whole { "" } else { "\"stream\":true," };
    let model = if to.model == "auto" { "auto" } else { path };
    let words = "Write a short note about the gate and the road behind it. ".repeat(22);
    let body = format!(
        "{{\"model\":\"{model}\",{stream}\"temperature\":0.2,\"messages\":[{{\"role\":\"system\",\"content\":\"You are brief.\"}},{{\"role\":\"user\",\"content\":\"{words}\"}}]}}"
    );
    let place = if to.name.starts_with("tollgate") { String::new() } else { format!("/{path}") };
    format!(
        "POST {place}/v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        to.address,
        to.key,
        body.len()
    )
    .into_bytes()
}

async fn talk(
    address: std::net::SocketAddr,
    request: Vec<u8>,
    shape: Shape,
    share: u64,
    deadline: Option<Instant>,
) -> anyhow::Result<Outcome> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut outcome = Outcome::default();
    let mut buffer = vec![0; 256 << 10];
    for _ in 0..share {
        if deadline.is_some_and(|d| Instant::now() >= d) {
            break;
        }
        let began = Instant::now();
        stream.write_all(&request).await?;
        read_answer(&mut stream, &mut buffer, shape, began, &mut outcome).await?;
        outcome.latencies.push(micros(began));
    }
    Ok(outcome)
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Reads one answer and checks that it is one.
async fn read_answer(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    shape: Shape,
    began: Instant,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let (mut filled, mut seen_first) = (0, false);
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the connection closed in the middle of an answer");
        }
        filled += read;
        let Some(end) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n") else { continue };
        let (head, body) = (&buffer[..end], &buffer[end + 4..filled]);
        if !head.starts_with(b"HTTP/1.1 200") {
            bail!("not a 200: {}", String::from_utf8_lossy(&buffer[..filled.min(600)]));
        }
        if shape == Shape::Whole {
            match length(head) {
                Some(length) if body.len() >= length => return Ok(()),
                Some(_) => continue,
                None => bail!("an answer without its length"),
            }
        }
        if !seen_first && memchr::memmem::find(body, b"\"content\":\" ").is_some() {
            seen_first = true;
            outcome.first.push(micros(began));
        }
        if body.ends_with(b"0\r\n\r\n") {
            if memchr::memmem::find(body, b"data: [DONE]").is_none() {
                bail!("a stream without its end");
            }
            outcome.events += memchr::memmem::find_iter(body, b"data: {").count() as u64;
            return Ok(());
        }
    }
}

fn length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    head.split("\r\n").find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}
