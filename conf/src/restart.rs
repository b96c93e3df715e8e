//! Which changes a running gateway cannot take up. It applies nothing.

use secrecy::ExposeSecret;

use crate::{Config, Server};

/// The members that differ and only count after a restart, each as a sentence. Everything else
/// takes effect with the next request.
#[must_use]
pub fn restart_needed(old: &Config, new: &Config) -> Vec<String> {
    // Taken apart so that a new member must say on which side it stands.
    let Server {
        listen,
        ops,
        threads,
        keepalive,
        idle_upstream_connections,
        max_body: _,
        read_timeout: _,
        header_timeout: _,
        write_timeout: _,
        shutdown_delay: _,
        drain,
    } = &old.server;
    let now = &new.server;
    let differs = [
        ("server.listen", *listen != now.listen),
        ("server.ops", *ops != now.ops),
        ("server.threads", *threads != now.threads),
        ("server.keepalive", *keepalive != now.keepalive),
        ("server.idle_upstream_connections", *idle_upstream_connections != now.idle_upstream_connections),
        ("server.drain", *drain != now.drain),
        ("log.level", old.log.level != new.log.level),
        ("log.format", old.log.format != new.log.format),
        ("log.requests", old.log.requests != new.log.requests),
        ("log.file", old.log.file != new.log.file),
        ("data_dir", old.data_dir != new.data_dir),
        ("audit", old.audit != new.audit),
        ("admin.listen", old.admin != new.admin),
        ("store", urls(old) != urls(new)),
    ];
    let changed = differs.iter().filter(|(_, differs)| *differs);
    changed.map(|(member, _)| format!("`{member}` has changed: it takes effect after a restart")).collect()
}

fn urls(config: &Config) -> (&str, Option<&str>) {
    (config.store.url.expose_secret(), config.store.redis.as_ref().map(|url| url.expose_secret()))
}
