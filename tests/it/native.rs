//! What a vendor has beside conversations, through the gateway: pictures, speech, files, vectors; how long a
//! prompt is; and errors in the words of whoever asked.

use serde_json::{Value, json};
use tollgate_auth::Algorithm;
use tollgate_simulate::{Fault, Profile};
use tollgate_store::{Covers, Period};

use crate::http::Answer;
use crate::office::Office;
use crate::plans::Key;
use crate::world::{Chat, World, faulty, status};

fn world() -> World {
    World::with().openai("north", Profile::default()).anthropic("south", Profile::default()).start()
}

fn post(world: &World, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", world.key);
    let own = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let headers = own.iter().filter(|(name, _)| headers.iter().all(|(n, _)| n != name)).chain(headers).copied();
    world.ask("POST", path, &headers.collect::<Vec<_>>(), body)
}

#[test]
fn pictures_go_to_the_vendor_of_their_model_under_its_own_name_for_it() {
    let world = world();
    let body = json!({"model": "only-north", "prompt": "a cat"});
    let answer = post(&world, "/v1/images/generations", &[], body.to_string().as_bytes());
    assert_eq!(answer.json()["model"], "north-model");
    assert_eq!(answer.header("x-tollgate-endpoint"), Some("north"));
    let line = world.line_of(&answer);
    assert_eq!(
        (&line["surface"], &line["status"], &line["output_tokens"]),
        (&json!("native"), &json!(200), &json!(100))
    );
}

#[test]
fn speech_comes_back_as_the_bytes_that_the_vendor_sent() {
    let world = world();
    let body = json!({"model": "north/north-model", "input": "hi", "voice": "alloy"});
    let answer = post(&world, "/v1/audio/speech", &[], body.to_string().as_bytes());
    assert_eq!((answer.header("content-type"), &answer.body[..3]), (Some("audio/mpeg"), &b"ID3"[..]));
}

#[test]
fn a_recording_is_sent_as_the_form_it_came_in_with_the_model_renamed() {
    let world = world();
    let form = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\xff\xfe\0\r\n\
        --x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nonly-north\r\n--x--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let answer = post(&world, "/v1/audio/transcriptions", &kind, form);
    assert_eq!(answer.json()["text"], format!("{} bytes by north-model", form.len() + 1));
}

#[test]
fn files_go_where_the_header_or_the_prefix_says_and_nowhere_by_guessing() {
    let world = world();
    let bearer = format!("Bearer {}", world.key);
    let get = |path: &str, more: &[(&str, &str)]| {
        let headers: Vec<_> = [("authorization", bearer.as_str())].iter().chain(more).copied().collect();
        world.ask("GET", path, &headers, b"")
    };
    let listed = get("/v1/files?limit=2", &[("x-tollgate-provider", "north")]).json();
    assert_eq!((&listed["method"], &listed["path"]), (&json!("GET"), &json!("/v1/files")));
    let unclear = get("/v1/files", &[]);
    assert_eq!((unclear.status, unclear.code()), (400, "unknown_provider".into()));
    let nobody = get("/v1/files", &[("x-tollgate-provider", "nobody")]);
    assert_eq!((nobody.status, nobody.code()), (400, "unknown_provider".into()));
    let batches = get("/anthropic/v1/batches", &[]);
    assert_eq!(batches.json()["path"], "/v1/batches", "the one provider that speaks Anthropic's dialect");
}

