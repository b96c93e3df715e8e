//! Tokens and what they cost: a catalogue of models, exact arithmetic, and estimates where a vendor
//! reports nothing.
//!
//! Pure: it reads no file and no clock. It does not know what a request or an endpoint is.

mod catalogue;
mod encoding;
mod estimate;
mod prices;
mod proportion;

pub use catalogue::{Capability, Catalogue, CatalogueError, CatalogueFile, Entry, ModelEntry, Step, Tariff};
pub use encoding::{Encoding, estimate_output_chars};
pub use prices::Prices;
pub use proportion::{Oddity, Proportion};

/// The catalogue that comes with Tollgate: file name and text.
pub const DEFAULT_FILES: &[(&str, &str)] = &[
    ("models/anthropic.yaml", include_str!("../../../conf/models/anthropic.yaml")),
    ("models/deepseek.yaml", include_str!("../../../conf/models/deepseek.yaml")),
    ("models/gemini.yaml", include_str!("../../../conf/models/gemini.yaml")),
    ("models/groq.yaml", include_str!("../../../conf/models/groq.yaml")),
    ("models/mistral.yaml", include_str!("../../../conf/models/mistral.yaml")),
    ("models/openai.yaml", include_str!("../../../conf/models/openai.yaml")),
    ("models/simulated.yaml", include_str!("../../../conf/models/simulated.yaml")),
    ("models/together.yaml", include_str!("../../../conf/models/together.yaml")),
    ("models/xai.yaml", include_str!("../../../conf/models/xai.yaml")),
];
