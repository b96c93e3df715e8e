//! What is said as a whole: all of it at once, in the right file, and within bounds.

use crate::world::World;
use crate::wrong::{TWO, check, report};

#[test]
fn mistakes_in_the_files_beside_it_point_into_those() {
    let text = "catalogue:\n  files: [prices.yaml, double.yaml, gone.yaml]\nlog: {lvl: info}\n";
    let report = report(text);
    let spots: Vec<_> =
        report.problems().iter().map(|p| format!("{}:{}:{} {}", p.file, p.line, p.column, p.what)).collect();
    let expected = [
        "t.yaml:2:37 the catalogue's file cannot be read",
        "t.yaml:3:7 there is no member `lvl` here",
        "prices.yaml:5:20 there is no member `inptu` here",
        "prices.yaml:5:38 ",
        "double.yaml:6:8 `v` has the model `m` twice",
    ];
    assert_eq!(spots.len(), expected.len(), "{report}");
    for (spot, expected) in spots.iter().zip(expected) {
        assert!(spot.starts_with(expected), "{expected}\n{report}");
    }
    let priced = format!("{TWO}endpoints: {{e: {{provider: p, model: m, price_as: openai/gpt-0}}}}\n");
    check(&priced, &[("2:50", "the catalogue has no entry `openai/gpt-0`", "`catalogue.files`")]);
}

#[test]
fn a_model_that_begins_at_once_or_after_an_hour_is_a_slip_of_the_pen() {
    let report = report("catalogue: {files: [slow.yaml]}\n");
    let said: Vec<_> =
        report.problems().iter().map(|p| format!("{}:{}:{} {}", p.file, p.line, p.column, p.what)).collect();
    let remedy = "is out of bounds: write whole milliseconds, 1 to 3600000";
    assert_eq!(said[..2], [format!("slow.yaml:5:29 0 {remedy}"), format!("slow.yaml:6:29 3600001 {remedy}")]);
    assert!(said.len() == 3 && said[2].starts_with("slow.yaml:7:29 here stands"), "{said:?}");
}

#[test]
fn mistakes_in_the_rules_point_into_their_file() {
    let of_rules = |file: &str| report(&format!("classify: {{rules: {file}}}\n")).to_string();
    let said = of_rules("rules.yaml");
    assert!(said.starts_with("rules.yaml:3:19: `cod` is none of the words") && said.ends_with("2 mistakes"), "{said}");
    assert!(said.contains("rules.yaml:4:13: there is no member `patern` here"), "{said}");
    let said = of_rules("regex.yaml");
    assert!(said.starts_with("regex.yaml:4:10: the pattern of rule `b` cannot be used"), "{said}");
    assert!(of_rules("gone.yaml").starts_with("t.yaml:1:19: the file of rules cannot be read"));
}

#[test]
fn every_mistake_is_reported_at_once_and_none_twice() {
    let text = "\
server:
  listn: []
  threads: many
providers:
  opnai: {}
  openai: {api_kye: x}
endpoints:
  e: {model: m}
models:
  a: {candidates: [opnai/x, opena/x, e, b]}
  b: {candidates: []}
routes:
  - name: r
    match: {task: [cod], modle: [a]}
    candidates: [c]
  - name: s
    candidates: [a]
";
    check(
        text,
        &[
            ("2:3", "`listn`", "`listen`"),
            ("3:12", "text", "whole number"),
            ("5:3", "`opnai`", "`openai`"),
            ("6:12", "`api_kye`", "`api_key`"),
            ("8:3", "`provider` is missing", ""),
            // `opnai/x` and `e` have been complained about where they are defined.
            ("10:29", "`opena/x`", "did you mean the provider `openai`?"),
            ("10:41", "`b` is a model", ""),
            ("11:7", "no candidates", ""),
            ("14:20", "`cod`", "`code`"),
            ("14:26", "`modle`", "`model`"),
        ],
    );
}

#[test]
fn a_mistake_shows_its_line_with_a_caret_under_the_spot() {
    let report = report("server:\n  öps: 1\n");
    let expected = "\
t.yaml:2:3: there is no member `öps` here (at `server.öps`); did you mean `ops`?
  |
2 |   öps: 1
  |   ^^^

1 mistake";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn a_file_that_is_not_there_says_how_to_make_one() {
    let report = tollgate_conf::load("gone.yaml".as_ref(), &World::default()).err().expect("nothing is there");
    let said = report.to_string();
    assert!(said.starts_with("gone.yaml: the file cannot be read") && said.contains("`tollgate init`"), "{said}");
}

#[test]
fn hostile_files_cost_little_and_end_in_a_mistake() {
    let deep = format!("filters: {}", "[".repeat(100_000));
    let chain: String = (1..200).map(|n| format!("x{n}: &x{n} [*x{}]\n", n - 1)).collect();
    let bomb: String = (1..40).map(|n| format!("- &x{n} [*x{0}, *x{0}, *x{0}]\n", n - 1)).collect();
    let wide = "a: 1\n".repeat(150_000);
    let long = format!("servr: {}\n", "x".repeat(1 << 20));
    for text in [
        deep,
        format!("x0: &x0 [1]\n{chain}"),
        format!("filters:\n- use: f\n  conf:\n    list:\n    - &x0 [1]\n{}", bomb.replace("- &", "    - &")),
        wide,
        long,
        "\u{0}".into(),
        "\u{feff}servr: 1\n".into(),
        "a: \"\\ud800\"".into(),
    ] {
        let began = std::time::Instant::now();
        let report = report(&text);
        assert!(report.to_string().len() < 200_000);
        assert!(began.elapsed().as_secs() < 10, "{:.40}", text);
    }
}
