//! No secret is in any message, wherever the mistake is and however broken the file.

use tollgate_conf::parse;

use crate::world::{HASH, World};

#[test]
fn no_message_repeats_a_secret() {
    let texts = [
        "providers: {openai: {api_kye: geheim-geheim-geheim}}\n",
        "providers: {openai: {api_key: geheim, dialect: x}}\n",
        "providers:\n  openai: {api_key: geheim\n",
        "providers:\n  openai:\n    api_key: \"geheim\n",
        "providers:\n  openai:\n    api_key: [geheim]\n",
        "providers:\n  openai:\n    api_key: \"geheim\\n\"\n",
        "providers:\n  openai:\n    api_key: >\n      geheim\n    dialect: x\n",
        "providers:\n  openai: {api_key: \"${NOPE:-geheim}\", dialect: x}\n",
        "providers:\n  openai:\n    base_url: https://user:geheim@x/\n    api_key: x\n",
        "providers:\n  openai:\n    headers: {authorization: geheim, Host: geheim}\n",
        "server: {threads: geheim-geheim-geheim}\n",
        "server: {threads: sk-geheim}\n",
        "server: {ops: sk-geheim}\n",
        "log: {level: geheim-geheim-geheim}\n",
        "timeouts: {idle: geheim-geheim-geheim}\n",
        "key_hashing: {pepper: geheim, peper: geheim-geheim-geheim}\n",
        "keys: [{id: x, hash: geheim}]\n",
        "models: {m: {candidates: [\"${SECRET}\"]}}\n",
        "models: {m: {candidates: [\"${SECRET}/m\"]}}\n",
        "endpoints: {e: {provider: \"${SECRET}\", model: m}}\n",
        "log: {level: \"${SECRET}\"}\n",
        "timeouts: {idle: \"${SECRET}\"}\n",
        "server: {ops: \"${SECRET}\"}\n",
        "models: {m: {candidates: [sk-geheim]}}\n",
        "sk-geheim: 1\n",
    ];
    let world = World::default().with("SECRET", "geheim");
    for text in texts {
        let report = parse("t.yaml", text, &world).err().unwrap_or_else(|| panic!("nothing is said about {text}"));
        for said in [report.to_string(), format!("{report:?}")] {
            assert!(!said.contains("geheim"), "{text}\n{said}");
        }
    }
}

#[test]
fn the_configuration_itself_does_not_print_secrets() {
    let text = format!(
        "providers: {{openai: {{api_key: geheim}}}}\nkey_hashing: {{pepper: geheim}}\nkeys: [{{id: aB3dE5gH, hash: \"{HASH}\"}}]\n"
    );
    let config = parse("t.yaml", &text, &World::default()).expect("right");
    let printed = format!("{:?} {:?} {:?}", config.providers, config.key_hashing, config.keys);
    assert!(!printed.contains("geheim") && !printed.contains(HASH), "{printed}");
}
