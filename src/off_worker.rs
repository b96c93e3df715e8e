//! Long computations leave the worker threads: they would hold up every other request there.

/// Bodies shorter than this are handled in place: moving them would cost more than it saves.
pub(crate) const THRESHOLD_BYTES: usize = 256 << 10;

/// Runs a computation on a thread that may block, and resumes its panic here if it has one.
pub(crate) async fn off_worker<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(|e| e.try_into_panic()) {
        Ok(value) => value,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is going away, and this task with it.
        Err(Err(_)) => std::future::pending().await,
    }
}
