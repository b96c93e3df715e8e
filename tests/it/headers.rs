//! Where a request goes by what it asks for, and what the answer's headers say of it.

use serde_json::{Value, json};
use tollgate_simulate::{Distribution, Profile};

use crate::world::{Chat, World, until};

const CODE: &str = "Write a Python function that sorts a linked list";
const TRANSLATE: &str = "Translate this into French: good morning, neighbour, how are you today?";

fn endpoint_of(world: &World, chat: Chat) -> String {
    let answer = world.chat(chat);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-tollgate-endpoint").unwrap_or_default().to_owned()
}

#[test]
fn an_answer_says_who_gave_it_and_under_which_id() {
    let world = World::with().openai("steady", Profile::default()).anthropic("other", Profile::default()).start();
    let mut ids = std::collections::HashSet::new();
    for name in ["steady", "other"] {
        for chat in [Chat::only(name), Chat::only(name).streamed()] {
            let answer = world.chat(chat);
            assert_eq!(answer.header("x-tollgate-endpoint"), Some(name));
            assert_eq!(answer.header("x-tollgate-model"), Some(format!("{name}-model").as_str()));
            assert!(ids.insert(answer.header("x-tollgate-request-id").expect("an id").to_owned()), "ids are unique");
            let line = world.line_of(&answer);
            assert_eq!((&line["status"], &line["outcome"]), (&json!(200), &json!("answered")));
            assert_eq!((&line["tenant"], &line["model"]), (&json!("acme"), &json!(format!("only-{name}"))));
        }
    }
    let refused = world.chat(Chat::to("no-such-model"));
    assert!(refused.header("x-tollgate-request-id").is_some(), "errors have an id too");
    assert_eq!(world.line_of(&refused)["code"], "model_not_found");
}

#[test]
fn a_stream_is_an_event_stream_that_nobody_may_buffer() {
    let world = World::steady();
    let answer = world.chat(Chat::only("steady").streamed());
    assert!(answer.header("content-type").is_some_and(|t| t.starts_with("text/event-stream")));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
}

#[test]
fn auto_goes_by_task_and_says_which() {
    let world = World::with()
        .openai("coder", Profile::default())
        .anthropic("talker", Profile::default())
        .section(
            "routes",
            "\n  - {name: code, match: {model: [auto], task: [code]}, candidates: [coder]}\n  - {name: rest, match: {model: [auto]}, candidates: [talker]}",
        )
        .start();
    let answer = world.chat(Chat::to("auto").saying(CODE));
    assert_eq!(answer.header("x-tollgate-endpoint"), Some("coder"));
    assert_eq!(answer.header("x-tollgate-task"), Some("code"));
    assert!(matches!(answer.header("x-tollgate-complexity"), Some("simple" | "complex")));
    assert!(answer.header("x-tollgate-rule").is_some_and(|r| !r.is_empty()));
    let line = world.line_of(&answer);
    assert_eq!((&line["task"], &line["route"]), (&json!("code"), &json!("code")));

    let answer = world.chat(Chat::to("auto").saying(TRANSLATE).streamed());
    assert_eq!(answer.header("x-tollgate-endpoint"), Some("talker"));
    assert_eq!(answer.header("x-tollgate-task"), Some("translation"));
    assert_eq!(world.chat(Chat::only("coder")).header("x-tollgate-task"), None, "no label where it changes nothing");
}

#[test]
fn auto_without_a_route_for_its_task_is_a_404_that_names_the_task() {
    let world = World::with()
        .openai("coder", Profile::default())
        .section("routes", "\n  - {name: code, match: {model: [auto], task: [code]}, candidates: [coder]}")
        .start();
    let answer = world.chat(Chat::to("auto").saying(TRANSLATE));
    assert_eq!((answer.status, answer.code().as_str()), (404, "model_not_found"));
    assert!(answer.text().contains("translation"), "{}", answer.text());
}

