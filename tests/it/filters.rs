//! A filter of someone else's: a crate that knows `filters/api` alone, in a binary of five lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tollgate_simulate::Profile;

use crate::world::{Chat, World};

const FILTER: &str = r#"
use tollgate_api::{BuildError, Code, Event, Exchange, Filter, Refusal, Verdict};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conf { shout: bool }

pub struct Shout(bool);

impl Filter for Shout {
    const NAME: &'static str = "shout";
    const SEES_EVENTS: bool = true;
    const SEES_HEADERS: bool = true;
    type Conf = Conf;
    type State = ();
    fn build(conf: Conf) -> Result<Self, BuildError> { Ok(Self(conf.shout)) }
    async fn on_request(&self, exchange: &mut Exchange, _: &mut ()) -> Verdict {
        assert!(!exchange.headers.contains_key("x-panic"), "as it was told to");
        match exchange.headers.contains_key("x-quiet") {
            true => Verdict::Refuse(Refusal::new(Code::RefusedByFilter, "quiet is not for shouting")),
            false => Verdict::Continue,
        }
    }
    fn on_event(&self, _: &Exchange, _: &mut (), event: &mut Event) {
        if let (true, Event::Text { text, .. }) = (self.0, event) { *text = text.to_uppercase(); }
    }
}
"#;

const BINARY: &str = r#"use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate::run(tollgate::Filters::builtin().with::<shout::Shout>())
}
"#;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
}

/// Builds the binary into the project's own build folder under the project's own profiles, so that
/// only the new crates are compiled.
fn build() -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (place, target) = (temporary.join("third-party"), temporary.parent().expect("it lies in the build folder"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the project has a manifest");
    let profiles = &manifest[manifest.find("[profile.").expect("it has profiles")..];
    let path = |to: &str| root.join(to).display().to_string();
    write(&place.join("shout/src/lib.rs"), FILTER);
    write(
        &place.join("shout/Cargo.toml"),
        &format!(
            "[package]\nname = \"shout\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\ntollgate-api = {{ path = {:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\nschemars = \"1\"\n",
            path("filters/api")
        ),
    );
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [\"gate\", \"shout\"]\n\n{profiles}");
    write(&place.join("Cargo.toml"), &workspace);
    write(&place.join("gate/src/main.rs"), BINARY);
    write(
        &place.join("gate/Cargo.toml"),
        &format!(
            "[package]\nname = \"gate\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\ntollgate = {{ path = {:?} }}\nshout = {{ path = \"../shout\" }}\n",
            path("")
        ),
    );
    fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).expect("the lock can be copied");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--manifest-path"])
        .arg(place.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug/gate")
}

#[test]
fn a_filter_of_someone_elses_rewrites_answers_and_refuses_requests() {
    let gate = build();
    let world = World::with()
        .openai("steady", Profile { echo: true, ..Profile::default() })
        .section("filters", "[{use: shout, slot: after_auth, conf: {shout: true}}]")
        .start_by(&gate);
    let whole = world.chat(Chat::only("steady").saying("hello gate"));
    assert_eq!(whole.json()["choices"][0]["message"]["content"], "HELLO GATE", "{}", whole.text());
    let streamed = world.chat(Chat::only("steady").saying("hello gate").streamed());
    assert_eq!(streamed.said(), "HELLO GATE", "{}", streamed.text());
    let refused = world.chat_with(&[("x-quiet", "yes")], Chat::only("steady"));
    assert_eq!((refused.status, refused.code().as_str()), (403, "refused_by_filter"));
    let panicked = world.chat_with(&[("x-panic", "yes")], Chat::only("steady"));
    assert_eq!((panicked.status, panicked.code().as_str()), (500, "internal"));
    let line = world.wait_for_line("the panic", |line| line["code"] == "internal");
    assert_eq!((&line["outcome"], &line["status"]), (&json!("failed"), &json!(500)));
    assert_eq!(world.chat(Chat::only("steady")).status, 200, "and the next one is served");
    assert!(world.metric("tollgate_filter_duration_seconds_count", &[("filter", "shout"), ("hook", "on_event")]) > 0.0);
}

#[test]
fn the_sample_filter_tags_what_goes_upstream_and_refuses_by_model() {
    let world = World::with()
        .openai("steady", Profile::default())
        .section("filters", "[{use: sample, conf: {tag: blue, refuse: secret}}]")
        .model("secret-model", &["steady"])
        .start();
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
    let last = world.seen("steady").last.expect("a request came");
    assert_eq!(last.header("x-tag"), Some("blue"));
    let refused = world.chat(Chat::to("secret-model"));
    assert_eq!((refused.status, refused.json()["error"]["param"].clone()), (403, json!("model")));
}
