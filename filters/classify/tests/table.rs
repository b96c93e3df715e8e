//! The shipped rules on prompts written for it, and on labelled ones that are never shipped.

#![allow(clippy::print_stdout, reason = "a measurement that nobody sees is none")]

use std::fs;
use std::path::Path;

use tollgate_api::{Complexity, Label, Surface, Task};
use tollgate_classify::{Classifier, Classify, DEFAULT_RULES, Input, RulesError, RulesFile};

fn shipped() -> Classifier {
    Classifier::new(serde_saphyr::from_str(DEFAULT_RULES).expect("the shipped rules are YAML")).expect("and work")
}

fn label_of(classifier: &Classifier, text: &str) -> Label {
    let messages =
        serde_json::json!([{"role": "system", "content": "You help."}, {"role": "user", "content": text}]).to_string();
    classifier.label(&Input { surface: Surface::ChatCompletions, messages: &messages, tools: false })
}

const TABLE: &[(&str, Task, Complexity)] = {
    use Complexity::{Complex, Simple};
    use Task::{Chat, Code, Creative, Extraction, Reasoning, Rewrite, Summarize, Translation};
    &[
        ("Translate to German: good morning", Translation, Simple),
        ("How do you say 'thank you' in Japanese?", Translation, Simple),
        ("Übersetze ins Englische: Guten Tag", Translation, Simple),
        ("Traduis cette phrase en anglais : il pleut", Translation, Simple),
        ("Traduce al inglés: buenos días", Translation, Simple),
        ("Write a Python function that sorts a list", Code, Simple),
        ("Fix the bug in this code:\n```js\nconsole.log(x\n```", Code, Simple),
        ("Write a SQL query that joins two tables", Code, Simple),
        ("Schreibe eine Funktion, die Primzahlen zählt", Code, Simple),
        ("Refactor this Java class to be thread-safe, and explain in detail why", Code, Complex),
        ("Summarize this article in two lines: The cat sat.", Summarize, Simple),
        ("TL;DR please: it rained all day and we stayed at home", Summarize, Simple),
        ("Fasse den Text zusammen: Es regnete den ganzen Tag.", Summarize, Simple),
        ("What are the key points of this talk: we met and spoke", Summarize, Simple),
        ("Paraphrase the sentence: The dog barked.", Rewrite, Simple),
        ("Rewrite this to be more formal: hey, send it over", Rewrite, Simple),
        ("Proofread my text: I has a apple", Rewrite, Simple),
        ("Formuliere das höflicher: Gib her", Rewrite, Simple),
        ("Extract all names from this text: Ann met Bob.", Extraction, Simple),
        ("Is this review positive or negative? 'Great toaster.'", Extraction, Simple),
        ("Parse the following into JSON: name Ann, age 3", Extraction, Simple),
        ("Write a poem about autumn", Creative, Simple),
        ("Write a short story about a lighthouse", Creative, Simple),
        ("Give me a slogan for a bakery", Creative, Simple),
        ("Come up with ten names for a cat café", Creative, Simple),
        ("Prove that the square root of 2 is irrational", Reasoning, Complex),
        ("A train leaves at 3 and travels 120 km in 2 hours. How fast is it?", Reasoning, Simple),
        (
            "Solve this logic puzzle: Ann sits left of Bob. Who is on the right? Think carefully, step by step.",
            Reasoning,
            Complex,
        ),
        ("What is $x^2 + 2x = 3$ solved for x? Calculate it.", Reasoning, Complex),
        ("Hello, how are you today?", Chat, Simple),
        ("do you like cats or dogs", Chat, Simple),
        ("What is the capital of France", Chat, Simple),
        ("Bonjour !", Chat, Simple),
        ("Who painted the Mona Lisa?", Chat, Simple),
    ]
};