#[test]
fn a_vendors_own_path_needs_a_key_and_is_refused_where_a_budget_pays() {
    let world = world();
    let stranger = world.ask("GET", "/v1/files", &[], b"");
    assert_eq!((stranger.status, stranger.code()), (401, "missing_key".into()));
    let office = Office::of(&world);
    office.budget(Covers::Tenant, Period::Total, 1_000_000_000_000);
    office.is_taken_up_by(&world);
    let answer = post(&world, "/v1/images/generations", &[], br#"{"model":"only-north","prompt":"x"}"#);
    assert_eq!((answer.status, answer.code()), (400, "unbounded_cost".into()), "{}", answer.text());
    assert_eq!(world.seen("north").requests, 0);
}

#[test]
fn an_answer_that_has_no_body_ends_with_its_head() {
    let world = World::with().openai("north", status(204)).start();
    let mut connection = world.connect();
    for _ in 0..2 {
        let bearer = format!("Bearer {}", world.key);
        let headers = [("authorization", bearer.as_str()), ("x-tollgate-provider", "north")];
        connection.request("DELETE", "/v1/files/f", &headers, b"");
        let answer = connection.answer();
        assert_eq!((answer.status, answer.header("transfer-encoding"), answer.body.len()), (204, None, 0));
    }
}

/// Input, cached and output tokens of the request's line, and whether it costs something.
fn counted(world: &World, answer: &Answer) -> (Value, Value, Value, bool) {
    let line = world.line_of(answer);
    let cost = line["cost_usd"].as_str().is_some_and(|cost| cost != "0");
    (line["input_tokens"].clone(), line["cached_tokens"].clone(), line["output_tokens"].clone(), cost)
}

#[test]
fn a_picture_of_megabytes_and_a_streamed_one_are_counted() {
    let world = world();
    for more in [json!({}), json!({"stream": true})] {
        let mut body = json!({"model": "only-north", "prompt": "a cat", "size": "2048x1024"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let answer = post(&world, "/v1/images/generations", &[], body.to_string().as_bytes());
        assert!(answer.body.len() > 2 << 20, "{}", answer.body.len());
        let (input, _, output, costs) = counted(&world, &answer);
        assert_eq!((input, output, costs), (json!(10), json!(100), true), "{more}");
    }
}

#[test]
fn what_was_paid_for_may_be_fetched_as_often_as_one_likes() {
    let world = world();
    let of_north = ("x-tollgate-provider", "north");
    let bearer = format!("Bearer {}", world.key);
    for (method, path) in [("GET", "/v1/batches/b"), ("POST", "/v1/batches/b/cancel")] {
        let answer = world.ask(method, path, &[("authorization", &bearer), of_north], b"");
        assert_eq!(answer.json()["usage"]["output_tokens"], 7, "{path}");
        let line = world.line_of(&answer);
        assert_eq!(
            (&line["status"], &line["output_tokens"], &line["cost_usd"]),
            (&json!(200), &Value::Null, &Value::Null)
        );
    }
}

#[test]
fn what_was_refused_is_not_paid_for_whatever_its_error_reports() {
    let error = json!({"error": {"message": "moderated"}, "usage": {"input_tokens": 10, "output_tokens": 100}});
    let refusing = Fault::Status { status: 400, retry_after: None, body: Some(error.to_string()) };
    let world = World::with().openai("north", faulty(refusing)).start();
    let body = br#"{"model":"only-north","prompt":"a cat"}"#;
    let answer = post(&world, "/v1/images/generations", &[], body);
    assert_eq!((answer.status, &answer.json()["usage"]["output_tokens"]), (400, &json!(100)));
    assert_eq!(counted(&world, &answer), (Value::Null, Value::Null, Value::Null, false));
}

#[test]
fn what_is_stored_in_the_operators_account_is_not_shown_to_several_tenants() {
    let key = Key::new(2, "other", Algorithm::Sha256, "");
    let key = Key { entry: key.entry.replace("tenant: acme", "tenant: rival"), ..key };
    let plans = World::with().openai("north", Profile::default()).key(&key);
    let plans = plans.openai_with("ours", Profile::default(), "    storage_for: [acme]\n");
    let world = plans.openai_with("all", Profile::default(), "    storage_for: [\"*\"]\n").start();
    let asked = |key: &str, provider: &str, method: &str, path: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("x-tollgate-provider", provider)];
        let answer = world.ask(method, path, &headers, br#"{"prompt":"x"}"#);
        if answer.status == 403 {
            assert_eq!(answer.code(), "credential_required");
            assert!(answer.text().contains("storage_for"), "{}", answer.text());
        }
        answer.status
    };
    for (provider, mine, theirs) in [("north", 403, 403), ("ours", 200, 403), ("all", 200, 200)] {
        for (method, path) in [("GET", "/v1/files"), ("POST", "/v1/files"), ("DELETE", "/openai/v1/files/f")] {
            assert_eq!(asked(&world.key, provider, method, path), mine, "{provider} {path}");
            assert_eq!(asked(&key.text, provider, method, path), theirs, "{provider} {path}");
        }
        assert_eq!(asked(&key.text, provider, "POST", "/v1/images/generations"), 200, "work is for everybody");
    }
}

#[test]
fn while_the_store_is_away_nobody_knows_how_many_tenants_there_are() {
    let away = "{url: \"postgres://nobody@127.0.0.1:9/nothing\"}";
    let world = World::with().openai("north", Profile::default()).section("store", away).start_unready();
    assert_eq!(world.chat(Chat::only("north")).status, 200, "a key of the configuration works");
    let bearer = format!("Bearer {}", world.key);
    let headers = [("authorization", bearer.as_str()), ("x-tollgate-provider", "north")];
    let answer = world.ask("GET", "/v1/files", &headers, b"");
    assert_eq!((answer.status, answer.code()), (403, "credential_required".into()));
}

#[test]
fn what_is_invoked_at_amazon_is_counted_whole_and_streamed_and_guarded_as_asked() {
    let world = World::with().amazon("amazon").start();
    let guard = ("x-amzn-bedrock-guardrailidentifier", "strict");
    let anthropics = br#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[]}"#;
    for (verb, body) in [
        ("invoke", &anthropics[..]),
        ("invoke", b"{\"prompt\":\"x\"}"),
        ("invoke-with-response-stream", &anthropics[..]),
    ] {
        let answer = post(&world, &format!("/bedrock/model/amazon-model/{verb}"), &[guard], body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-amzn-requestid"), Some("simulated"));
        assert_eq!(counted(&world, &answer), (json!(14), json!(3), json!(22), true), "{verb}");
        if verb == "invoke" {
            assert!(answer.text().contains("strict"), "{}", answer.text());
            assert_eq!(answer.header("x-amzn-bedrock-output-token-count"), Some("22"));
        }
    }
    let last = world.seen("amazon").last.expect("a request");
    assert_eq!(last.path, "/model/amazon-model/invoke-with-response-stream");
}

#[test]
fn what_was_answered_is_fetched_where_its_surface_is_at_home() {
    let plans = World::with().openai_with("north", Profile::default(), "    also_speaks: [responses]\n");
    let world = plans.openai("other", Profile::default()).anthropic("south", Profile::default()).start();
    let bearer = format!("Bearer {}", world.key);
    let ask = |method: &str, path: &str| world.ask(method, path, &[("authorization", &bearer)], b"").json();
    for (method, path) in [
        ("GET", "/v1/responses/resp_1?include[]=x"),
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/v1/conversations/conv_1/items"),
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/messages/batches/b/results"),
    ] {
        let seen = ask(method, path);
        let place = if path.contains("messages") { "south" } else { "north" };
        assert_eq!((&seen["method"], &seen["path"]), (&json!(method), &json!(path.split('?').next())), "{seen}");
        assert_eq!(world.seen(place).last.map(|last| last.method).as_deref(), Some(method), "{path}");
    }
}

#[test]
fn a_vendor_that_is_not_there_is_a_503_that_says_so() {
    let world = World::with().openai("north", Profile::default()).at("gone", "http://127.0.0.1:9").start();
    let answer = post(&world, "/v1/images/generations", &[], br#"{"model":"only-gone","prompt":"x"}"#);
    assert_eq!((answer.status, answer.code()), (503, "all_endpoints_failed".into()));
}

#[test]
fn a_prompt_is_counted_by_its_vendor_where_that_counts_and_by_us_elsewhere() {
    let world = world();
    let body = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "Hello, world!"}]});
    let count = |model: &str| post(&world, "/v1/messages/count_tokens", &[], body(model).to_string().as_bytes());
    let theirs = count("only-south");
    let sent = body("south-model").to_string().len();
    assert_eq!(theirs.json()["input_tokens"], sent / 4);
    assert_eq!(theirs.header("x-tollgate-usage"), None);
    let ours = count("only-north");
    let tokens = ours.json()["input_tokens"].as_u64().expect("a number");
    assert!((4..40).contains(&tokens), "{tokens}");
    assert_eq!(ours.header("x-tollgate-usage"), Some("estimated"));
}

