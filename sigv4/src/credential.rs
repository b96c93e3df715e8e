//! A credential as an operator or a tenant writes it: `AKID:SECRET`, `AKID:SECRET:SESSION`, or a
//! Bedrock API key.

use std::fmt;

use aws_credential_types::Credentials;
use secrecy::{ExposeSecret, SecretString};

/// How the ids of access keys begin: long-lived, and of a session.
const KEY_IDS: [&str; 2] = ["AKIA", "ASIA"];

/// What Amazon knows us by.
#[derive(Clone)]
pub enum Credential {
    /// An access key: every request is signed with it.
    Keys(Keys),
    /// A Bedrock API key, sent as it is.
    ApiKey(SecretString),
}

/// An access key.
#[derive(Clone)]
pub struct Keys {
    id: String,
    secret: SecretString,
    session: Option<SecretString>,
}

/// Why a text is no credential. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCredential {
    /// There is nothing.
    #[error("the AWS credential is empty: write `ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]` or a Bedrock API key")]
    Empty,
    /// A part is missing, or there are too many.
    #[error(
        "the AWS credential has {parts} parts between colons: write `ACCESS_KEY_ID:SECRET` or \
         `ACCESS_KEY_ID:SECRET:SESSION_TOKEN`, no part empty"
    )]
    Parts {
        /// How many there are, empty ones not counted.
        parts: usize,
    },
    /// The id of an access key stands alone.
    #[error("the AWS credential is the id of an access key without its secret: write `ACCESS_KEY_ID:SECRET`")]
    NoSecret,
    /// It holds what no credential holds.
    #[error("the AWS credential holds a space, a line break or a character outside of ASCII: copy it again")]
    Unprintable,
}

impl Credential {
    /// Reads a credential; white space around it does not count.
    ///
    /// # Errors
    /// The text is none.
    pub fn read(text: &SecretString) -> Result<Self, BadCredential> {
        let text = text.expose_secret().trim();
        if text.is_empty() {
            return Err(BadCredential::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadCredential::Unprintable);
        }
        let parts: Vec<_> = text.split(':').collect();
        match *parts {
            [id] if KEY_IDS.iter().any(|begin| id.starts_with(begin)) => Err(BadCredential::NoSecret),
            [key] => Ok(Self::ApiKey(key.into())),
            [id, secret] if !id.is_empty() && !secret.is_empty() => {
                Ok(Self::Keys(Keys { id: id.into(), secret: secret.into(), session: None }))
            }
            [id, secret, session] if parts.iter().all(|part| !part.is_empty()) => {
                Ok(Self::Keys(Keys { id: id.into(), secret: secret.into(), session: Some(session.into()) }))
            }
            _ => Err(BadCredential::Parts { parts: parts.iter().filter(|part| !part.is_empty()).count() }),
        }
    }
}

impl Keys {
    /// The same in Amazon's own type, which wipes the secret after use.
    pub(crate) fn amazons(&self) -> Credentials {
        let keys = Credentials::builder()
            .access_key_id(&*self.id)
            .secret_access_key(self.secret.expose_secret())
            .provider_name("tollgate");
        match &self.session {
            Some(session) => keys.session_token(session.expose_secret()).build(),
            None => keys.build(),
        }
    }
}

/// The kind alone.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys(_) => "Credential(access key)",
            Self::ApiKey(_) => "Credential(API key)",
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, BadCredential> {
        Credential::read(&text.into())
    }

    #[test]
    fn every_form_is_read_and_prints_nothing_of_itself() {
        for (text, printed) in [
            ("AKIAEXAMPLE:s3cr/et+", "Credential(access key)"),
            (" ASIAEXAMPLE:s3cr/et+:se//ss==\n", "Credential(access key)"),
            ("ABSKQmVkcm9ja0FQSUtleS1zM2NyZXQ=", "Credential(API key)"),
            ("bedrock-api-key-s3cret", "Credential(API key)"),
        ] {
            assert_eq!(format!("{:?}", read(text).expect(text)), printed, "{text}");
        }
    }

    #[test]
    fn what_is_no_credential_is_refused_with_a_remedy_and_never_quoted() {
        for (text, error) in [
            ("", BadCredential::Empty),
            (" \n", BadCredential::Empty),
            ("AKIAs3cret", BadCredential::NoSecret),
            ("AKIA:s3cret:", BadCredential::Parts { parts: 2 }),
            (":s3cret", BadCredential::Parts { parts: 1 }),
            ("AKIA::s3cret", BadCredential::Parts { parts: 2 }),
            ("AKIA:s3cret:a:b", BadCredential::Parts { parts: 4 }),
            ("AKIA:s3cret extra", BadCredential::Unprintable),
            ("AKIA:s3crét", BadCredential::Unprintable),
        ] {
            assert_eq!(read(text).expect_err(text), error, "{text}");
            assert!(!error.to_string().contains("s3c"), "{error}");
        }
    }
}
