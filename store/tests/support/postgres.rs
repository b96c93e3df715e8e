//! A real PostgreSQL for tests, on a port of its own. It goes when the test binary goes, however it goes: a
//! shell waits for the end of its standard input and takes the server and its folder with it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use super::Folder;

/// What the shell runs: `$1` the folder, `$2` the port, `$3` the programs' folder, the rest how to become
/// another user. Money is not at stake here, so nothing waits for the disk.
const SCRIPT: &str = r#"
dir=$1; port=$2; bin=$3; shift 3
[ -d "$dir/data" ] || "$@" "$bin/initdb" -D "$dir/data" -U tollgate -A trust -E UTF8 --locale=C --no-sync \
    >"$dir/initdb.log" 2>&1
tls=
if [ -f "$dir/server.key" ]; then
    "$@" cp "$dir/server.key" "$dir/data/server.key"
    chmod 600 "$dir/data/server.key"
    tls="-c ssl=on -c ssl_cert_file=$dir/server.crt"
fi
"$@" "$bin/postgres" $tls -D "$dir/data" -p "$port" -k "$dir" -c listen_addresses=127.0.0.1 -c fsync=off \
    -c max_connections=200 -c shared_buffers=32MB >"$dir/postgres.log" 2>&1 </dev/null &
server=$!
read -r end
kill -INT "$server"
wait "$server"
[ "$end" = keep ] || rm -rf "$dir"
"#;

/// A server.
pub(crate) struct Postgres {
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    shell: Option<(Child, ChildStdin)>,
}

/// The server that all tests share, each with a database of its own.
pub(crate) fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

impl Postgres {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With files beside it: `server.crt` and `server.key` make it speak TLS.
    pub(crate) fn start_with(files: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let folder = Folder::new();
        let path = folder.0.clone();
        std::mem::forget(folder);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).expect("a folder for all");
        for (name, text) in files {
            std::fs::write(path.join(name), text).expect("a file");
        }
        let mut server = Self { port, folder: path, shell: None };
        server.run();
        server
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&self.folder)
            .arg(self.port.to_string())
            .arg(programs())
            .args(as_another_user())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = shell.stdin.take().expect("a pipe to it");
        self.shell = Some((shell, input));
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = Client::connect(&self.url("postgres"), NoTls) {
            assert!(Instant::now() < until, "PostgreSQL does not start: {error}; see {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it, and keeps what it stores.
    pub(crate) fn halt(&mut self) {
        self.end("keep\n");
    }

    /// Makes a database; its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        let mut client = Client::connect(&self.url("postgres"), NoTls).expect("a connection");
        client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
        self.url(name)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("postgres://tollgate:hunter2@127.0.0.1:{}/{name}", self.port)
    }

    /// Sends a signal to the server and all who serve for it.
    pub(crate) fn signal(&self, name: &str) {
        let pids = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("it runs");
        let main = pids.lines().next().expect("its number").to_owned();
        let children = Command::new("pgrep").args(["-P", &main]).output().expect("pgrep").stdout;
        let all = String::from_utf8(children).expect("numbers");
        let sent = Command::new("kill").arg(format!("-{name}")).arg(&main).args(all.split_whitespace()).status();
        assert!(sent.expect("kill").success());
    }

    fn end(&mut self, word: &str) {
        use std::io::Write;
        if let Some((mut shell, mut input)) = self.shell.take() {
            drop(input.write_all(word.as_bytes()));
            drop(input);
            drop(shell.wait());
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end("\n");
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Where `initdb` and `postgres` lie.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    installed.sort();
    installed.reverse();
    let mut all = std::env::split_paths(&path).chain(installed);
    let has = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    all.find(|folder| has(folder)).expect("PostgreSQL: install the package `postgresql`")
}

/// PostgreSQL does not run as root.
fn as_another_user() -> &'static [&'static str] {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if root { &["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] } else { &["env"] }
}
