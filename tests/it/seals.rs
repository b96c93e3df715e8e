//! Reasoning that a vendor sealed in another account, or before the conversation changed: it refuses the request,
//! and the conversation goes on without.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::bare::BareVendor;
use crate::http::Answer;
use crate::world::World;

/// What marks reasoning that the vendor cannot read.
const SEAL: &str = "gAAAelsewhere";

/// A surface, a dialect, and how they say all this.
struct Case {
    dialect: &'static str,
    /// Further lines of the provider.
    extra: &'static str,
    path: &'static str,
    /// A conversation with the seal in it.
    asks: Value,
    /// What the vendor says of the seal.
    refusal: Value,
    /// What it answers without.
    answer: Value,
}

/// Requests as the vendor saw them: their bodies.
type Seen = Arc<Mutex<Vec<Value>>>;

impl Case {
    /// The vendor, which refuses the seal; `stubborn`, it refuses everything.
    fn vendor(&self, stubborn: bool) -> (BareVendor, Seen) {
        let seen = Seen::default();
        let (kept, refusal, answer) = (Arc::clone(&seen), self.refusal.to_string(), self.answer.to_string());
        let vendor = BareVendor::spawn(move |_, mut wire| {
            while let Some(request) = wire.request() {
                let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                kept.lock().expect("unbroken").push(serde_json::from_str(body).expect("JSON"));
                if stubborn || body.contains(SEAL) {
                    let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length:";
                    wire.write(format!("{head} {}\r\n\r\n{refusal}", refusal.len()));
                } else {
                    wire.answer(&answer);
                }
            }
        });
        (vendor, seen)
    }

    fn world(&self, vendor: &BareVendor) -> World {
        // Only OpenAI's dialects have their version in the URL.
        let url = vendor.base_url();
        let base_url = if self.dialect == "responses" { &url } else { url.trim_end_matches("/v1") };
        World::with().place("here", self.dialect, base_url.to_owned(), self.extra).start()
    }

    /// The same conversation, too long to be read by a worker.
    fn long(mut self) -> Self {
        let conversation = if self.dialect == "responses" { "input" } else { "messages" };
        self.asks[conversation][0]["content"] = "2+2? ".repeat(60_000).into();
        self
    }

    fn ask(&self, world: &World) -> Answer {
        let bearer = format!("Bearer {}", world.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        world.ask("POST", self.path, &headers, self.asks.to_string().as_bytes())
    }
}

fn openai() -> Value {
    json!({"error": {"message": "The encrypted content gAAA...here could not be verified. Reason: it could not be decrypted or parsed.",
        "type": "invalid_request_error", "param": null, "code": "invalid_encrypted_content"}})
}

fn anthropic() -> Value {
    json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation."}})
}

/// An answer of Anthropic's.
fn claude() -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "stop_sequence": null, "content": [{"type": "text", "text": "four"}],
        "usage": {"input_tokens": 3, "output_tokens": 5}})
}

fn cases() -> [Case; 5] {
    [responses(), messages(), chat(), gemini(), converse()]
}

fn responses() -> Case {
    Case {
        dialect: "responses",
        extra: "",
        path: "/v1/responses",
        asks: json!({"model": "only-here", "store": false, "include": ["reasoning.encrypted_content"], "input": [
            {"role": "user", "content": "2+2?"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEAL},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "4"},
        ]}),
        refusal: openai(),
        answer: json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
                "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "four", "annotations": []}]}],
                "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}}),
    }
}

fn messages() -> Case {
    let tool_use = json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}});
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    Case {
        dialect: "anthropic",
        extra: "",
        path: "/v1/messages",
        asks: json!({"model": "only-here", "max_tokens": 4096, "tools": [tool],
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [
            {"role": "user", "content": "2+2?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "so", "signature": SEAL}, tool_use,
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "4"}]},
        ]}),
        refusal: anthropic(),
        answer: claude(),
    }
}

/// The same in OpenAI's words, which are translated.
fn chat() -> Case {
    Case {
        dialect: "anthropic",
        extra: "",
        path: "/v1/chat/completions",
        asks: json!({"model": "only-here", "messages": [
            {"role": "user", "content": "2+2?"},
            {"role": "assistant", "content": "four", "thinking_blocks": [
                {"type": "thinking", "thinking": "so", "signature": SEAL},
            ]},
            {"role": "user", "content": "sure?"},
        ]}),
        refusal: anthropic(),
        answer: claude(),
    }
}

