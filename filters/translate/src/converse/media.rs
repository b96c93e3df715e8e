//! What Converse calls the formats of pictures, documents, sounds and films: words, where others
//! have media types.

/// What a format is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
    Audio,
    Video,
}

/// Formats by media type. Of several rows for one, the first is what is written.
const FORMATS: [(Kind, &str, &str); 40] = [
    (Kind::Image, "image/png", "png"),
    (Kind::Image, "image/jpeg", "jpeg"),
    (Kind::Image, "image/jpg", "jpeg"),
    (Kind::Image, "image/gif", "gif"),
    (Kind::Image, "image/webp", "webp"),
    (Kind::Document, "application/pdf", "pdf"),
    (Kind::Document, "text/csv", "csv"),
    (Kind::Document, "application/msword", "doc"),
    (Kind::Document, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    (Kind::Document, "application/vnd.ms-excel", "xls"),
    (Kind::Document, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    (Kind::Document, "text/html", "html"),
    (Kind::Document, "text/plain", "txt"),
    (Kind::Document, "text/markdown", "md"),
    (Kind::Document, "text/x-markdown", "md"),
    (Kind::Audio, "audio/mpeg", "mp3"),
    (Kind::Audio, "audio/mp3", "mp3"),
    (Kind::Audio, "audio/wav", "wav"),
    (Kind::Audio, "audio/x-wav", "wav"),
    (Kind::Audio, "audio/ogg", "ogg"),
    (Kind::Audio, "audio/opus", "opus"),
    (Kind::Audio, "audio/aac", "aac"),
    (Kind::Audio, "audio/x-aac", "x-aac"),
    (Kind::Audio, "audio/flac", "flac"),
    (Kind::Audio, "audio/mp4", "m4a"),
    (Kind::Audio, "audio/mp4", "mp4"),
    (Kind::Audio, "audio/x-m4a", "m4a"),
    (Kind::Audio, "audio/pcm", "pcm"),
    (Kind::Audio, "audio/webm", "webm"),
    (Kind::Audio, "audio/x-matroska", "mka"),
    (Kind::Audio, "audio/x-matroska", "mkv"),
    (Kind::Video, "video/mp4", "mp4"),
    (Kind::Video, "video/quicktime", "mov"),
    (Kind::Video, "video/webm", "webm"),
    (Kind::Video, "video/x-matroska", "mkv"),
    (Kind::Video, "video/mpeg", "mpeg"),
    (Kind::Video, "video/mpeg", "mpg"),
    (Kind::Video, "video/x-flv", "flv"),
    (Kind::Video, "video/x-ms-wmv", "wmv"),
    (Kind::Video, "video/3gpp", "three_gp"),
];

/// The word for this media type.
pub(super) fn format(kind: Kind, media_type: &str) -> Option<&'static str> {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    FORMATS.iter().find(|(of, long, _)| *of == kind && long.eq_ignore_ascii_case(bare)).map(|(.., word)| *word)
}

/// The word that a file's name ends in.
pub(super) fn extension(kind: Kind, name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    let end = if end.eq_ignore_ascii_case("jpg") { "jpeg" } else { end };
    FORMATS.iter().find(|(of, _, word)| *of == kind && word.eq_ignore_ascii_case(end)).map(|(.., word)| *word)
}

/// The media type of a word; one that is newer than this code is taken to say it itself.
pub(super) fn media_type(kind: Kind, format: &str) -> String {
    let known = FORMATS.iter().find(|(of, _, word)| *of == kind && *word == format);
    known.map_or_else(|| format!("{}/{format}", kind.family()), |(_, long, _)| (*long).to_owned())
}

impl Kind {
    fn family(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "application",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_the_same_media_type() {
        for kind in [Kind::Image, Kind::Document, Kind::Audio, Kind::Video] {
            for (_, long, word) in FORMATS.iter().filter(|(of, ..)| *of == kind) {
                let again = format(kind, &media_type(kind, word)).expect("a known format");
                assert_eq!(media_type(kind, again), media_type(kind, word), "{long} {word}");
            }
        }
    }

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_count() {
        assert_eq!(format(Kind::Document, "Text/Plain; charset=utf-8"), Some("txt"));
        assert_eq!(format(Kind::Image, "image/tiff"), None);
        assert_eq!(format(Kind::Image, "application/pdf"), None);
        assert_eq!(extension(Kind::Image, "a.b.JPG"), Some("jpeg"));
        assert_eq!(media_type(Kind::Image, "avif"), "image/avif");
    }
}
