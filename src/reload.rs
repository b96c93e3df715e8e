//! A new configuration while running: on SIGHUP and when a file changes, all of it or none.
//!
//! A wrong file changes nothing: the old configuration stays, the log and a metric say so. What
//! needs a restart is named, not ignored.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tollgate_conf::{Config, SystemSources};

use crate::clock;
use crate::filters::Filters;
use crate::gateway::Gateway;
use crate::live::Live;

/// Editors write in several steps; the last one counts.
const SETTLE: Duration = Duration::from_millis(250);

/// Reloads a configuration file into a running gateway.
pub(crate) struct Reloader {
    gateway: Arc<Gateway>,
    filters: Filters,
    path: PathBuf,
    running: Mutex<Config>,
}

impl Reloader {
    pub(crate) fn new(gateway: Arc<Gateway>, filters: Filters, path: PathBuf, running: Config) -> Arc<Self> {
        Arc::new(Self { gateway, filters, path, running: Mutex::new(running) })
    }

    /// Reads the file and puts it into use, if all of it is right.
    pub(crate) fn reload(&self) {
        let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        let loaded = tollgate_conf::load(&self.path, &SystemSources).map_err(|report| report.to_string());
        let old = self.gateway.live.load_full();
        let built = loaded.and_then(|config| {
            let live =
                Live::build(&config, &self.filters, &self.gateway.metrics, Some(&old), self.gateway.audit.as_ref())
                    .map_err(|e| e.to_string())?;
            Ok((config, live))
        });
        match built {
            Ok((config, live)) => {
                let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                for what in tollgate_conf::restart_needed(&running, &config) {
                    tracing::warn!(what, "this change takes effect after a restart");
                }
                if let Some(books) = &live.books {
                    books.on_record("reload");
                }
                if let Err(error) = self.gateway.take_up(&config, live) {
                    tracing::error!(error = format!("{error:#}"), "keys and vault stay as they were");
                }
                *running = config;
                self.gateway.metrics.reloaded(true, now);
                tracing::info!(file = %self.path.display(), "configuration reloaded");
            }
            Err(why) => {
                self.gateway.metrics.reloaded(false, now);
                tracing::error!(file = %self.path.display(), "configuration not reloaded, the old one stays in use:\n{why}");
            }
        }
    }

    /// Starts the thread that waits for signals and changes.
    ///
    /// # Errors
    /// When the signal handler, the watcher or the thread cannot be made.
    pub(crate) fn watch(self: &Arc<Self>) -> anyhow::Result<()> {
        let (wake, woken) = channel();
        on_hangup(wake.clone())?;
        let watcher = on_change(&self.files(), wake.clone())?;
        let reloader = Arc::clone(self);
        std::thread::Builder::new().name("reload".into()).spawn(move || reloader.wait(&woken, &wake, watcher))?;
        Ok(())
    }

    /// Every file that the configuration in use was read from.
    fn files(&self) -> Vec<PathBuf> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.path).chain(&running.files).cloned().collect()
    }

    fn wait(&self, woken: &Receiver<()>, wake: &Sender<()>, mut watcher: notify::RecommendedWatcher) {
        while woken.recv().is_ok() {
            loop {
                match woken.recv_timeout(SETTLE) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            self.reload();
            // It may be made of other files now. The old watcher stays if they cannot be watched.
            match on_change(&self.files(), wake.clone()) {
                Ok(new) => watcher = new,
                Err(error) => tracing::warn!(%error, "changes of the configuration's files are not all seen"),
            }
        }
        drop(watcher);
    }
}

/// SIGHUP is ours: Pingora uses SIGINT, SIGTERM and SIGQUIT.
fn on_hangup(wake: Sender<()>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async move {
            let Ok(mut hangups) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else {
                return;
            };
            while hangups.recv().await.is_some() && wake.send(()).is_ok() {}
        });
    })?;
    Ok(())
}

/// Watches folders, not files: editors rename over a file, and Kubernetes swaps a link.
fn on_change(files: &[PathBuf], wake: Sender<()>) -> anyhow::Result<notify::RecommendedWatcher> {
    let files = files.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
    let folders: BTreeSet<PathBuf> = files.iter().filter_map(|f| f.parent()).map(Path::to_path_buf).collect();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let changed = event.kind.is_modify() || event.kind.is_create() || event.kind.is_remove();
        if changed && event.paths.iter().any(|p| files.contains(p) || p.ends_with("..data")) {
            let _ = wake.send(());
        }
    })?;
    for folder in &folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
