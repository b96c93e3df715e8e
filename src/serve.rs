//! From checked configuration to a running server: pools, listeners, threads, signals.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use arc_swap::ArcSwap;
use pingora::apps::HttpServerOptions;
use pingora::apps::http_app::HttpServer;
use pingora::connectors::ConnectorOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::listening::Service;
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tollgate_conf::{Config, Listen};
use tollgate_peers::{Options, Peers};

use crate::admin::Bridge;
use crate::admit::Others;
use crate::clock;
use crate::filters::Filters;
use crate::front::{Door, Front};
use crate::gateway::Gateway;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::money::Money;
use crate::ops::Ops;
use crate::proxy::Proxy;
use crate::reload::Reloader;
use crate::request_log::RequestLog;
use crate::shutdown::Leave;
use crate::upstream::Upstreams;

/// What a client's connection reads ahead: a head, or a record of TLS. Bodies are read past it, into their own
/// place; Pingora's 64 KiB would lie idle for as long as a client waits.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// Serves until a signal says to leave. `file` is watched for changes.
///
/// # Errors
/// When a listener, a certificate or the log cannot be used as configured.
pub(crate) fn serve(config: Config, file: Option<PathBuf>, filters: Filters) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new());
    let audit = crate::books::open(&config)?;
    let live = Live::build(&config, &filters, &metrics, None, audit.as_ref())?;
    if let Some(books) = &live.books {
        books.on_record("start");
    }
    metrics.reloaded(true, i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX));
    let conf = Arc::new(server_conf(&config));
    let Money { accounts, ledger, node } = Money::open(&config, &metrics, audit.as_ref())?;
    let others = others(&config)?;
    let gateway = Arc::new(Gateway {
        live: ArcSwap::from_pointee(live),
        accounts,
        ledger,
        others,
        pools: Arc::new(Upstreams::new(ConnectorOptions::from_server_conf(&conf))),
        request_log: open_log(&config, &metrics)?,
        metrics,
        audit,
        slow_checks: Semaphore::new(threads(&config)),
        draining: AtomicBool::new(false),
    });
    gateway.name_logs(&config)?;
    crate::neighbours::talk(&gateway, node);
    crate::tidy::start(&gateway)?;
    prove_free(&config)?;
    let mut server = Server::new_with_opt_and_conf(None, server_conf(&config));
    server.bootstrap();
    server.add_service(front(&config, &gateway, &conf)?);
    if let Some(address) = config.server.ops {
        server.add_service(ops(address, &gateway));
    }
    crate::admin::may_listen(&gateway, &config)?;
    server.add_service(management(&config, &gateway));
    announce(&config);
    if let Some(file) = file {
        Reloader::new(Arc::clone(&gateway), filters, file, config)
            .watch()
            .context("watching the configuration file")?;
    }
    let audit = gateway.audit.clone();
    server.run(RunArgs { shutdown_signal: Box::new(Leave { gateway }) });
    if let Some(audit) = audit {
        audit.close();
    }
    Ok(())
}

/// The other nodes, where Redis connects them. Its connection has a thread of its own.
fn others(config: &Config) -> anyhow::Result<Option<Others>> {
    let Some(url) = &config.store.redis else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("peers")
        .enable_all()
        .build()
        .context("starting the thread for Redis")?;
    let entered = runtime.enter();
    let peers = Peers::connect(url, Options::default()).context("`store.redis`")?;
    drop(entered);
    // What all nodes share and nobody else knows.
    let secret = config.key_hashing.pepper.as_ref().unwrap_or(&config.store.url);
    Ok(Some(Others { peers, secret: secret.expose_secret().as_bytes().to_vec(), runtime }))
}

fn server_conf(config: &Config) -> ServerConf {
    let drain = config.server.drain.as_secs().max(1);
    ServerConf {
        threads: threads(config),
        work_stealing: true,
        upstream_keepalive_pool_size: config.server.idle_upstream_connections,
        // A fixed sleep that then cuts streams: the longest we are ready to wait for open requests.
        grace_period_seconds: Some(drain),
        graceful_shutdown_timeout_seconds: Some(1),
        // The default lies in a folder that everyone may write to.
        upgrade_sock: String::new(),
        ..ServerConf::default()
    }
}

