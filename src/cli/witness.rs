//! `tollgate witness`: signs that somebody else's audit log only grew. To be run where the log's operator
//! has no hands.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use http::{Method, Response, header};
use pingora::apps::http_app::{HttpServer, ServeHttp};
use pingora::protocols::http::ServerSession;
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use tollgate_audit::note::Verifier;
use tollgate_audit::{REQUEST_BYTES_MAX, Witness};

use super::{Done, print};
use crate::clock;

#[derive(clap::Args)]
pub(super) struct WitnessArgs {
    /// Where logs reach it.
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// Its folder: its key, and what it has seen. Made where it is missing.
    #[arg(long, default_value = "witness")]
    data_dir: PathBuf,
    /// Its name, in the form of a URL without a scheme: `auditor.example/tollgate`.
    #[arg(long)]
    name: String,
    /// The key of a log to watch, as `keys/log.pub` holds it; once for each key of each log.
    #[arg(long, value_name = "VKEY", required = true)]
    log: Vec<String>,
}

/// The witness behind HTTP.
struct Served {
    witness: Arc<Witness>,
}

impl WitnessArgs {
    pub(super) fn run(self) -> Done {
        let logs = self.log.iter().map(|key| Verifier::parse(key).with_context(|| format!("`{key}`")));
        let logs = logs.collect::<anyhow::Result<_>>()?;
        let witness = Witness::open(&self.data_dir, &self.name, logs)
            .with_context(|| format!("opening {}", self.data_dir.display()))?;
        // Pingora ends the process when it cannot bind; this says why.
        drop(std::net::TcpListener::bind(self.listen).with_context(|| format!("{} cannot be bound", self.listen))?);
        print(&format!("witness at http://{}, key {}\n", self.listen, witness.verifier()));
        let conf = ServerConf { threads: 1, upgrade_sock: String::new(), ..ServerConf::default() };
        let mut server = Server::new_with_opt_and_conf(None, conf);
        server.bootstrap();
        let app = HttpServer::new_app(Served { witness: Arc::new(witness) });
        let mut service = Service::new("witness".into(), app);
        service.add_tcp(&self.listen.to_string());
        server.add_service(service);
        server.run_forever()
    }
}

#[async_trait]
impl ServeHttp for Served {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        if head.uri.path() != "/add-checkpoint" || head.method != Method::POST {
            return answer(404, "a witness takes POST /add-checkpoint\n".to_owned());
        }
        let mut body = Vec::new();
        loop {
            match session.read_request_body().await {
                Ok(Some(piece)) if body.len() + piece.len() <= REQUEST_BYTES_MAX => body.extend_from_slice(&piece),
                Ok(Some(_)) => return answer(413, "this is too long for a checkpoint\n".to_owned()),
                Ok(None) => break,
                Err(_) => return answer(400, "the body broke off\n".to_owned()),
            }
        }
        match self.witness.add_checkpoint(&body, clock::unix_seconds()) {
            Ok(reply) => answer(reply.status, reply.body),
            Err(error) => {
                tracing::error!(%error, "what was seen cannot be kept, so nothing is signed");
                answer(500, "what was seen cannot be kept, so nothing is signed\n".to_owned())
            }
        }
    }
}

fn answer(status: u16, body: String) -> Response<Vec<u8>> {
    // C2SP says so of 409, whose body is a size.
    let kind = if status == 409 { "text/x.tlog.size" } else { "text/plain; charset=utf-8" };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, body.len())
        .body(body.into_bytes())
        .expect("a status and two headers of ours make a response")
}
