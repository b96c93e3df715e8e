//! What counts where the file says nothing. The schema and the reference show these very values.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tollgate_api::RaceMode;

use crate::checked::{LogFormat, LogLevel};
use crate::file::{
    AdminFile, BudgetsFile, DeadlinesFile, FeesFile, HealthFile, LogFile, ServerFile, Text, TimeoutsFile,
};
use crate::located::Located;
use crate::quantity::{Size, Time};

/// Where clients are served when `server.listen` is left out.
pub(crate) const LISTEN: &str = "127.0.0.1:4000";

pub(crate) fn data_dir() -> Text {
    Located::nowhere("data".to_owned())
}

pub(crate) fn tenant() -> Text {
    Located::nowhere("default".to_owned())
}

const fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

fn percent(text: &str) -> Text {
    Located::nowhere(text.to_owned())
}

impl Default for ServerFile {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            ops: Located::nowhere("127.0.0.1:4001".to_owned()),
            threads: None,
            max_body: Located::nowhere(Size(32 << 20)),
            read_timeout: seconds(30),
            header_timeout: seconds(10),
            keepalive: seconds(75),
            write_timeout: seconds(30),
            shutdown_delay: None,
            drain: seconds(30),
            idle_upstream_connections: NonZeroUsize::MIN.saturating_add(1023),
        }
    }
}

impl Default for TimeoutsFile {
    fn default() -> Self {
        Self { connect: seconds(2), first_byte: seconds(60), idle: seconds(60), total: seconds(600) }
    }
}

impl Default for DeadlinesFile {
    fn default() -> Self {
        Self {
            start_within: None,
            require: false,
            race: RaceMode::Overlap,
            longest: seconds(24 * 3600),
            least_wait: Time(Duration::from_millis(100)),
            first_content: seconds(3),
            in_time_percent: percent("99"),
            flex_rest: seconds(60),
            flex_stalls: NonZeroU32::MIN.saturating_add(7),
            flex_stalled_rest: seconds(300),
        }
    }
}

impl Default for HealthFile {
    fn default() -> Self {
        Self {
            trip_after: NonZeroU32::MIN.saturating_add(2),
            cooldown: seconds(10),
            max_cooldown: Located::nowhere(seconds(300)),
        }
    }
}

impl Default for LogFile {
    fn default() -> Self {
        Self { level: LogLevel::Info, requests: true, file: None, format: LogFormat::Json }
    }
}

impl Default for AdminFile {
    fn default() -> Self {
        Self { listen: Located::nowhere("127.0.0.1:4002".to_owned()) }
    }
}

impl Default for BudgetsFile {
    fn default() -> Self {
        Self {
            output: NonZeroU32::MIN.saturating_add(4095),
            least_output: NonZeroU32::MIN.saturating_add(255),
            patience: seconds(20),
            drain: seconds(10),
        }
    }
}

impl Default for FeesFile {
    fn default() -> Self {
        Self { cost_percent: percent("0"), byok_percent: percent("0"), saving_percent: percent("20") }
    }
}
