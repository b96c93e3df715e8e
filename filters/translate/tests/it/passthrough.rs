//! A stream in the client's own format, and the traps that vendors lay in it.

use bytes::Bytes;
use serde_json::Value;
use tollgate_api::{Cost, Usage};
use tollgate_translate::{Dialect, Out, Phase, Relay};

use crate::plain::plain;
use crate::relayed::{Came, no_price, relayed};
use crate::said::cents;

fn relay<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, wants_usage: bool, price: fn(&Usage) -> Option<Cost>) -> Came {
    relayed(Relay::passthrough(Dialect::OpenAi, &plain(wants_usage)), chunks, price, &mut |_| {})
}

/// All at once, the client wanting everything and nothing having a price.
fn whole(stream: &str) -> Came {
    relay([stream.as_bytes()], true, no_price)
}

/// The data of each event that is JSON.
fn payloads(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()).collect()
}

const ROLE: &str =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn content_begins_with_the_first_thing_to_read_or_to_call() {
    for (delta, phase) in [
        (r#"{"role":"assistant"}"#, Phase::Waiting),
        (r#"{"role":"assistant","content":""}"#, Phase::Waiting),
        (r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":[]}"#, Phase::Waiting),
        ("{}", Phase::Waiting),
        ("null", Phase::Waiting),
        (r#"{"content":"a"}"#, Phase::Content),
        (r#"{"content":[{"type":"thinking"}]}"#, Phase::Content),
        (r#"{"reasoning_content":"a"}"#, Phase::Content),
        (r#"{"reasoning":"a"}"#, Phase::Content),
        (r#"{"refusal":"a"}"#, Phase::Content),
        (r#"{"tool_calls":[{"index":0}]}"#, Phase::Content),
    ] {
        let event = format!("data: {{\"choices\":[{{\"delta\":{delta},\"finish_reason\":null}}]}}\n\n");
        assert_eq!(whole(&event).phase, phase, "{delta}");
    }
    let azure = "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n";
    assert_eq!(whole(&[": hello\n\n", azure, ROLE].concat()).phase, Phase::Waiting);
    let empty = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
    let mut relay = Relay::passthrough(Dialect::OpenAi, &plain(false));
    relay.push(empty.into(), &no_price, &mut |_| {}, &mut Out::default()).expect("a chunk");
    assert_eq!(relay.phase(), &Phase::Content);
}

#[test]
fn usage_that_only_the_gateway_asked_for_is_hidden_again() {
    let stream = [ROLE, TEXT, STOP, USAGE, DONE].concat();
    let came = relay([stream.as_bytes()], false, cents);
    assert_eq!(came.bytes, [ROLE, TEXT, STOP, DONE].concat());
    assert_eq!(came.usage.map(|usage| (usage.input, usage.output)), Some((3, 2)));
    assert_eq!(came.phase, Phase::Ended);
}

#[test]
fn usage_in_a_chunk_with_choices_stays_where_it_is() {
    let last = "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
    let stream = [TEXT, last, DONE].concat();
    let came = relay([stream.as_bytes()], false, cents);
    assert_eq!(came.bytes, stream);
    assert_eq!(came.usage.map(|usage| usage.total()), Some(5));
}

#[test]
fn usage_told_three_times_counts_once() {
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1},\"x_groq\":{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}}\n\n";
    let came = whole(&[TEXT, finish, USAGE, DONE].concat());
    assert_eq!(came.usage.map(|usage| (usage.input, usage.output)), Some((3, 2)));
}

#[test]
fn the_cost_is_written_into_the_usage_as_a_number() {
    for (usage, written) in [
        (r#"{"prompt_tokens":3}"#, r#"{"cost":0.03,"prompt_tokens":3}"#),
        (r#"{ "prompt_tokens":3, "cost" : {"total":9} }"#, r#"{ "prompt_tokens":3, "cost" : 0.03 }"#),
        (r#"{"cost":0.1,"prompt_tokens":3}"#, r#"{"cost":0.03,"prompt_tokens":3}"#),
    ] {
        for (before, after) in [("data: ", "\n\n"), ("id: 7\r\ndata:", "\r\nretry: 1\r\n\r\n")] {
            let event = |usage: &str| format!("{before}{{\"usage\":{usage},\"choices\":[]}}{after}");
            let came = relay([[TEXT, &event(usage), DONE].concat().as_bytes()], true, cents);
            assert_eq!(came.bytes, [TEXT, &event(written), DONE].concat());
        }
    }
    let lines = "data: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":3}}\n\n";
    let came = relay([[TEXT, lines].concat().as_bytes()], true, cents);
    assert_eq!(
        came.bytes,
        [TEXT, "data: {\"choices\":[], \"usage\":{\"cost\":0.03,\"prompt_tokens\":3}}\n\n"].concat()
    );
}

#[test]
fn an_error_in_place_of_the_first_event_is_a_failure() {
    for error in [
        "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n",
        "data: {\"error\":\"Overloaded\"}\n\n",
        "data: [{\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}]\n\n",
        "event: error\ndata: {\"message\":\"Overloaded\"}\n\n",
        "data: {\"object\":\"error\",\"message\":\"Overloaded\",\"type\":\"server_error\",\"code\":\"1500\"}\n\n",
    ] {
        let came = whole(&[": hello\n\n", ROLE, error].concat());
        match came.phase {
            Phase::Failed { message, kind } => {
                assert!(message.contains("Overloaded"), "{error}: {message}");
                assert!(!kind.is_empty());
            }
            other => panic!("{error}: {other:?}"),
        }
    }
}

#[test]
fn an_error_after_content_ends_the_stream_without_its_end_mark() {
    let error = "data: {\"error\":{\"message\":\"broke\",\"type\":\"server_error\"}}\n\n";
    let came = whole(&[TEXT, error, TEXT, DONE].concat());
    assert_eq!(came.bytes, [TEXT, error].concat());
    assert!(matches!(came.phase, Phase::Failed { .. }), "{:?}", came.phase);
}

#[test]
fn an_error_that_clients_would_not_know_is_put_into_their_shape() {
    for error in [
        "event: error\ndata: {\"message\":\"broke\"}\n\n",
        "data: [{\"error\":{\"message\":\"broke\"}}]\n\n",
        "data: {\"object\":\"error\",\"message\":\"broke\"}\n\n",
    ] {
        let came = whole(&[TEXT, error, DONE].concat());
        let events = payloads(&came.bytes);
        assert_eq!(events.len(), 2, "{}", came.bytes);
        assert_eq!(events[1]["error"]["message"], "broke", "{}", came.bytes);
    }
}

#[test]
fn words_about_errors_and_usage_are_only_words() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"error\\\":{},\\\"usage\\\":{}} [DONE] error\"}}],\"error\":null}\n\n";
    let named = "data: {\"choices\":[{\"delta\":{\"content\":\"error\"}}],\"x\":\"error\"}\n\n";
    let stream = [TEXT, text, named, STOP, DONE].concat();
    let came = whole(&stream);
    assert_eq!((came.bytes, came.phase, came.usage), (stream, Phase::Ended, None));
}

#[test]
fn an_answer_that_is_cut_says_so() {
    for cut in [TEXT.to_owned(), [TEXT, &TEXT[..TEXT.len() / 2]].concat(), [TEXT, ": pi"].concat()] {
        let came = whole(&cut);
        assert_eq!((&*came.bytes, came.phase), (TEXT, Phase::Content), "{cut}");
    }
    assert_eq!(whole("").phase, Phase::Waiting);
}

#[test]
fn an_answer_whose_choices_all_stopped_is_whole_without_an_end_mark() {
    let came = whole(&[TEXT, STOP].concat());
    assert_eq!((came.bytes, came.phase), ([TEXT, STOP, DONE].concat(), Phase::Ended));
}

#[test]
fn a_choice_that_stopped_does_not_finish_another_that_was_cut() {
    let came = whole(&[TEXT, STOP, TEXT].concat());
    assert_eq!((came.bytes, came.phase), ([TEXT, STOP, TEXT].concat(), Phase::Content));
}

#[test]
fn a_last_event_without_its_blank_line_counts() {
    let stream = [TEXT, STOP, DONE].concat();
    for missing in 1..=2 {
        assert_eq!(whole(&stream[..stream.len() - missing]).bytes, stream);
    }
    let came = relay([[TEXT, USAGE.trim_end()].concat().as_bytes()], false, no_price);
    assert_eq!((&*came.bytes, came.usage.map(|usage| usage.total())), (TEXT, Some(5)));
}

#[test]
fn garbage_is_named_and_what_came_before_it_goes_out() {
    for garbage in ["data: <html>\n\n", "data: {\"choices\":7}\n\n", "data: \"SECRET\"\n\n", "data: {\"choices\":[\n\n"]
    {
        let came = whole(&[ROLE, garbage].concat());
        let said = came.garbage.expect(garbage).to_string();
        assert_eq!((&*came.bytes, &*said), (ROLE, "an event of the stream is not a chat completion chunk"));
    }
    let endless = vec![b'x'; 9 * 1024 * 1024];
    let came = relay([TEXT.as_bytes(), &endless], false, no_price);
    assert_eq!(came.bytes, TEXT);
    assert!(came.garbage.is_some_and(|garbage| garbage.to_string().contains("longer than")));
}

#[test]
fn keep_alives_pass() {
    let stream = [": OPENROUTER PROCESSING\n\n", ROLE, "\n", TEXT, "data:\n\n", STOP, DONE].concat();
    assert_eq!(whole(&stream).bytes, stream);
}

#[test]
fn untouched_events_leave_as_one_slice_of_the_chunk() {
    let chunk = Bytes::from([ROLE, TEXT, TEXT, STOP, USAGE, DONE].concat());
    let mut relay = Relay::passthrough(Dialect::OpenAi, &plain(true));
    let mut out = Out::default();
    relay.push(chunk.clone(), &no_price, &mut |_| {}, &mut out).expect("chunks");
    assert_eq!(out.take().as_ptr(), chunk.as_ptr());
}
