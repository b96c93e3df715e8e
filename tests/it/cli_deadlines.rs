//! Deadlines on the command line: what an operator looks at before switching them on.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::{folder, said, tollgate};
use crate::world::Chat;

const RACED: &str = "\
providers:
  openai: {api_key: x}
  anthropic: {api_key: x}
models:
  small: {candidates: [openai/gpt-5.4-mini]}
  claude: {candidates: [anthropic/claude-haiku-4-5]}
deadlines: {first_content: 2s}
";

fn explain(folder: &Path, model: &str, more: &[&str]) -> String {
    fs::write(folder.join("tollgate.yaml"), RACED).expect("the file can be written");
    fs::write(folder.join("body.json"), Chat::to(model).bytes()).expect("the file can be written");
    said(&tollgate(folder, &[&["explain", "-f", "body.json"], more].concat()))
}

#[test]
fn explain_shows_the_schedule_of_a_race_with_its_numbers() {
    let folder = folder("explain-race");
    let text = explain(&folder, "small", &["--start-within", "30s"]);
    for line in [
        "race       it starts within 30s: flex against the standard tier",
        "  at 0s    flex at openai/gpt-5.4-mini: 0.375 and 2.25 US dollars for a million tokens in and out",
        "  at 28s   the standard tier, if flex has not begun: 30s less 2s, which is `deadlines.first_content`",
        "0.75 and 4.5 US dollars for a million tokens in and out",
        "both go on, the first content wins, and the other is called off; at once where flex is refused or breaks",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let text = explain(&folder, "small", &["--start-within", "1s"]);
    assert!(text.contains("  never    flex at openai/gpt-5.4-mini: there is no time for it"), "{text}");
    let text = explain(&folder, "small", &["--start-within", "priority"]);
    assert!(text.contains("each is asked for its tier `priority`"), "{text}");
    let text = explain(&folder, "claude", &["--start-within", "30s"]);
    assert!(text.contains("flex_unsupported"), "{text}");
    assert!(!explain(&folder, "small", &[]).contains("race"), "who asks for no time has none");
}

#[test]
fn a_hundred_thousand_races_are_played_and_told_as_a_page_and_as_json() {
    let folder = folder("simulate");
    let done = tollgate(&folder, &["simulate", "tiers", "--json"]);
    assert!(done.status.success(), "{}", said(&done));
    let played: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(played["requests"], 100_000);
    for mode in ["overlap", "sequential"] {
        let of = |name: &str| played[mode][name].as_f64().unwrap_or_else(|| panic!("{mode} {name}: {played}"));
        assert!(of("started_in_time") >= 0.99, "{played}");
        assert!(of("best_saving") - of("saving") <= 0.03 && of("saving") > 0.4, "{played}");
        assert!(of("duplicate_spend") > 0.0 && of("duplicate_spend") < 0.05, "{played}");
    }
    let page = said(&tollgate(&folder, &["simulate", "tiers"]));
    for word in ["overlap", "sequential", "saved, of the standard price", "started in time", "spent twice at most"] {
        assert!(page.contains(word), "{word}\n{page}");
    }
}

#[test]
fn recorded_times_of_a_real_model_may_be_played() {
    let folder = folder("simulate-file");
    let times: String = (1..=1000).map(|n| format!("{}\n", 100 + n * n / 10)).collect();
    fs::write(folder.join("flex.txt"), times).expect("the file can be written");
    let play =
        |more: &[&str]| tollgate(&folder, &[&["simulate", "tiers", "--json", "--requests", "2000"], more].concat());
    let done = play(&["--flex", "flex.txt", "--model", "openai/gpt-5.4-mini", "--start-within", "1m"]);
    assert!(done.status.success(), "{}", said(&done));
    let played: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert!(played["overlap"]["saving"].as_f64() > Some(0.3), "{played}");
    for (wrong, why) in [
        (&["--flex", "absent.txt"][..], "nor a file that can be read"),
        (&["--flex", "4m,6s"], "must be more than the median"),
        (&["--model", "anthropic/claude-haiku-4-5"], "no flex price"),
        (&["--model", "nobody/knows"], "the catalogue has no nobody/knows"),
        (&["--start-within", "priority"], "must be a time here"),
        (&["--start-within", "soon"], "or a time"),
    ] {
        let done = play(wrong);
        assert!(!done.status.success() && said(&done).contains(why), "{wrong:?}: {}", said(&done));
    }
}