#[test]
fn models_are_listed_in_each_clients_words() {
    let world = world();
    let bearer = format!("Bearer {}", world.key);
    let get = |path: &str, more: &[(&str, &str)]| {
        let headers: Vec<_> = [("authorization", bearer.as_str())].iter().chain(more).copied().collect();
        world.ask("GET", path, &headers, b"").json()
    };
    assert_eq!(get("/v1/models", &[])["object"], "list");
    let anthropic = get("/v1/models", &[("anthropic-version", "2023-06-01")]);
    assert_eq!((&anthropic["data"][0]["type"], &anthropic["has_more"]), (&json!("model"), &json!(false)));
    let google = get("/v1beta/models", &[]);
    assert!(google["models"][0]["name"].as_str().is_some_and(|name| name.starts_with("models/")), "{google}");
}

#[test]
fn an_error_has_the_shape_of_the_surface_and_the_same_code_in_each() {
    let world = world();
    let body = br#"{"model":"nobody","messages":[{"role":"user","content":"x"}],"input":"x","contents":[{}]}"#;
    let says = |path: &str, code: &str, message: &str| {
        let answer = post(&world, path, &[], body);
        let said = answer.json();
        assert_eq!(answer.status, 404, "{path}: {said}");
        assert_eq!(said.pointer(code), Some(&json!("model_not_found")), "{path}: {said}");
        assert!(said.pointer(message).is_some_and(Value::is_string), "{path}: {said}");
    };
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"] {
        says(path, "/error/code", "/error/message");
    }
    says("/v1/messages", "/error/code", "/error/message");
    for path in ["/v1beta/models/nobody:generateContent", "/v1beta/models/nobody:streamGenerateContent"] {
        says(path, "/error/details/0/reason", "/error/message");
    }
    says("/bedrock/model/nobody/converse", "/code", "/message");
    let amazons = post(&world, "/bedrock/model/nobody/converse", &[], body);
    assert_eq!(amazons.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
    let messages = post(&world, "/v1/messages", &[], body).json();
    assert_eq!((&messages["type"], &messages["error"]["type"]), (&json!("error"), &json!("not_found_error")));
    for (path, at) in
        [("/anthropic/v1/files", "/error/type"), ("/bedrock/model/m/invoke", "/message"), ("/v1/files", "/error/code")]
    {
        let own = world.ask("GET", path, &[("x-tollgate-provider", "nobody"), ("x-api-key", &world.key)], b"");
        assert!(own.json().pointer(at).is_some(), "{path}: {}", own.text());
        assert_eq!(own.header("x-amzn-errortype").is_some(), path.starts_with("/bedrock"), "{path}");
    }
    let google = post(&world, "/v1beta/models/nobody:generateContent", &[], body).json();
    assert_eq!((&google["error"]["code"], &google["error"]["status"]), (&json!(404), &json!("NOT_FOUND")));
}