#[test]
fn routes_look_at_headers_tools_streams_and_model_patterns() {
    let world = World::with()
        .openai("blue", Profile::default())
        .openai("tooled", Profile::default())
        .openai("flowing", Profile::default())
        .openai("plain", Profile::default())
        .section(
            "routes",
            "\n  - {name: h, match: {header: {x-team: blue}}, candidates: [blue]}\n  - {name: t, match: {tools: true}, candidates: [tooled]}\n  - {name: s, match: {stream: true, model: [\"*-plain\"]}, candidates: [flowing]}",
        )
        .start();
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    assert_eq!(endpoint_of(&world, Chat::only("plain")), "plain");
    assert_eq!(endpoint_of(&world, Chat::only("plain").streamed()), "flowing");
    assert_eq!(endpoint_of(&world, Chat::only("plain").with("tools", tools)), "tooled");
    let answer = world.chat_with(&[("x-team", "blue")], Chat::only("plain").streamed());
    assert_eq!(answer.header("x-tollgate-endpoint"), Some("blue"), "the first route that matches wins");
}

#[test]
fn a_model_has_aliases_and_can_be_narrowed_to_a_provider() {
    let world = World::with()
        .openai("steady", Profile::default())
        .anthropic("other", Profile::default())
        .aliased("both", "steady, other", "quick, cheap")
        .start();
    for name in ["both", "quick", "cheap", "only-steady", "steady/both", "steady/steady-model"] {
        assert_eq!(endpoint_of(&world, Chat::to(name)), "steady", "{name}");
    }
    for name in ["other/both", "other/quick", "other/other-model"] {
        assert_eq!(endpoint_of(&world, Chat::to(name)), "other", "{name}");
    }
    for name in ["nobody/both", "steady/nothing", "Both", ""] {
        assert!(matches!(world.chat(Chat::to(name)).status, 400 | 404), "{name}");
    }
}

#[test]
fn models_can_be_listed_and_asked_for_one_by_one() {
    let world = World::with().openai("steady", Profile::default()).aliased("both", "steady", "quick").start();
    for prefix in ["/v1", "/api/v1"] {
        let list = world.get(&format!("{prefix}/models")).json();
        assert_eq!(list["object"], "list");
        let ids: Vec<_> = list["data"].as_array().expect("a list").iter().map(|m| m["id"].clone()).collect();
        assert_eq!(ids, ["both", "only-steady", "quick"]);
        let one = world.get(&format!("{prefix}/models/both"));
        assert_eq!((one.status, &one.json()["id"], &one.json()["object"]), (200, &json!("both"), &json!("model")));
        let none = world.get(&format!("{prefix}/models/none"));
        assert_eq!((none.status, none.code().as_str()), (404, "model_not_found"));
    }
    let stranger = world.ask("GET", "/v1/models", &[], b"");
    assert_eq!((stranger.status, stranger.code().as_str()), (401, "missing_key"));
}

