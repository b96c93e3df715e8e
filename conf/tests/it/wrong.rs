//! Wrong files, and exactly what is said about each: the spot, the mistake, the remedy.

use tollgate_conf::{Problem, Report, parse};

use crate::world::{HASH, World};

pub(crate) fn report(text: &str) -> Report {
    let world = World::default()
        .with("SET", "set")
        .with("EMPTY", "")
        .file("empty.pem", "")
        .file("blank", "\n")
        .file(
            "prices.yaml",
            "provider: v\nsource: s\nchecked_on: 2026-01-01\nmodels:\n- {id: m, prices: {inptu: 1, output: 1e-7}}\n",
        )
        .file(
            "slow.yaml",
            "provider: v\nsource: s\nchecked_on: 2026-01-01\nmodels:\n- {id: m, first_content_ms: 0}\n- {id: n, first_content_ms: 3600001}\n- {id: o, first_content_ms: 1.2}\n",
        )
        .file("rules.yaml", "complex_at: 1\nrules:\n- {name: a, task: cod}\n- {name: b, patern: x}\n")
        .file("regex.yaml", "complex_at: 1\nrules:\n- {name: a}\n- {name: b, pattern: '('}\n")
        .file("double.yaml", "provider: v\nsource: s\nchecked_on: 2026-01-01\nmodels:\n- {id: m}\n- {id: m}\n")
        .file("cert.pem", "-----BEGIN CERTIFICATE-----\n");
    match parse("t.yaml", text, &world) {
        Ok(_) => panic!("nothing is said about\n{text}"),
        Err(report) => report,
    }
}

/// `line:column`, a part of what is wrong, a part of the remedy (in either).
pub(crate) type Said<'a> = (&'a str, &'a str, &'a str);

fn fits(problem: &Problem, (spot, what, remedy): &Said<'_>) -> bool {
    let said = problem.to_string();
    format!("{}:{}", problem.line, problem.column) == *spot && said.contains(what) && said.contains(remedy)
}