fn gemini() -> Case {
    Case {
        dialect: "gemini",
        extra: "",
        path: "/v1beta/models/only-here:generateContent",
        asks: json!({"contents": [
            {"role": "user", "parts": [{"text": "2+2?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": SEAL}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"x": 4}}}]},
        ]}),
        refusal: json!({"error": {"code": 400, "message": "Corrupted thought signature.", "status": "INVALID_ARGUMENT"}}),
        answer: json!({"candidates": [{"index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": [{"text": "four"}]}}],
                "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}}),
    }
}

fn converse() -> Case {
    Case {
        dialect: "converse",
        extra: "    vendor: bedrock\n",
        path: "/bedrock/model/only-here/converse",
        asks: json!({"messages": [
            {"role": "user", "content": [{"text": "2+2?"}]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "so", "signature": SEAL}}}, {"text": "four"},
            ]},
            {"role": "user", "content": [{"text": "sure?"}]},
        ]}),
        refusal: json!({"message": "The model returned the following errors: messages.1.content.0: Invalid `signature` in `thinking` block"}),
        answer: json!({"output": {"message": {"role": "assistant", "content": [{"text": "four"}]}},
                "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}}),
    }
}

#[test]
fn a_conversation_whose_reasoning_the_vendor_cannot_read_goes_on_without_it() {
    for case in cases() {
        let (vendor, seen) = case.vendor(false);
        let world = case.world(&vendor);
        let answer = case.ask(&world);
        assert_eq!(answer.status, 200, "{}: {}", case.path, answer.text());
        assert!(answer.text().contains("four"), "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-fallback-chain"), Some("here:400,here:ok"));
        let seen = seen.lock().expect("unbroken");
        assert_eq!(seen.len(), 2, "{}", case.path);
        assert!(seen[1].to_string().contains("2+2?") && !seen[1].to_string().contains(SEAL), "{}", seen[1]);

        let record = world.record_of(&answer);
        let attempts = record["attempts"].as_array().expect("a list");
        let why: Vec<_> = attempts.iter().map(|attempt| attempt["why"].as_str()).collect();
        assert_eq!(why, [None, Some("unsealed")], "{record}");
        assert_eq!(record["usage"]["output"], 5, "what was refused is not paid for: {record}");
        let fell = world.metric("tollgate_fallbacks_total", &[("from", "here"), ("to", "here")]);
        assert!(fell < 0.5, "nobody else stepped in");
    }
}

#[test]
fn what_the_vendor_would_miss_goes_with_the_reasoning() {
    for case in [responses(), responses().long(), messages(), messages().long()] {
        let (vendor, seen) = case.vendor(false);
        case.ask(&case.world(&vendor));
        let sent = seen.lock().expect("unbroken").pop().expect("asked twice");
        if case.dialect == "responses" {
            let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
            assert_eq!(sent["input"][1], call, "OpenAI knows by the id of a call that reasoning led to it");
        } else {
            assert_eq!(sent["thinking"], json!({"type": "disabled"}), "a turn that began without cannot go on with it");
            assert_eq!(sent["messages"][1]["content"][0]["type"], "tool_use");
        }
        assert_eq!(sent["include"], case.asks["include"], "all else is as the client wrote it");
    }
}

#[test]
fn a_vendor_that_refuses_it_all_the_same_is_heard_and_is_not_asked_a_third_time() {
    for case in cases() {
        let (vendor, seen) = case.vendor(true);
        let world = case.world(&vendor);
        for asked in [2, 4] {
            let answer = case.ask(&world);
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert_eq!(seen.lock().expect("unbroken").len(), asked, "{}", case.path);
        }
    }
}

#[test]
fn what_codex_leaves_null_is_not_sent_to_xai() {
    let of_xai = || Case { extra: "    vendor: xai\n", ..responses() };
    for mut case in [of_xai(), of_xai().long()] {
        let said = json!({"type": "reasoning", "summary": [], "content": null, "encrypted_content": "own"});
        case.asks["input"][1] = said;
        let (vendor, seen) = case.vendor(false);
        assert_eq!(case.ask(&case.world(&vendor)).status, 200);
        let sent = seen.lock().expect("unbroken").pop().expect("asked");
        assert_eq!(sent["input"][1], json!({"type": "reasoning", "summary": [], "encrypted_content": "own"}));
        assert_eq!(sent["input"][2], case.asks["input"][2], "nothing was refused, and nothing else changed");
    }
}