#[test]
fn prompts_get_the_label_a_reader_would_give() {
    let classifier = shipped();
    let wrong: Vec<String> = TABLE
        .iter()
        .filter_map(|(text, task, complexity)| {
            let label = label_of(&classifier, text);
            let right = label.task == Some(*task) && label.complexity == *complexity;
            (!right).then(|| format!("{text:?}: {label:?}, wanted {task:?} {complexity:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rule_that_is_named_is_one_of_the_file() {
    let file: RulesFile = serde_saphyr::from_str(DEFAULT_RULES).expect("YAML");
    let names: Vec<&str> = file.rules.iter().map(|r| r.name.as_str()).chain(["otherwise", "unsure"]).collect();
    let classifier = shipped();
    for (text, ..) in TABLE {
        let rule = label_of(&classifier, text).rule;
        assert!(names.contains(&&*rule), "{rule}");
    }
}

#[test]
fn two_tasks_that_speak_equally_loud_leave_it_unsure() {
    let rules = "{complex_at: 9, lead: 1, otherwise: chat, rules: [{name: a, task: code, words: [x]}, {name: b, task: chat, words: [x]}]}";
    let classifier = Classifier::new(serde_saphyr::from_str(rules).expect("YAML")).expect("works");
    let label = label_of(&classifier, "x");
    assert_eq!((label.task, &*label.rule), (None, "unsure"));
    assert_eq!(label_of(&classifier, "xx").rule, "otherwise", "words end where words end");
}

#[test]
fn rules_that_cannot_work_are_refused_by_name() {
    let of = |rules: &str| {
        let text = format!("{{complex_at: 1, rules: {rules}}}");
        Classifier::new(serde_saphyr::from_str(&text).expect("YAML")).map(|_| ())
    };
    assert_eq!(of("[{name: a}, {name: a}]"), Err(RulesError::Duplicate("a".into())));
    assert!(matches!(of("[{name: a, pattern: '('}]"), Err(RulesError::Pattern { name, .. }) if name == "a"));
    assert_eq!(of("[{name: a, words: ['']}]"), Err(RulesError::EmptyWord("a".into())));
}

#[test]
fn tools_and_images_are_seen() {
    let rules =
        "{complex_at: 1, rules: [{name: t, task: code, tools: true}, {name: i, task: chat, images: true, points: 9}]}";
    let classifier = Classifier::new(serde_saphyr::from_str(rules).expect("YAML")).expect("works");
    let label =
        |messages: &str, tools| classifier.label(&Input { surface: Surface::ChatCompletions, messages, tools }).task;
    assert_eq!(label(r#"[{"role":"user","content":"x"}]"#, true), Some(Task::Code));
    assert_eq!(label(r#"[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]"#, true), Some(Task::Chat));
}

#[test]
fn whatever_a_client_sends_there_is_a_label() {
    let classifier = shipped();
    let many = format!("[{}]", vec![r#"{"role":"user","content":"x"}"#; 10_000].join(","));
    let long = format!(r#"[{{"role":"user","content":"{}"}}]"#, "a".repeat(1 << 20));
    for messages in ["", "[]", "[[[[", "{}", &many, &long, r#"[{"role":"user","content":"\u202e مرحبا \ud83e\udd80"}]"#]
    {
        let label = classifier.label(&Input { surface: Surface::ChatCompletions, messages, tools: false });
        assert!(!label.rule.is_empty());
    }
}

/// Labelled prompts that other people wrote: half to tune on, half to report. The floor is what the
/// rules reached on the half they were not tuned on, less two points.
#[test]
fn labelled_prompts_are_told_as_well_as_when_the_rules_were_tuned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/semantic/task_labels.jsonl");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let classifier = shipped();
    let mut right = [0_u32; 2];
    let mut all = [0_u32; 2];
    for (line, half) in text.lines().zip([0, 1].into_iter().cycle()) {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let wanted = match row["label"].as_str().expect("a label") {
            "extract" => "extraction",
            "summarise" => "summarize",
            "translate" => "translation",
            "math" => "reasoning",
            "qa" => "chat",
            other => other,
        };
        let label = label_of(&classifier, row["text"].as_str().expect("a text"));
        all[half] += 1;
        right[half] += u32::from(label.task.is_some_and(|t| t.as_str() == wanted));
        if half == 0 && std::env::var_os("SHOW").is_some() && label.task.is_none_or(|t| t.as_str() != wanted) {
            let start: String = row["text"].as_str().unwrap_or_default().chars().take(150).collect();
            println!("{wanted}\t{:?}\t{}\t{}\t{start:?}", label.task, label.rule, row["source"]);
        }
    }
    let share = |half: usize| right[half] * 1000 / all[half];
    println!("per mille right: tuned on {}, not tuned on {}", share(0), share(1));
    assert!(share(1) >= FLOOR, "{}", share(1));
}

const FLOOR: u32 = 780;
