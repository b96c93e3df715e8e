//! Every metric: name, help, labels, buckets. Nothing else may name one.
//!
//! Label values come from configuration or from closed enums, never from a client. Handles are
//! resolved when configuration loads, so that the request path only adds to atomics.

use prometheus::{
    CounterVec, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use tollgate_api::{Code, UsageSource};

mod ledger;
mod races;

pub(crate) use ledger::LedgerMetrics;
pub(crate) use races::RaceMetrics;

use crate::fail::FailKind;
use crate::handles::{EndpointMetrics, ModelMetrics, OUTCOMES, STATUS_CLASSES, TOKEN_KINDS};

/// Total durations, doubling from 10 ms as OpenTelemetry's GenAI conventions do, with two for long answers.
const DURATION_BUCKETS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68];
/// Time to first content.
const TTFT_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 30.0, 60.0];
/// What we add ourselves.
const OVERHEAD_BUCKETS: &[f64] = &[0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
/// One filter, one hook.
const FILTER_BUCKETS: &[f64] = &[0.000_001, 0.000_01, 0.0001, 0.001, 0.01, 0.1, 1.0];

/// The registry and the families in it.
pub(crate) struct Metrics {
    registry: Registry,
    clients: Clients,
    upstreams: Upstreams,
    config: Configured,
    process: Process,
    filter_duration: HistogramVec,
    /// The audit log.
    pub(crate) audit: AuditMetrics,
    /// Accounts, money and limits.
    pub(crate) ledger: LedgerMetrics,
    /// Deadlines and races.
    pub(crate) races: RaceMetrics,
    /// Total time minus waiting for upstreams.
    pub(crate) overhead: Histogram,
    /// Requests that are open now.
    pub(crate) in_flight: IntGauge,
    /// Request log lines that were dropped because the disk or pipe was too slow.
    pub(crate) log_dropped: IntCounter,
}

/// What clients see.
struct Clients {
    requests: IntCounterVec,
    duration: HistogramVec,
    refusals: IntCounterVec,
    auth_failures: IntCounterVec,
}

/// What upstreams do, and what that costs.
struct Upstreams {
    attempts: IntCounterVec,
    duration: HistogramVec,
    first_content: HistogramVec,
    fallbacks: IntCounterVec,
    health: IntGaugeVec,
    tokens: IntCounterVec,
    cost: CounterVec,
    usage_source: IntCounterVec,
    unpriced: IntCounterVec,
}

/// The configuration in use.
struct Configured {
    reloads: IntCounterVec,
    reload_ok: IntGauge,
    reload_at: IntGauge,
}

/// This process.
struct Process {
    resident_memory: IntGauge,
    cpu_seconds: Gauge,
    open_files: IntGauge,
}

/// The audit log.
pub(crate) struct AuditMetrics {
    /// Records that were handed to the journal.
    pub(crate) records: IntCounter,
    /// How long answers waited for the disk before they began, and before they ended.
    pub(crate) wait_begin: Histogram,
    pub(crate) wait_end: Histogram,
    /// 1 while there is room for new requests, or none is needed.
    pub(crate) accepting: IntGauge,
}

/// Why building a family cannot fail.
const VALID: &str = "the names in this file are valid";

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let family = IntCounterVec::new(Opts::new(name, help), labels).expect(VALID);
    register(registry, &family);
    family
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let family = HistogramVec::new(opts, labels).expect(VALID);
    register(registry, &family);
    family
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let family = IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID);
    register(registry, &family);
    family
}

fn costs(registry: &Registry) -> CounterVec {
    let help = "What upstreams cost, in US dollars (for graphs: money is kept as integers elsewhere).";
    let family = CounterVec::new(Opts::new("tollgate_cost_usd_total", help), &["endpoint", "side"]).expect(VALID);
    register(registry, &family);
    family
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect(VALID);
    register(registry, &gauge);
    gauge
}

fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, collector: &C) {
    registry.register(Box::new(collector.clone())).expect("each name in this file is used once");
}

impl Clients {
    fn new(r: &Registry) -> Self {
        Self {
            requests: counters(
                r,
                "tollgate_requests_total",
                "Requests by public model, status class and outcome.",
                &["model", "status_class", "outcome"],
            ),
            duration: histograms(
                r,
                "tollgate_request_duration_seconds",
                "From the head of a request to the end of its answer.",
                &["model", "stream"],
                DURATION_BUCKETS,
            ),
            refusals: counters(r, "tollgate_refusals_total", "Our own errors by code.", &["code"]),
            auth_failures: counters(
                r,
                "tollgate_auth_failures_total",
                "Keys that were not accepted, and why.",
                &["reason"],
            ),
        }
    }
}

