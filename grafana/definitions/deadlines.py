"""Deadlines: whether answers start in time, what the flex tier saves, and what races cost."""

UID = "tollgate-deadlines"
TITLE = "Tollgate / Deadlines"
DESCRIPTION = "Answers that were asked to start within a time: starts, races, tiers, what was saved and what may have been paid twice."

ALL = 'job=~"$job", instance=~"$instance"'
ENDPOINT = ALL + ', endpoint=~"$endpoint"'
RATE = "[$__rate_interval]"


def quantile(q):
    return f"histogram_quantile({q}, sum by (le) (rate(tollgate_start_seconds_bucket{{{ALL}}}{RATE})))"


def rate(metric, labels, by):
    return f"sum by ({by}) (rate({metric}{{{labels}}}{RATE}))"


def hourly(metric, by=None):
    summed = f"sum by ({by})" if by else "sum"
    return f"3600 * {summed} (rate({metric}{{{ENDPOINT}}}{RATE}))"


def rows(g):
    asked = f"sum(rate(tollgate_start_within_total{{{ALL}}}{RATE}))"
    in_time = f'sum(rate(tollgate_start_within_total{{{ALL}, in_time="yes"}}{RATE}))'
    races = f'sum(rate(tollgate_races_total{{{ALL}, winner=~"flex|standard|none"}}{RATE}))'
    by_flex = f'sum(rate(tollgate_races_total{{{ALL}, winner="flex"}}{RATE}))'
    return [
        ("At a glance", 4, [
            g.stat("Started in time", "Of the answers that were asked to start within a time, the share that did.", "percentunit", f"{in_time} / {asked}"),
            g.stat("Asked for a time", "Answers a second that were asked to start within a time.", "reqps", asked),
            g.stat("Answered by flex", "Of the races of tiers, the share that flex has won.", "percentunit", f"{by_flex} / {races}"),
            g.stat("Saved per hour", "US dollars an hour that flex answers cost less than the standard price.", "currencyUSD", hourly("tollgate_saved_usd_total")),
            g.stat("Twice at most per hour", "US dollars an hour that attempts which were called off may have cost. An estimate: no vendor says.", "currencyUSD", hourly("tollgate_duplicate_usd_total")),
        ]),
        ("Starts", 8, [
            g.timeseries("Starts in time", "Answers a second that were asked to start within a time, by whether they did.", "reqps", (rate("tollgate_start_within_total", ALL, "in_time"), "{{in_time}}"), stack=True),
            g.timeseries("Time to start", "From the head of a request to the first content of its answer, where a time was asked for. Flex uses the time that it is given: nearness to the deadline is no fault. Above a minute it is not told how long.", "s",
                         (quantile(0.5), "p50"), (quantile(0.95), "p95"), (quantile(0.99), "p99")),
            g.timeseries("Time that endpoints take", "Within what time 95 of 100 answers of an endpoint begin, lately: what races and hedges go by. Nothing where fewer than 20 were seen.", "s", (f'max by (endpoint, tier, stream) (tollgate_first_content_seconds{{{ENDPOINT}, quantile="0.95"}})', "{{endpoint}}, {{tier}}, streamed: {{stream}}")),
        ]),
        ("Races", 8, [
            g.timeseries("Races by winner", "Races a second: `flex` and `standard` of tiers, `first` and `second` of hedges, `none` where nobody answered.", "reqps", (rate("tollgate_races_total", ALL, "winner"), "{{winner}}"), stack=True),
            g.timeseries("Why the standard tier started", "Second attempts a second: flex was late, refused or broken, rests, or there was no time for it; `hedge` where a first attempt was slow.", "reqps", (rate("tollgate_race_starts_total", ALL, "why"), "{{why}}"), stack=True),
            g.timeseries("Attempts called off", "Attempts a second that were called off, because another was faster or had to start.", "reqps", (rate("tollgate_upstream_attempts_total", ENDPOINT + ', outcome="lost"', "endpoint"), "{{endpoint}}")),
        ]),
        ("Tiers", 8, [
            g.timeseries("Tiers asked and served", "Answers a second by the tier that was asked for and the one that the vendor says it served.", "reqps", (rate("tollgate_tiers_total", ENDPOINT, "asked, served"), "{{asked}} → {{served}}"), stack=True),
            g.timeseries("Flex by endpoint", "Answers a second that the vendor says it served at flex.", "reqps", (rate("tollgate_tiers_total", ENDPOINT + ', served="flex"', "endpoint"), "{{endpoint}}")),
        ]),
        ("Money", 8, [
            g.timeseries("Saved", "US dollars an hour that flex answers cost less than the standard price, by endpoint.", "currencyUSD", (hourly("tollgate_saved_usd_total", "endpoint"), "{{endpoint}}"), stack=True),
            g.timeseries("Paid twice at most", "US dollars an hour that attempts which were called off may have cost, by endpoint: their prompt in full.", "currencyUSD", (hourly("tollgate_duplicate_usd_total", "endpoint"), "{{endpoint}}"), stack=True),
        ]),
    ]
