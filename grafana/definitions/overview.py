"""The overview: from what users feel, down to why."""

UID = "tollgate-overview"
TITLE = "Tollgate / Overview"
DESCRIPTION = "Traffic, errors, time to first token, overhead, tokens, cost, fallbacks and the health of endpoints."

ALL = 'job=~"$job", instance=~"$instance"'
MODEL = ALL + ', model=~"$model"'
ENDPOINT = ALL + ', endpoint=~"$endpoint"'
RATE = "[$__rate_interval]"


def quantile(q, metric, labels, by=""):
    by = f", {by}" if by else ""
    return f"histogram_quantile({q}, sum by (le{by}) (rate({metric}_bucket{{{labels}}}{RATE})))"


def rate(metric, labels, by):
    return f"sum by ({by}) (rate({metric}{{{labels}}}{RATE}))"


def rows(g):
    ok = f'sum(rate(tollgate_requests_total{{{MODEL}, status_class!="5xx"}}{RATE}))'
    every = f"sum(rate(tollgate_requests_total{{{MODEL}}}{RATE}))"
    return [
        ("At a glance", 4, [
            g.stat("Requests", "Requests a second, all models.", "reqps", every),
            g.stat("Availability", "Share of requests that were not our or an upstream's failure.", "percentunit", f"{ok} / {every}"),
            g.stat("TTFT p95", "Time to first content of streamed answers: 95 of 100 are faster.", "s", quantile(0.95, "tollgate_time_to_first_token_seconds", ENDPOINT)),
            g.stat("Overhead p99", "What the gateway adds to waiting for upstreams: 99 of 100 are faster.", "s", quantile(0.99, "tollgate_overhead_seconds", ALL)),
            g.stat("Cost per hour", "US dollars an hour at the present pace.", "currencyUSD", f"3600 * sum(rate(tollgate_cost_usd_total{{{ENDPOINT}}}{RATE}))"),
            g.stat("Open requests", "Requests that are open now.", "short", f"sum(tollgate_requests_in_flight{{{ALL}}})"),
        ]),
        ("Traffic and errors", 8, [
            g.timeseries("Requests by model", "Requests a second by public model.", "reqps", (rate("tollgate_requests_total", MODEL, "model"), "{{model}}"), stack=True),
            g.timeseries("Requests by status", "Requests a second by class of status.", "reqps", (rate("tollgate_requests_total", MODEL, "status_class"), "{{status_class}}"), stack=True),
            g.timeseries("How exchanges end", "Answered, refused by us, failed upstream, cut by the upstream, or the client hung up.", "reqps", (rate("tollgate_requests_total", MODEL, "outcome"), "{{outcome}}")),
        ]),
        ("Refusals", 8, [
            g.timeseries("Refusals by code", "Our own errors a second; the codes are those of the error reference.", "reqps", (f"sum by (code) (rate(tollgate_refusals_total{{{ALL}}}{RATE})) > 0", "{{code}}")),
            g.timeseries("Keys not accepted", "Malformed, unknown, wrong, revoked or missing keys a second.", "reqps", (rate("tollgate_auth_failures_total", ALL, "reason"), "{{reason}}")),
        ]),
        ("Latency", 8, [
            g.timeseries("Time to first token", "Streamed answers, by endpoint: half, and 95 of 100, are faster.", "s",
                         (quantile(0.5, "tollgate_time_to_first_token_seconds", ENDPOINT, "endpoint"), "{{endpoint}} p50"),
                         (quantile(0.95, "tollgate_time_to_first_token_seconds", ENDPOINT, "endpoint"), "{{endpoint}} p95")),
            g.timeseries("Whole requests", "From the head of a request to the end of its answer.", "s",
                         (quantile(0.5, "tollgate_request_duration_seconds", MODEL, "model"), "{{model}} p50"),
                         (quantile(0.99, "tollgate_request_duration_seconds", MODEL, "model"), "{{model}} p99")),
            g.timeseries("Overhead", "Total time minus waiting for upstreams.", "s",
                         (quantile(0.5, "tollgate_overhead_seconds", ALL), "p50"), (quantile(0.99, "tollgate_overhead_seconds", ALL), "p99")),
        ]),
        ("Tokens and cost", 8, [
            g.timeseries("Tokens", "Tokens a second. Cached and cache-writing ones are input beside `input`; reasoning is part of output.", "short", (rate("tollgate_tokens_total", ENDPOINT, "type"), "{{type}}")),
            g.timeseries("Cost", "US dollars an hour, by endpoint.", "currencyUSD", (f"3600 * {rate('tollgate_cost_usd_total', ENDPOINT, 'endpoint')}", "{{endpoint}}"), stack=True),
            g.timeseries("Who counted the tokens", "Answers a second whose usage the vendor reported, or we estimated.", "reqps", (rate("tollgate_usage_source_total", ENDPOINT, "source"), "{{source}}")),
            g.timeseries("Answers without a price", "Answers a second of models that the catalogue does not price.", "reqps", (rate("tollgate_unpriced_requests_total", ENDPOINT, "endpoint"), "{{endpoint}}")),
        ]),
        ("Endpoints", 8, [
            g.states("Health", "Flowing, probing or tripped.", (
                f'max by (endpoint) (tollgate_endpoint_health{{{ENDPOINT}, state="probing"}})'
                f' + 2 * max by (endpoint) (tollgate_endpoint_health{{{ENDPOINT}, state="tripped"}})', "{{endpoint}}")),
            g.timeseries("Attempts by outcome", "Attempts a second by how they ended.", "reqps", (f"sum by (outcome) (rate(tollgate_upstream_attempts_total{{{ENDPOINT}}}{RATE})) > 0", "{{outcome}}")),
            g.timeseries("Fallbacks", "Fallbacks a second: from, to, and why.", "reqps", (f'sum by (from, to, reason) (rate(tollgate_fallbacks_total{{{ALL}, from=~"$endpoint"}}{RATE}))', "{{from}} → {{to}} ({{reason}})")),
            g.timeseries("Upstream latency p95", "From the start of an attempt to its first content or its failure.", "s", (quantile(0.95, "tollgate_upstream_duration_seconds", ENDPOINT, "endpoint"), "{{endpoint}}")),
        ]),
        ("The gateway", 8, [
            g.timeseries("CPU", "Cores in use.", "short", (f"sum by (instance) (rate(process_cpu_seconds_total{{{ALL}}}{RATE}))", "{{instance}}")),
            g.timeseries("Memory", "Resident memory.", "bytes", (f"sum by (instance) (process_resident_memory_bytes{{{ALL}}})", "{{instance}}")),
            g.timeseries("Open files", "File descriptors in use.", "short", (f"sum by (instance) (process_open_fds{{{ALL}}})", "{{instance}}")),
            g.timeseries("Filters p99", "Time in each filter's hook.", "s", (quantile(0.99, "tollgate_filter_duration_seconds", ALL, "filter, hook"), "{{filter}} {{hook}}")),
        ]),
        ("Audit log", 8, [
            g.timeseries("Records", "Records a second that were handed to the journal.", "reqps", (f"sum by (instance) (rate(tollgate_audit_records_total{{{ALL}}}{RATE}))", "{{instance}}")),
            g.timeseries("Waiting for the disk p99", "How long answers waited before they began and before they ended.", "s", (quantile(0.99, "tollgate_audit_wait_seconds", ALL, "before"), "before the {{before}}")),
            g.timeseries("Room", "1 while new requests find room in the log.", "short", (f"min by (instance) (tollgate_audit_accepting{{{ALL}}})", "{{instance}}")),
        ]),
        ("Accounts and money", 8, [
            g.timeseries("Charges", "Charges a second that were written down in the ledger.", "reqps", (f"sum by (instance) (rate(tollgate_ledger_posted_total{{{ALL}}}{RATE}))", "{{instance}}")),
            g.timeseries("Caps lowered", "Requests a second whose cap was lowered to what is affordable.", "reqps", (f"sum by (instance) (rate(tollgate_budget_lowered_total{{{ALL}}}{RATE}))", "{{instance}}")),
            g.timeseries("Ledger not reached", "How often a second nothing could be borrowed.", "reqps", (f"sum by (instance) (rate(tollgate_ledger_unreachable_total{{{ALL}}}{RATE}))", "{{instance}}")),
            g.timeseries("Breaches", "Requests an hour that cost more than was held: an upstream does not keep to its cap.", "short", (f"sum by (instance) (increase(tollgate_ledger_breaches_total{{{ALL}}}[1h]))", "{{instance}}")),
            g.timeseries("Keys", "Keys that are known.", "short", (f"max by (instance) (tollgate_keys{{{ALL}}})", "{{instance}}")),
            g.timeseries("Changes taken up", "The last change of the store that each node has taken up.", "short", (f"max by (instance) (tollgate_store_change{{{ALL}}})", "{{instance}}")),
            g.timeseries("Limits not shared", "1 while a node counts limits for itself: Redis is away.", "short", (f"max by (instance) (tollgate_limits_local{{{ALL}}})", "{{instance}}")),
        ]),
        ("Configuration", 4, [
            g.stat("Configuration in use", "1 if the file as it is now is the one in use.", "short", f"min(tollgate_config_last_reload_successful{{{ALL}}})"),
            g.stat("Loaded", "When the configuration in use was loaded.", "dateTimeFromNow", f"1000 * max(tollgate_config_last_reload_success_timestamp_seconds{{{ALL}}})"),
            g.stat("Reloads", "Reloads in the last hour, also failed ones.", "short", f"sum(increase(tollgate_config_reloads_total{{{ALL}}}[1h]))"),
            g.stat("Log lines dropped", "Request log lines dropped in the last hour.", "short", f"sum(increase(tollgate_request_log_dropped_total{{{ALL}}}[1h]))"),
            g.stat("Versions", "How many versions are running.", "short", f"count(count by (version) (tollgate_build_info{{{ALL}}}))"),
        ]),
    ]