#[test]
fn every_surface_is_also_under_api() {
    let world = World::steady();
    let bearer = format!("Bearer {}", world.key);
    for path in ["/v1/chat/completions", "/api/v1/chat/completions"] {
        let answer = world.ask("POST", path, &[("authorization", &bearer)], &Chat::only("steady").bytes());
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[test]
fn the_root_answers_probes_and_other_paths_say_what_there_is() {
    let world = World::steady();
    assert_eq!(world.ask("GET", "/", &[], b"").status, 200);
    let mut connection = world.connect();
    connection.send("HEAD / HTTP/1.1\r\nhost: gate.test\r\n\r\n");
    assert_eq!(connection.head().expect("a head").status, 200);
    for (method, path, status, code) in [
        ("GET", "/v1/nothing", 404, "unknown_path"),
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ] {
        let answer = world.ask(method, path, &[], b"");
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
    let reference = world.ask("GET", "/docs/errors", &[], b"");
    assert!(reference.status == 200 && reference.text().contains("all_endpoints_failed"), "doc_url leads somewhere");
}

#[test]
fn health_readiness_and_metrics_have_a_listener_of_their_own() {
    let world = World::steady();
    for path in ["/health", "/ready", "/health/liveliness", "/health/readiness", "/metrics"] {
        assert_eq!(world.ops_get(path).status, 200, "{path}");
        assert_eq!(world.get(path).status, 404, "{path} is not for clients");
    }
    assert!(
        world.ops_get("/metrics").header("content-type").is_some_and(|t| t.starts_with("text/plain; version=0.0.4"))
    );
    assert_eq!(world.seen("steady").requests, 0, "a probe never calls a model");
}

#[test]
fn upstreams_get_headers_of_ours_and_the_trace_and_nothing_else_of_the_clients() {
    let world = World::with().openai("steady", Profile::default()).anthropic("other", Profile::default()).start();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        ("traceparent", trace),
        ("cookie", "session=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-secret", "1"),
        ("accept-encoding", "gzip"),
        ("user-agent", "client/1"),
        ("connection", "keep-alive, x-secret"),
    ];
    for name in ["steady", "other"] {
        world.chat_with(&headers, Chat::only(name));
        let request = world.seen(name).last.expect("it was asked");
        assert_eq!(request.header("traceparent"), Some(trace));
        assert!(request.header("user-agent").is_some_and(|a| a.starts_with("tollgate/")));
        for absent in ["cookie", "x-forwarded-for", "x-secret", "accept-encoding"] {
            assert_eq!(request.header(absent), None, "{absent}");
        }
    }
}

#[test]
fn the_vendors_own_headers_stay_with_us() {
    let profile = Profile {
        headers: vec![("set-cookie".into(), "vendor=1".into()), ("x-vendor".into(), "1".into())],
        ..Profile::default()
    };
    let world = World::with().openai("steady", profile).start();
    for chat in [Chat::only("steady"), Chat::only("steady").streamed()] {
        let answer = world.chat(chat);
        assert_eq!((answer.header("set-cookie"), answer.header("x-vendor")), (None, None));
    }
}

#[test]
fn a_same_dialect_vendor_gets_the_clients_bytes_with_the_model_alone_replaced() {
    let world = World::steady();
    let body = |model: &str| {
        format!(
            r#" {{ "x_unknown" : {{"b":1.0e+2,"a":[1,  2]}}, "model" :"{model}","temperature":0.70,"messages":[{{"role":"user","content":"caf\u00e9 é"}}] ,"n":1 }}"#
        )
    };
    assert_eq!(world.post(body("only-steady")).status, 200);
    let sent = world.seen("steady").last.expect("it was asked").body;
    assert_eq!(String::from_utf8_lossy(&sent), body("steady-model"));
}

#[test]
fn every_error_has_its_code_rule_remedy_and_place_in_the_reference() {
    let world = World::steady();
    for answer in [world.post("{"), world.chat(Chat::to("none")), world.ask("GET", "/nothing", &[], b"")] {
        let error: Value = answer.json()["error"].clone();
        for member in ["message", "type", "code", "rule", "remedy", "doc_url"] {
            assert!(error[member].as_str().is_some_and(|m| !m.is_empty()), "{member} in {error}");
        }
        let doc_url = error["doc_url"].as_str().unwrap_or_default();
        assert!(doc_url.ends_with(&format!("#{}", answer.code())), "{doc_url}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[test]
fn the_overhead_is_what_is_left_of_the_time_without_the_upstreams() {
    let late = Profile { latency: Distribution::Fixed(400), ..Profile::default() };
    let world = World::with().openai("late", late).start();
    let line = world.line_of(&world.chat(Chat::only("late")));
    let ms = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"));
    assert!(ms("total_ms") >= 400.0, "{line}");
    assert!(ms("overhead_ms") < 200.0, "{line}");
    let summed = world.metric("tollgate_overhead_seconds_sum", &[]);
    assert!(summed < 0.2, "{summed}");
}

#[test]
fn request_lines_go_where_they_are_told_or_nowhere() {
    let world = World::with().openai("steady", Profile::default()).section("log", "{file: requests.jsonl}").start();
    world.chat(Chat::only("steady"));
    let file = world.folder().join("requests.jsonl");
    until("a line is in the file", || {
        std::fs::read_to_string(&file).unwrap_or_default().contains("only-steady").then_some(())
    });
    assert_eq!(world.stdout(), "");

    let mut silent = World::with().openai("steady", Profile::default()).section("log", "{requests: false}").start();
    silent.chat(Chat::only("steady"));
    silent.signal("TERM");
    silent.wait_for_exit();
    assert_eq!(silent.stdout(), "");
}

#[test]
fn a_cap_in_openais_newer_word_reaches_a_vendor_that_has_only_the_older() {
    for (vendor, sent) in [("mistral", "max_tokens"), ("openai", "max_completion_tokens")] {
        let world = World::with().of_vendor("north", vendor).start();
        world.chat(Chat::only("north").with("max_completion_tokens", json!(7)));
        let body: Value = serde_json::from_slice(&world.seen("north").last.expect("it was asked").body).expect("JSON");
        let caps: Vec<_> =
            ["max_tokens", "max_completion_tokens"].into_iter().filter(|name| body[*name] == 7).collect();
        assert_eq!(caps, [sent], "{vendor}: {body}");
    }
}
