//! A Lua script that Redis runs as one step: asked for by its hash, sent whole where it is not known.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Script, ServerErrorKind};

/// One script.
pub(crate) struct Lua {
    text: &'static str,
    hash: String,
}

/// One run of it, with its keys and arguments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) keys: Vec<String>,
    pub(crate) arguments: Vec<String>,
}

impl Lua {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }

    /// Runs it in one round trip, and in two where Redis has lost it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        mut connection: MultiplexedConnection,
        run: &Run,
    ) -> Result<T, RedisError> {
        match command("EVALSHA", &self.hash, run).query_async(&mut connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", self.text, run).query_async(&mut connection).await
            }
            said => said,
        }
    }
}

fn command(name: &str, script: &str, run: &Run) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(run.keys.len()).arg(&run.keys).arg(&run.arguments);
    command
}