#[test]
fn the_key_is_taken_wherever_clients_put_it() {
    let world = world();
    let body = br#"{"model":"only-north","messages":[{"role":"user","content":"x"}]}"#;
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        assert_eq!(world.ask("POST", "/v1/chat/completions", &[(name, &world.key)], body).status, 200, "{name}");
    }
    let path = format!("/v1/chat/completions?key={}", world.key);
    assert_eq!(world.ask("POST", &path, &[], body).status, 200);
}

#[test]
fn a_cut_answer_of_a_vendors_own_path_has_no_end() {
    let world = World::with().openai("cut", faulty(Fault::CutBeforeHead)).start();
    let answer = post(&world, "/v1/audio/speech", &[], br#"{"model":"only-cut","input":"x"}"#);
    assert_eq!((answer.status, answer.code()), (503, "all_endpoints_failed".into()));
}

#[test]
fn vectors_come_as_the_client_wants_them_written_and_are_counted() {
    let world = world();
    let body = |encoding: &str| json!({"model": "only-north", "input": ["one", "two"], "dimensions": 3, "encoding_format": encoding});
    let ask = |encoding: &str| post(&world, "/v1/embeddings", &[], body(encoding).to_string().as_bytes());
    let (floats, packed) = (ask("float"), ask("base64"));
    assert_eq!(floats.json()["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(floats.json()["data"][1]["embedding"].as_array().map(Vec::len), Some(3));
    assert!(packed.json()["data"][0]["embedding"].is_string());
    let line = world.line_of(&floats);
    let tokens = floats.json()["usage"]["prompt_tokens"].clone();
    assert_eq!((&line["surface"], &line["input_tokens"]), (&json!("embeddings"), &tokens));
    assert_eq!((&line["output_tokens"], &line["usage"]), (&json!(0), &json!("reported")));
}

#[test]
fn vectors_of_a_vendor_that_has_none_are_a_400_that_says_so() {
    let world = world();
    let answer = post(&world, "/v1/embeddings", &[], br#"{"model":"only-south","input":"x"}"#);
    assert_eq!((answer.status, answer.code()), (400, "unsupported".into()));
}
