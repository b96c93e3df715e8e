//! Tokens and what they cost: a catalogue of models, exact arithmetic, and estimates where a vendor
//! reports nothing.
//!
//! Pure: it reads no file and no clock. It does not know what a request or an endpoint is.

mod ability;
mod catalogue;
mod date;
mod diff;
mod encoding;
mod estimate;
mod import;
mod litellm;
mod policy;
mod prices;
mod proportion;
mod review;
mod tariff;
mod yaml;

pub use ability::{Capability, Mode};
pub use catalogue::{Catalogue, CatalogueError, CatalogueFile, Entry, ModelEntry};
pub use date::{Date, NotADate};
pub use diff::{Difference, Differs, differences};
pub use encoding::{Encoding, estimate_output_chars};
pub use import::{Import, Imported, Left, NotAPriceFile, PriceFile};
pub use litellm::Unread;
pub use policy::{DataPolicy, Trains, Zdr};
pub use prices::{List, Prices, Rates};
pub use proportion::{Oddity, Proportion};
pub use review::Finding;
pub use tariff::{Step, Tariff, TierTariff, Tiers};

/// The catalogue that comes with Tollgate: file name and text.
pub const DEFAULT_FILES: &[(&str, &str)] = &[
    ("models/anthropic.yaml", include_str!("../../../conf/models/anthropic.yaml")),
    ("models/azure.yaml", include_str!("../../../conf/models/azure.yaml")),
    ("models/bedrock.yaml", include_str!("../../../conf/models/bedrock.yaml")),
    ("models/deepinfra.yaml", include_str!("../../../conf/models/deepinfra.yaml")),
    ("models/deepseek.yaml", include_str!("../../../conf/models/deepseek.yaml")),
    ("models/gemini.yaml", include_str!("../../../conf/models/gemini.yaml")),
    ("models/groq.yaml", include_str!("../../../conf/models/groq.yaml")),
    ("models/mistral.yaml", include_str!("../../../conf/models/mistral.yaml")),
    ("models/ollama.yaml", include_str!("../../../conf/models/ollama.yaml")),
    ("models/openai.yaml", include_str!("../../../conf/models/openai.yaml")),
    ("models/openrouter.yaml", include_str!("../../../conf/models/openrouter.yaml")),
    ("models/simulated.yaml", include_str!("../../../conf/models/simulated.yaml")),
    ("models/together.yaml", include_str!("../../../conf/models/together.yaml")),
    ("models/xai.yaml", include_str!("../../../conf/models/xai.yaml")),
    ("models/zai.yaml", include_str!("../../../conf/models/zai.yaml")),
];
