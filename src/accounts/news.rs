//! Word that something has changed in the store, for the thread that looks. It does not say what.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A bell that is remembered until somebody has heard it.
#[derive(Default)]
pub(crate) struct News {
    has_come: Mutex<bool>,
    bell: Condvar,
}

impl News {
    /// Something has changed: whoever waits goes on at once, whoever waits next does not wait.
    pub(crate) fn tell(&self) {
        *self.has_come.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Until there is news, or for so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let has_come = self.has_come.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(has_come, at_most, |has_come| !*has_come);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn news_that_came_before_is_not_waited_for_and_is_heard_once() {
        let news = News::default();
        news.tell();
        let began = Instant::now();
        news.wait(LONG);
        assert!(began.elapsed() < LONG);
        news.wait(Duration::from_millis(1));
        assert!(!*news.has_come.lock().expect("nobody panics"));
    }

    #[test]
    fn who_waits_hears_at_once() {
        let news = News::default();
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| news.wait(LONG));
            news.tell();
        });
        assert!(began.elapsed() < LONG);
    }
}
