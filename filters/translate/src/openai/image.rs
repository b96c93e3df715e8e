//! Pictures that a model made, as OpenRouter shows them beside the text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::Event;

use crate::neutral::Source;

/// One of `images`.
#[derive(Serialize, Deserialize)]
pub(super) struct Image {
    #[serde(rename = "type")]
    kind: String,
    image_url: Place,
}

#[derive(Serialize, Deserialize)]
struct Place {
    url: String,
}

impl Image {
    /// A picture of these bytes.
    pub(super) fn of(media_type: &str, data: &str) -> Self {
        Self { kind: "image_url".into(), image_url: Place { url: format!("data:{media_type};base64,{data}") } }
    }
}

/// Tells the pictures in `images`. A picture that is elsewhere is a place in the text: nobody here
/// fetches it.
pub(super) fn tell(list: &RawValue, choice: u32, out: &mut Vec<Event>) {
    let list: Vec<Image> = serde_json::from_str(list.get()).unwrap_or_default();
    out.extend(list.into_iter().map(|image| match Source::from_url(image.image_url.url) {
        Source::Base64 { media_type, data } => Event::Image { choice, media_type, data },
        Source::Url(url) => Event::Text { choice, text: format!("![]({url})") },
    }));
}