fn threads(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    config.server.threads.map_or_else(cores, usize::from)
}

fn open_log(config: &Config, metrics: &Metrics) -> anyhow::Result<Option<Arc<RequestLog>>> {
    if !config.log.requests {
        return Ok(None);
    }
    let file: Option<&Path> = config.log.file.as_deref();
    let log = RequestLog::open(file, metrics.log_dropped.clone()).with_context(|| {
        format!("opening the request log {}", file.unwrap_or(Path::new("(standard output)")).display())
    })?;
    Ok(Some(log))
}

/// The clients' listeners.
fn front(config: &Config, gateway: &Arc<Gateway>, conf: &Arc<ServerConf>) -> anyhow::Result<Service<Door>> {
    let proxy = Arc::new(http_proxy(conf, Proxy { gateway: Arc::clone(gateway) }));
    let side = |h2c: bool| {
        let mut options = HttpServerOptions::default();
        options.h2c = h2c;
        options.h2_idle_timeout = Some(config.server.keepalive);
        Arc::new(Front { gateway: Arc::clone(gateway), proxy: Arc::clone(&proxy), options })
    };
    let mut service = Service::new("clients".into(), Door { front: side(false), h2c: side(true) });
    service.threads = Some(threads(config));
    for listener in &config.server.listen {
        listen(&mut service, listener)?;
    }
    Ok(service)
}

fn listen(service: &mut Service<Door>, listener: &Listen) -> anyhow::Result<()> {
    let address = listener.address.to_string();
    let mut tcp = pingora::listeners::TcpSocketOptions::default();
    tcp.tcp_keepalive = Some(pingora::protocols::l4::ext::TcpKeepalive {
        idle: std::time::Duration::from_secs(60),
        interval: std::time::Duration::from_secs(10),
        count: 6,
        user_timeout: std::time::Duration::ZERO,
    });
    let endpoint = ListenerConfig::tcp(&address)
        .tcp_socket_options(tcp)
        .l4_buffer(L4BufferSettings::default().read(READ_BUFFER_BYTES));
    let Some(tls) = &listener.tls else {
        service.add_listener(endpoint);
        return Ok(());
    };
    crate::certificates::check(&tls.cert, &tls.key)?;
    let (cert, key) = (tls.cert.to_string_lossy(), tls.key.to_string_lossy());
    let mut settings = TlsSettings::intermediate(&cert, &key)
        .map_err(|e| anyhow::anyhow!("TLS for {address} cannot be set up from {cert} and {key}: {e}"))?;
    settings.enable_h2();
    service.add_listener(endpoint.tls(settings));
    Ok(())
}

/// The operators' listener, with a thread of its own: it cannot slow clients down.
fn ops(address: SocketAddr, gateway: &Arc<Gateway>) -> Service<HttpServer<Ops>> {
    let mut service = Service::new("ops".into(), HttpServer::new_app(Ops { gateway: Arc::clone(gateway) }));
    service.threads = Some(1);
    service.add_tcp(&address.to_string());
    service
}

/// The management API, with a thread of its own.
fn management(config: &Config, gateway: &Arc<Gateway>) -> Service<Bridge> {
    let mut service = Service::new("management".into(), Bridge::new(gateway, config));
    service.threads = Some(1);
    service.add_tcp(&config.admin.to_string());
    service
}

/// Pingora binds while it runs, and ends the process where it cannot: what is taken is told before.
fn prove_free(config: &Config) -> anyhow::Result<()> {
    let clients = config.server.listen.iter().map(|l| l.address);
    for address in clients.chain(config.server.ops).chain([config.admin]) {
        TcpListener::bind(address).with_context(|| format!("{address} cannot be listened on"))?;
    }
    Ok(())
}

fn announce(config: &Config) {
    for listener in &config.server.listen {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        tracing::info!("clients are served at {scheme}://{}/v1", listener.address);
    }
    if let Some(ops) = config.server.ops {
        tracing::info!("health and metrics are at http://{ops}");
    }
    tracing::info!("the management API is at http://{}/api/v1/manage", config.admin);
}
