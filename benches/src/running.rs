//! A process that is measured: started, read from `/proc`, killed at the end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Linux counts CPU time in hundredths of a second on every platform we build for.
const TICK_MICROS: u64 = 10_000;
/// For a process to listen. It may have a million keys to load.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process of ours. It is killed when dropped.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Starts one.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()))?;
        Ok(Self { name, child })
    }

    /// What it is called in the table.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes all that it is told to its standard input, which must be piped, and closes that.
    pub(crate) fn say(&mut self, what: &[u8]) -> anyhow::Result<()> {
        let mut input = self.child.stdin.take().context("its standard input is not piped")?;
        Ok(input.write_all(what)?)
    }

    /// What it says first on its standard output, which must be piped.
    pub(crate) fn first_line(&mut self) -> anyhow::Result<String> {
        let out = self.child.stdout.take().context("its standard output is not piped")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        Ok(line)
    }

    /// Waits until it listens.
    pub(crate) fn listens_at(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended before it listened: {status}", self.name);
            }
            if began.elapsed() > PATIENCE {
                bail!("{} does not listen at {address}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// CPU time so far, user and system, all threads, in microseconds.
    pub(crate) fn cpu_micros(&self) -> anyhow::Result<u64> {
        let stat = self.proc("stat")?;
        // Fields 14 and 15, counted after the command, which may itself hold spaces.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = after.split_whitespace().skip(11).map(str::parse::<u64>);
        let (user, system) = (fields.next().context("utime")??, fields.next().context("stime")??);
        Ok((user + system) * TICK_MICROS)
    }

    /// The most memory it ever had resident, in kilobytes.
    pub(crate) fn peak_kb(&self) -> anyhow::Result<u64> {
        self.memory_kb("VmHWM:")
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> anyhow::Result<usize> {
        let path = format!("/proc/{}/fd", self.pid());
        Ok(fs::read_dir(&path).with_context(|| format!("{path} of {}", self.name))?.count())
    }

    /// How many it may have open; `None` for as many as it likes.
    pub(crate) fn files_max(&self) -> anyhow::Result<Option<usize>> {
        let limits = self.proc("limits")?;
        let value = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
        let value = value.with_context(|| format!("no limit of open files of {}", self.name))?;
        Ok(value.parse().ok())
    }

    /// What it has resident now, in kilobytes.
    pub(crate) fn resident_kb(&self) -> anyhow::Result<u64> {
        self.memory_kb("VmRSS:")
    }

    fn memory_kb(&self, what: &str) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let value = status.lines().find_map(|line| line.strip_prefix(what)?.split_whitespace().next());
        Ok(value.with_context(|| format!("no {what} of {}", self.name))?.parse()?)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.pid());
        fs::read_to_string(&path).with_context(|| format!("{path} of {}", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that may have as many files open as the system lets anyone: a shell raises the limit, and becomes it.
pub(crate) fn roomy(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""]).arg(program);
    command
}

/// A port that is free now; the proxies do not say which one they got.
pub(crate) fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
