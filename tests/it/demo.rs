//! `tollgate demo --json`, started and stopped by a test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running demo; it ends with this value.
pub(crate) struct Demo {
    child: Child,
    /// `http://127.0.0.1:…/v1`.
    pub(crate) base_url: String,
    /// The key of this run.
    pub(crate) key: String,
    /// Where its metrics are.
    pub(crate) metrics_url: String,
}

impl Demo {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["demo", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it says that it is ready");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("in one line of JSON");
        let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("`{name}` in {line}")).to_owned();
        Self { base_url: text("base_url"), key: text("key"), metrics_url: text("metrics_url"), child }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
