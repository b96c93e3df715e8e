//! Service tiers: which profile serves one, and which one an answer says it was served in.

use crate::profile::Profile;

/// Who serves a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// The profile it was sent to.
    Itself,
    /// The profile of this name.
    Other(String),
    /// Nobody: there is no such tier here.
    Nobody,
}

/// How a request's tier was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// In this one; `None` for the dialect's ordinary one.
    Served(Option<String>),
    /// Not at all; the word that was asked.
    Refused(String),
}

/// Who serves a tier that is asked of this profile.
pub(crate) fn server(profile: &Profile, asked: Option<&str>) -> Server {
    let Some(word) = extraordinary(asked).filter(|_| !profile.tiers.is_empty()) else {
        return Server::Itself;
    };
    match profile.tiers.get(word) {
        Some(name) if *name == profile.name => Server::Itself,
        Some(name) => Server::Other(name.clone()),
        None => Server::Nobody,
    }
}

/// How a tier was met that was asked of one profile and is answered by another, or by the same.
pub(crate) fn met(entrance: &Profile, server: &Server, serving: &Profile, asked: Option<&str>) -> Tier {
    let word = extraordinary(asked).map(str::to_owned);
    match (server, &serving.serves) {
        (Server::Nobody, _) => Tier::Refused(word.unwrap_or_default()),
        (_, Some(says)) => Tier::Served(Some(says.clone())),
        // Where tiers are ignored, everybody gets the ordinary one.
        _ => Tier::Served(word.filter(|_| !entrance.tiers.is_empty())),
    }
}

fn extraordinary(asked: Option<&str>) -> Option<&str> {
    asked.filter(|word| !matches!(*word, "default" | "auto"))
}
