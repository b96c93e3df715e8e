//! The table of vendors in the documentation is the one in the code.

use std::fmt::Write as _;

use tollgate_vendors::{Auth, VENDORS, Vendor};

fn row(vendor: &Vendor) -> String {
    let speaks: Vec<_> = std::iter::once(&vendor.dialect).chain(vendor.also).map(|d| format!("`{d}`")).collect();
    let place = vendor.base_url.unwrap_or(vendor.example_url);
    let auth = match vendor.auth {
        _ if vendor.local => "none needed".to_owned(),
        Auth::Bearer => "`Authorization: Bearer`".to_owned(),
        Auth::Header(name) => format!("`{name}`"),
        Auth::Aws { .. } => "AWS signature, or a Bedrock API key".to_owned(),
    };
    let embeds = if vendor.embeds { "yes" } else { "" };
    format!("| `{}` | {} | {embeds} | `{place}` | {auth} | `{}` |\n", vendor.name, speaks.join(", "), vendor.variable)
}

fn table() -> String {
    let mut text = String::from(
        "# Providers\n\nA name in `providers:` that stands here needs no more than its credential; `vendor:` says which one it is where \
         the name does not. Any other OpenAI-compatible URL is a provider with `dialect: openai` and a `base_url`.\n\n\
         The first dialect is the one that requests are translated into; a client that speaks one of the others is passed \
         through. An address of your own in front of a vendor is taken to speak the first alone, unless `also_speaks` \
         says more.\n\n\
         | name | speaks | embeddings | address | credential | variable |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    VENDORS.iter().for_each(|vendor| text.push_str(&row(vendor)));
    let _ = write!(
        text,
        "\nAzure's is the v1 API: the model is the name of a deployment. Amazon's credential is `id:secret`, `id:secret:session`, \
         or a Bedrock API key; the region is read from the host. Gemini's OpenAI surface is a provider of its own with \
         `dialect: openai` and `base_url: https://generativelanguage.googleapis.com/v1beta/openai`.\n"
    );
    text
}

/// `UPDATE=1` writes it anew.
#[test]
fn the_table_of_providers_in_the_documentation_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers.md");
    let text = table();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).expect("the file can be written");
    }
    assert!(std::fs::read_to_string(path).unwrap_or_default() == text, "{path} is not current: run `make docs`");
}

#[test]
fn every_vendor_has_a_path_for_each_dialect_that_it_speaks() {
    for vendor in VENDORS {
        for dialect in std::iter::once(&vendor.dialect).chain(vendor.also) {
            for stream in [false, true] {
                let operation = tollgate_vendors::Operation::Generate { dialect: *dialect, stream };
                assert!(vendor.layout.path(operation, "m").is_some(), "{} {dialect}", vendor.name);
            }
        }
        assert!(vendor.base_url.is_some() || !vendor.local, "{}", vendor.name);
    }
}