impl Upstreams {
    fn new(r: &Registry) -> Self {
        Self {
            attempts: counters(
                r,
                "tollgate_upstream_attempts_total",
                "Attempts by endpoint and how they ended.",
                &["endpoint", "provider", "outcome"],
            ),
            duration: histograms(
                r,
                "tollgate_upstream_duration_seconds",
                "From the start of an attempt to its first content or its failure.",
                &["endpoint"],
                DURATION_BUCKETS,
            ),
            first_content: histograms(
                r,
                "tollgate_time_to_first_token_seconds",
                "From the head of a streamed request to the first content of its answer.",
                &["endpoint"],
                TTFT_BUCKETS,
            ),
            fallbacks: counters(
                r,
                "tollgate_fallbacks_total",
                "Fallbacks from one endpoint to the next, and why.",
                &["from", "to", "reason"],
            ),
            health: gauges(r, "tollgate_endpoint_health", "1 for the state an endpoint is in.", &["endpoint", "state"]),
            tokens: counters(
                r,
                "tollgate_tokens_total",
                "Tokens. `cached` and `cache_write` are input beside `input`; `reasoning` is part of `output`.",
                &["endpoint", "type"],
            ),
            cost: costs(r),
            usage_source: counters(
                r,
                "tollgate_usage_source_total",
                "Answers by who counted their tokens.",
                &["endpoint", "source"],
            ),
            unpriced: counters(
                r,
                "tollgate_unpriced_requests_total",
                "Answers of models, or at service tiers, without a price in the catalogue.",
                &["endpoint"],
            ),
        }
    }
}

impl Configured {
    fn new(r: &Registry) -> Self {
        Self {
            reloads: counters(r, "tollgate_config_reloads_total", "Configuration reloads by result.", &["result"]),
            reload_ok: gauge(
                r,
                "tollgate_config_last_reload_successful",
                "1 if the configuration file as it is now is the one in use.",
            ),
            reload_at: gauge(
                r,
                "tollgate_config_last_reload_success_timestamp_seconds",
                "When the configuration in use was loaded.",
            ),
        }
    }
}

impl Process {
    fn new(r: &Registry) -> Self {
        let cpu_seconds = Gauge::new("process_cpu_seconds_total", "CPU time, user and system.").expect(VALID);
        register(r, &cpu_seconds);
        Self {
            resident_memory: gauge(r, "process_resident_memory_bytes", "Resident memory."),
            open_files: gauge(r, "process_open_fds", "Open file descriptors."),
            cpu_seconds,
        }
    }
}

impl AuditMetrics {
    fn new(r: &Registry) -> Self {
        let records = "Records of requests that were handed to the audit log.";
        let records = IntCounter::new("tollgate_audit_records_total", records).expect(VALID);
        register(r, &records);
        let wait = "How long answers waited for the audit log's disk, before they began and before they ended.";
        let wait = histograms(r, "tollgate_audit_wait_seconds", wait, &["before"], OVERHEAD_BUCKETS);
        Self {
            records,
            wait_begin: wait.with_label_values(&["begin"]),
            wait_end: wait.with_label_values(&["end"]),
            accepting: gauge(
                r,
                "tollgate_audit_accepting",
                "1 while the audit log has room for new requests, or is off.",
            ),
        }
    }
}