pub(crate) fn check(text: &str, said: &[Said<'_>]) {
    let report = report(text);
    let problems = report.problems();
    assert_eq!(problems.len(), said.len(), "{text}\n{report}");
    for (problem, said) in problems.iter().zip(said) {
        assert!(fits(problem, said), "{text}\nexpected {said:?}\n{problem}");
    }
}

pub(crate) const TWO: &str =
    "providers: {p: {dialect: openai, base_url: http://p}, q: {dialect: openai, base_url: http://q}}\n";

#[test]
fn what_is_no_yaml_or_more_than_we_use_of_it() {
    let cases: &[(&str, &[Said<'_>])] = &[
        ("server: [", &[("1:9", "not YAML", "bracket")]),
        ("a:\n  b: 1\n c: 2\n", &[("3:2", "not YAML", "")]),
        ("- 1\n", &[("1:1", "here stands a list", "write a map of members")]),
        ("5\n", &[("1:1", "here stands text", "write a map of members")]),
        ("server: {}\nserver: {}\n", &[("2:1", "`server` is given twice", "keep one of the two")]),
        ("server: {}\n---\nlog: {}\n", &[("2:1", "a second document", "remove the `---`")]),
        ("server: &a {threads: *a}\n", &[("1:22", "within its own anchor", "write the value out")]),
        ("server: {threads: !!int 4}\n", &[("1:25", "tags", "remove the tag")]),
        ("? [a]\n: 1\n", &[("1:3", "the name of a member is plain text", "a name before the colon")]),
        ("server: {<<: 5}\n", &[("1:10", "`<<` takes a map", "`<<: *name`")]),
        (
            "providers:\n  openai: {api_key: ${SET}}\n",
            &[("2:22", "not YAML", "put a variable in double quotes: `\"${NAME}\"`")],
        ),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn unknown_members_name_their_nearest_neighbour() {
    let cases: &[(&str, &[Said<'_>])] = &[
        ("servr: {}\n", &[("1:1", "there is no member `servr` here (at `servr`)", "did you mean `server`?")]),
        ("server:\n  listn: []\n", &[("2:3", "`server.listn`", "did you mean `listen`?")]),
        ("server:\n  port: 80\n", &[("2:3", "`port`", "the members here are `listen`, `ops`, `threads`")]),
        ("log: {levl: info}\n", &[("1:7", "`levl`", "did you mean `level`?")]),
        ("providers: {openai: {api_kye: x}}\n", &[("1:22", "`providers.openai.api_kye`", "did you mean `api_key`?")]),
        (
            "routes:\n- name: r\n  mach: {}\n  candidates: [ollama/m]\nproviders:\n  ollama:\n",
            &[("3:3", "`routes[0].mach`", "did you mean `match`?")],
        ),
        ("limits: {request_per_minute: 1}\n", &[("1:10", "", "did you mean `requests_per_minute`?")]),
        ("timeouts: {firstbyte: 1s}\n", &[("1:12", "", "did you mean `first_byte`?")]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn values_of_the_wrong_type_say_which_is_right() {
    let cases: &[(&str, &[Said<'_>])] = &[
        ("server: {threads: many}\n", &[("1:19", "here stands text", "write a whole number of at least 1")]),
        ("server: {threads: 0}\n", &[("1:19", "here stands 0", "at least 1")]),
        ("server: {threads: 5000}\n", &[("1:19", "at most 1024 threads", "as many as there are cores")]),
        ("server: {threads: [1]}\n", &[("1:10", "here stands a list", "whole number")]),
        ("server: 5\n", &[("1:9", "here stands text", "write a map of members")]),
        ("server: {listen: {address: x}}\n", &[("1:10", "here stands a map", "write a list")]),
        ("timeouts: {connect: 30}\n", &[("1:21", "`30` is no duration", "such as `30s`")]),
        ("timeouts: {idle: 0s}\n", &[("1:18", "longer than nothing", "`1ms`")]),
        ("timeouts: {total: 90d}\n", &[("1:19", "at most 30 days", "`30d`")]),
        ("server: {max_body: 1 parsec}\n", &[("1:20", "`1 parsec` is no size", "`32MiB`")]),
        ("server: {max_body: 2GiB}\n", &[("1:20", "between 1 byte and 1GiB", "")]),
        ("health: {trip_after: -1}\n", &[("1:22", "out of range", "at least 1")]),
        (
            "health: {cooldown: 10m}\nlog:\n",
            &[("1:1", "`max_cooldown` is shorter than `cooldown`", "write `10m` or more")],
        ),
        ("log: {requests: \"yes\"}\n", &[("1:17", "here stands text", "write `true` or `false`")]),
        ("log: {level: loud}\n", &[("1:14", "`loud` is none of the words", "write one of `error`, `warn`")]),
        ("log: {level: inof}\n", &[("1:14", "`inof`", "did you mean `info`?")]),
        (
            "log: {format:}\nkeys: 4\n",
            &[
                ("1:13", "here stands nothing", "remove the member"),
                ("2:7", "here stands a whole number", "write a list"),
            ],
        ),
        ("filters: [{use: f, slot: after}]\n", &[("1:26", "`after` is none", "write one of `after_auth`")]),
        ("filters: [{slot: on_event}]\n", &[("1:11", "`use` is missing (at `filters[0]`)", "add `use: …`")]),
        ("endpoints:\n  e: {model: m}\n", &[("2:3", "`provider` is missing (at `endpoints.e`)", "add `provider: …`")]),
        ("models: {m: {}}\n", &[("1:10", "`candidates` is missing (at `models.m`)", "add `candidates: …`")]),
        ("models: {m: {candidates: ~}}\n", &[("1:26", "there are no candidates", "at least one")]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn variables_that_cannot_be_filled_in_are_named() {
    let cases: &[(&str, &[Said<'_>])] = &[
        (
            "providers:\n  openai:\n    api_key: ${NOPE}\n",
            &[("3:14", "the environment variable `NOPE` is not set", "set `NOPE`, or `NOPE_FILE`")],
        ),
        ("providers:\n  openai:\n    api_key: ${EMPTY}\n", &[("3:14", "the secret is empty", "")]),
        ("providers:\n  openai:\n    api_key: ${SET\n", &[("3:14", "`${` is not closed", "write `$${`")]),
        ("log: {file: \"${A B}\"}\n", &[("1:13", "holds no name", "write `${NAME}`")]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn servers_that_cannot_listen() {
    let cases: &[(&str, &[Said<'_>])] = &[
        ("server: {ops: localhost:1}\n", &[("1:15", "`localhost:1` is no IP address with a port", "127.0.0.1:4000")]),
        (
            "server: {ops: 127.0.0.1:4000}\n",
            &[("1:15", "`server.ops` is 127.0.0.1:4000, where clients are served already", "a port of their own")],
        ),
        (
            "server:\n  listen:\n  - address: 0.0.0.0:1\n  - address: 127.0.0.1:1\n",
            &[("4:14", "is taken by an address above", "change its port")],
        ),
        (
            "server: {listen: [{address: \"[::]:1\", tls: {cert: no.pem, key: cert.pem}}]}\n",
            &[("1:51", "the certificate cannot be read", "")],
        ),
        (
            "server: {listen: [{address: \"[::]:1\", tls: {cert: empty.pem, key: cert.pem}}]}\n",
            &[("1:51", "no PEM certificate in this file", ""), ("1:67", "no PEM private key in this file", "")],
        ),
        ("server: {listen: [{tls: {cert: a, key: b}}]}\n", &[("1:19", "`address` is missing", "")]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn keys_that_are_none() {
    let double = format!("keys:\n- {{id: aB3dE5gH, hash: \"{HASH}\"}}\n- {{id: aB3dE5gH, hash: \"{HASH}\"}}\n");
    let cases: &[(&str, &[Said<'_>])] = &[
        (&double, &[("3:8", "`aB3dE5gH` is given twice, first at t.yaml:2:8", "remove one")]),
        (
            "keys:\n- {id: a, hash: b}\n",
            &[("2:8", "a key id is 8 letters", "tollgate key create"), ("2:17", "begins with `sha256:`", "")],
        ),
        ("keys: [{name: x}]\n", &[("1:8", "`id` is missing (at `keys[0]`)", "")]),
        ("key_hashing: {algorithm: md5}\n", &[("1:26", "`md5` is none of the words", "`sha256`, `bcrypt`")]),
        ("key_hashing: {algorithm: bcrypt, bcrypt_cost: 31}\n", &[("1:47", "31 is out of bounds", "4 to 16")]),
        ("key_hashing: {bcrypt_cost: 10}\n", &[("1:28", "means nothing to sha256", "`algorithm: bcrypt`")]),
        ("key_hashing: {pepper: a, pepper_file: blank}\n", &[("1:39", "both given", "keep one")]),
        ("key_hashing: {pepper_file: blank}\n", &[("1:28", "the secret is empty", "")]),
        ("key_hashing: {pepper_file: gone}\n", &[("1:28", "cannot be read", "")]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn vendors_that_cannot_be_called() {
    let cases: &[(&str, &[Said<'_>])] = &[
        (
            "providers: {opnai: {}}\n",
            &[(
                "1:13",
                "`opnai` is no vendor known by its name",
                "did you mean `openai`? otherwise add `dialect` and `base_url`",
            )],
        ),
        ("providers: {mine: {dialect: openai}}\n", &[("1:13", "has no `base_url`", "add `base_url`")]),
        ("providers: {openai: {}}\n", &[("1:13", "without a credential", "add `api_key: ${OPENAI_API_KEY}`")]),
        ("providers: {ollama: {dialect: opneai}}\n", &[("1:31", "`opneai`", "did you mean `openai`?")]),
        ("providers: {ollama: {http: 3}}\n", &[("1:28", "`3` is none of the words", "`1.1`, `2`")]),
        ("providers: {ollama: {base_url: box/v1}}\n", &[("1:32", "no scheme", "begin it with `https://`")]),
        ("providers: {ollama: {base_url: http://u:p@box/v1}}\n", &[("1:32", "a credential in a URL", "`api_key`")]),
        ("providers: {ollama: {base_url: http://box/v1/chat/completions}}\n", &[("1:32", "is added by itself", "")]),
        (
            "providers: {anthropic: {api_key: k, base_url: http://box/v1}}\n",
            &[("1:47", "`/v1/messages` is added", "before `/v1`")],
        ),
        ("providers: {ollama: {api_key: \"a\\nb\"}}\n", &[("1:31", "cannot go into a header", "line breaks")]),
        ("providers: {ollama: {api_key: a, api_key_file: b}}\n", &[("1:48", "both given", "")]),
        ("providers: {ollama: {headers: {\"a b\": c}}}\n", &[("1:32", "is no name of a header", "")]),
        ("providers: {ollama: {headers: {Host: c}}}\n", &[("1:32", "`host` is set by the gateway", "remove it")]),
        ("providers: {ollama: {ca_file: empty.pem}}\n", &[("1:31", "no PEM certificate", "")]),
        (
            "providers: {a/b: {dialect: openai, base_url: http://x}}\n",
            &[("1:13", "`a/b` is no name for a provider", "letters, digits")],
        ),
        (
            "providers: {ollama: {timeouts: {total: 1s}}}\n",
            &[("1:33", "`total`", "the members here are `connect`, `first_byte`, `idle`")],
        ),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of one fact")]
fn references_point_at_their_own_line() {
    let cases: &[(&str, &[Said<'_>])] = &[
        (
            "endpoints: {e: {provider: z, model: m}}\n",
            &[("2:27", "there is no provider `z`", "configured are `p`, `q`")],
        ),
        ("endpoints: {e: {provider: p, model: \"\"}}\n", &[("2:37", "the model's id is empty", "")]),
        (
            "endpoints: {e: {provider: p, model: m, price_as: m}}\n",
            &[("2:50", "names no catalogue entry", "`provider/model`")],
        ),
        ("endpoints: {e: {provider: p, model: m, base_url: x}}\n", &[("2:50", "no scheme", "")]),
        (
            "models:\n  m: {candidates: [p/a, z/b]}\n",
            &[("3:25", "there is no provider for `z/b`", "add it under `providers`")],
        ),
        ("models:\n  m: {candidates: [p/]}\n", &[("3:20", "no model after its slash", "")]),
        (
            "models:\n  m: {candidates: [fast]}\n",
            &[("3:20", "there is no endpoint `fast` (at `models.m.candidates[0]`)", "`provider/fast`")],
        ),
        (
            "endpoints: {fast: {provider: p, model: m}}\nmodels:\n  m: {candidates: [fats]}\n",
            &[("4:20", "`fats`", "did you mean `fast`?")],
        ),
        (
            "models:\n  m: {candidates: [p/a]}\n  n: {candidates: [m]}\n",
            &[("4:20", "`m` is a model; a model's candidates are endpoints", "")],
        ),
        ("models:\n  m: {candidates: []}\n", &[("3:7", "there are no candidates", "name at least one")]),
        ("models:\n  m: {candidates: [p/a, p/a]}\n", &[("3:25", "is a candidate already", "once")]),
        (
            "models:\n  m: {candidates: [p/a], aliases: [n]}\n  n: {candidates: [p/a]}\n",
            &[("3:36", "`n` is taken by a model at t.yaml:4:3", "")],
        ),
        ("models:\n  m: {candidates: [p/a], aliases: [x, x]}\n", &[("3:39", "`x` is taken", "")]),
        ("models:\n  a b: {candidates: [p/a]}\n", &[("3:3", "`a b` is no name for a model", "")]),
        (
            "endpoints: {e: {provider: p, model: m}}\nmodels:\n  e: {candidates: [e]}\n",
            &[("4:3", "also the name of an endpoint", "rename one")],
        ),
        (
            "routes:\n- {name: r, candidates: [modle]}\nmodels: {model: {candidates: [p/a]}}\n",
            &[("3:26", "there is no endpoint or model `modle`", "did you mean `model`?")],
        ),
        (
            "routes:\n- {name: r, candidates: [p/a]}\n- {name: s, candidates: [p/a]}\n",
            &[("4:10", "never reached: `r` above takes every request", "move it up")],
        ),
        (
            "routes:\n- {name: r, match: {stream: true}, candidates: [p/a]}\n- {name: r, candidates: [p/a]}\n",
            &[("4:10", "two routes `r`", "")],
        ),
        (
            "routes:\n- {name: r, match: {task: [cod]}, candidates: [p/a]}\n",
            &[("3:28", "`cod`", "did you mean `code`?")],
        ),
        (
            "routes:\n- {name: r, match: {complexity: hard}, candidates: [p/a]}\n",
            &[("3:33", "`hard`", "write one of `simple`, `complex`")],
        ),
        (
            "routes:\n- {name: r, match: {tenant: [acme]}, candidates: [p/a]}\n",
            &[("3:30", "there is no tenant `acme`", "add a key of that tenant")],
        ),
        (
            "routes:\n- {name: r, match: {model: [\"\"]}, candidates: [p/a]}\n",
            &[("3:29", "an empty pattern fits no model", "")],
        ),
        (
            "routes:\n- {name: r, match: {header: {\"x y\": z}}, candidates: [p/a]}\n",
            &[("3:30", "is no name of a header", "")],
        ),
        (
            "routes:\n- {name: r, match: {stream: maybe}, candidates: [p/a]}\n",
            &[("3:29", "here stands text", "`true` or `false`")],
        ),
    ];
    for (text, said) in cases {
        check(&format!("{TWO}{text}"), said);
    }
}

#[test]
fn deadlines_that_cannot_be_kept() {
    let starts = "it must be `default`, `priority`, `auto`, or a time: `30s`";
    let percent = "write per cent, more than 50 and less than 100";
    let cases: &[(&str, &[Said<'_>])] = &[
        (
            "deadlines: {start_within: soon}\n",
            &[("1:27", "`soon` says no start (at `deadlines.start_within`)", starts)],
        ),
        ("deadlines: {start_within: 30}\n", &[("1:27", "`30` says no start", starts)]),
        ("deadlines: {start_within: flex}\n", &[("1:27", "`flex` says no start", starts)]),
        (
            "deadlines: {start_within: 25h}\n",
            &[("1:27", "`25h` is longer than `longest`, which is 1d", "write `1d` or less, or raise `longest`")],
        ),
        (
            "deadlines:\n  start_within: 1m1s\n  longest: 1m\n",
            &[("2:17", "`1m1s` is longer than `longest`, which is 1m", "write `1m` or less")],
        ),
        ("deadlines: {start_withn: 30s}\n", &[("1:13", "`start_withn`", "did you mean `start_within`?")]),
        ("deadlines: {require: always}\n", &[("1:22", "here stands text", "write `true` or `false`")]),
        ("deadlines: {race: overlp}\n", &[("1:19", "`overlp` is none of the words", "did you mean `overlap`?")]),
        ("deadlines: {race: both}\n", &[("1:19", "`both` is none", "write one of `overlap`, `sequential`")]),
        ("deadlines: {longest: 31d}\n", &[("1:22", "at most 30 days", "`30d`")]),
        ("deadlines: {least_wait: 0ms}\n", &[("1:25", "longer than nothing", "`1ms`")]),
        ("deadlines: {first_content: 3}\n", &[("1:28", "`3` is no duration", "such as `3s`")]),
        ("deadlines: {flex_rest: short}\n", &[("1:24", "`short` is no duration", "`30s`")]),
        ("deadlines: {flex_stalls: 0}\n", &[("1:26", "here stands 0", "at least 1")]),
        ("deadlines: {flex_stalled_rest: ~}\n", &[("1:32", "here stands nothing", "remove the member")]),
        ("deadlines: {in_time_percent: 50}\n", &[("1:30", "`50` is no share of requests that start in time", percent)]),
        ("deadlines: {in_time_percent: 100}\n", &[("1:30", "`100` is no share", percent)]),
        ("deadlines: {in_time_percent: 99.99999}\n", &[("1:30", "`99.99999`", "at most four places")]),
        ("deadlines: {in_time_percent: most}\n", &[("1:30", "`most`", percent)]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}

#[test]
fn hedges_that_are_none() {
    let percent = "write per cent, more than 0 and at most 100";
    let cases: &[(&str, &[Said<'_>])] = &[
        ("{}", &[("3:32", "`extra_percent` is missing (at `routes[0].hedge`)", "add `extra_percent: …`")]),
        ("5", &[("3:39", "here stands text", "write a map of members")]),
        ("{extra: 5}", &[("3:40", "`extra`", "the members here are `extra_percent`")]),
        ("{extra_percent: 0}", &[("3:55", "`0` is no share of attempts beyond one a request", percent)]),
        ("{extra_percent: 101}", &[("3:55", "`101` is no share", percent)]),
        ("{extra_percent: -5}", &[("3:55", "`-5` is no share", percent)]),
        ("{extra_percent: 0.00001}", &[("3:55", "`0.00001` is no share", "at most four places")]),
    ];
    for (hedge, said) in cases {
        check(&format!("{TWO}routes:\n- {{name: r, candidates: [p/a], hedge: {hedge}}}\n"), said);
    }
    let of_a_model = format!("{TWO}models:\n  m: {{candidates: [p/a], hedge: {{extra_percent: 5}}}}\n");
    check(&of_a_model, &[("3:26", "there is no member `hedge` here", "the members here are `candidates`, `aliases`")]);
}

#[test]
fn fees_that_nobody_means() {
    let places = "write per cent as a plain decimal with at most four places";
    let cases: &[(&str, &[Said<'_>])] = &[
        ("fees: {cost_percent: -1}\n", &[("1:22", "`-1` is no fee (at `fees.cost_percent`)", places)]),
        ("fees: {cost_percent: 1000.1}\n", &[("1:22", "`1000.1` is no fee", places)]),
        ("fees: {byok_percent: 0.00001}\n", &[("1:22", "`0.00001` is no fee", places)]),
        ("fees: {byok_percent: 5%}\n", &[("1:22", "`5%` is no fee", places)]),
        (
            "fees: {saving_percent: 100.5}\n",
            &[("1:24", "`100.5` is no share of a saving", "at most 100, with at most four places")],
        ),
        ("fees: {saving_percent: -1}\n", &[("1:24", "`-1` is no share of a saving", "dearer than an ordinary one")]),
    ];
    for (text, said) in cases {
        check(text, said);
    }
}