impl Metrics {
    /// All families, with the series that are known beforehand at zero.
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let r = &registry;
        let overhead = HistogramOpts::new("tollgate_overhead_seconds", "Total time minus waiting for upstreams.");
        let overhead = Histogram::with_opts(overhead.buckets(OVERHEAD_BUCKETS.to_vec())).expect(VALID);
        register(r, &overhead);
        let dropped = "Request log lines dropped because their reader was too slow.";
        let log_dropped = IntCounter::new("tollgate_request_log_dropped_total", dropped).expect(VALID);
        register(r, &log_dropped);
        gauges(r, "tollgate_build_info", "The running version; always 1.", &["version"])
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let metrics = Self {
            clients: Clients::new(r),
            upstreams: Upstreams::new(r),
            config: Configured::new(r),
            process: Process::new(r),
            filter_duration: histograms(
                r,
                "tollgate_filter_duration_seconds",
                "Time in each filter's hook.",
                &["filter", "hook"],
                FILTER_BUCKETS,
            ),
            in_flight: gauge(r, "tollgate_requests_in_flight", "Requests that are open now."),
            audit: AuditMetrics::new(r),
            ledger: LedgerMetrics::new(r),
            races: RaceMetrics::new(r),
            overhead,
            log_dropped,
            registry,
        };
        metrics.zero_known_series();
        metrics
    }

    /// A series that exists at zero lets `rate()` see the first error.
    fn zero_known_series(&self) {
        for code in Code::ALL {
            self.clients.refusals.with_label_values(&[code.as_str()]);
        }
        for result in ["ok", "error"] {
            self.config.reloads.with_label_values(&[result]);
        }
    }

    /// Resolves the handles of a public model.
    pub(crate) fn model(&self, model: &str) -> ModelMetrics {
        let requests = STATUS_CLASSES
            .iter()
            .flat_map(|class| {
                OUTCOMES.map(|outcome| self.clients.requests.with_label_values(&[model, class, outcome.as_str()]))
            })
            .collect();
        let duration = ["false", "true"].map(|stream| self.clients.duration.with_label_values(&[model, stream]));
        ModelMetrics { requests, duration }
    }

    /// Resolves the handles of an endpoint.
    pub(crate) fn endpoint(&self, endpoint: &str, provider: &str) -> EndpointMetrics {
        let attempts = std::iter::once("ok")
            .chain(FailKind::ALL.iter().map(|kind| kind.as_str()))
            .map(|outcome| self.upstreams.attempts.with_label_values(&[endpoint, provider, outcome]))
            .collect();
        let source = |s: UsageSource| self.upstreams.usage_source.with_label_values(&[endpoint, s.as_str()]);
        EndpointMetrics {
            attempts,
            attempt_duration: self.upstreams.duration.with_label_values(&[endpoint]),
            first_content: self.upstreams.first_content.with_label_values(&[endpoint]),
            tokens: TOKEN_KINDS.map(|kind| self.upstreams.tokens.with_label_values(&[endpoint, kind])),
            cost_input: self.upstreams.cost.with_label_values(&[endpoint, "input"]),
            cost_output: self.upstreams.cost.with_label_values(&[endpoint, "output"]),
            reported: source(UsageSource::Reported),
            estimated: source(UsageSource::Estimated),
            unpriced: self.upstreams.unpriced.with_label_values(&[endpoint]),
        }
    }

    /// Resolves the histogram of one hook of one filter.
    pub(crate) fn filter(&self, filter: &str, hook: &str) -> Histogram {
        self.filter_duration.with_label_values(&[filter, hook])
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, code: Code) {
        self.clients.refusals.with_label_values(&[code.as_str()]).inc();
    }

    /// Counts a key that was not accepted. `reason` is one of a closed set.
    pub(crate) fn auth_failed(&self, reason: &'static str) {
        self.clients.auth_failures.with_label_values(&[reason]).inc();
    }

    /// Counts a fallback; rare, so its label lookup is paid here.
    pub(crate) fn fell_back(&self, from: &str, to: &str, reason: FailKind) {
        self.upstreams.fallbacks.with_label_values(&[from, to, reason.as_str()]).inc();
    }

    /// Says how a reload went, and when (seconds since 1970).
    pub(crate) fn reloaded(&self, ok: bool, at: i64) {
        self.config.reloads.with_label_values(&[if ok { "ok" } else { "error" }]).inc();
        self.config.reload_ok.set(i64::from(ok));
        if ok {
            self.config.reload_at.set(at);
        }
    }

    /// Says in which state an endpoint is; called when metrics are read.
    pub(crate) fn endpoint_health(&self, endpoint: &str, state: &str) {
        for known in ["flowing", "tripped", "probing"] {
            self.upstreams.health.with_label_values(&[endpoint, known]).set(i64::from(known == state));
        }
    }

    /// The exposition text (Prometheus text format 0.0.4).
    pub(crate) fn text(&self) -> String {
        self.read_process();
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    fn read_process(&self) {
        let usage = crate::procfs::read();
        self.process.resident_memory.set(usage.resident_bytes);
        self.process.cpu_seconds.set(usage.cpu_seconds);
        self.process.open_files.set(usage.open_files);
    }
}
