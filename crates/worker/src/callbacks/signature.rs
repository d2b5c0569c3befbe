//! Who calls: HMAC-SHA256 over id, time and body, as Standard Webhooks lays down.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// How a secret begins.
const PREFIX: &str = "whsec_";
/// What is allowed in the file of secrets.
pub(crate) const ALLOWED: &str = "one to four lines of whsec_ and 24 to 64 bytes in base64, such as: echo whsec_$(openssl rand -base64 32)";
/// The bytes of a secret, by the specification.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// More than a rotation needs.
const MOST: usize = 4;

/// The secrets that sign callbacks: one, or the new and the old while receivers go over to the new one. `Debug` shows none.
#[derive(Clone)]
pub struct SigningKeys(Vec<hmac::Key>);

impl SigningKeys {
    /// The keys in a text with a secret on each line; empty lines count for nothing.
    ///
    /// # Errors
    /// What is wrong, with the number of the line and nothing of what stands there.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        let lines = text.lines().map(str::trim).enumerate();
        for (n, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let bytes = line
                .strip_prefix(PREFIX)
                .and_then(|secret| STANDARD.decode(secret).ok())
                .filter(|bytes| BYTES.contains(&bytes.len()));
            let Some(bytes) = bytes else {
                return Err(format!("line {} is not a secret; allowed: {ALLOWED}", n + 1));
            };
            keys.push(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        }
        match keys.len() {
            1..=MOST => Ok(Self(keys)),
            n => Err(format!("this file has {n} secrets; allowed: {ALLOWED}")),
        }
    }

    /// The header `webhook-signature`: a signature by each secret, since a receiver may know any of them.
    pub(super) fn sign(&self, message_id: &str, unix_seconds: u64, body: &str) -> String {
        let signed = format!("{message_id}.{unix_seconds}.{body}");
        let signatures = self.0.iter().map(|key| {
            let tag = hmac::sign(key, signed.as_bytes());
            format!("v1,{}", STANDARD.encode(tag.as_ref()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification and of its libraries' own tests.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signed_by(secrets: &str) -> String {
        let keys = SigningKeys::parse(secrets).unwrap();
        keys.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        )
    }

    #[test]
    fn the_published_test_vector() {
        assert_eq!(signed_by(SECRET), SIGNATURE);
        assert_eq!(signed_by(&format!("\n  {SECRET}  \r\n\n")), SIGNATURE);
    }

    #[test]
    fn each_secret_signs() {
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = signed_by(&format!("{other}\n{SECRET}\n"));
        assert_eq!(both, format!("{} {SIGNATURE}", signed_by(&other)));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        let five = format!("{SECRET}\n").repeat(5);
        for text in [
            "",
            "\n\n",
            "hunter2",
            "whsec_",
            "whsec_hunter2!",
            &short,
            &long,
            &five,
        ] {
            let why = SigningKeys::parse(text).unwrap_err();
            assert!(why.contains("allowed: one to four lines"), "{why}");
            assert!(text.len() < 7 || !why.contains(text), "{why}");
        }
        let why = SigningKeys::parse(&format!("{SECRET}\nhunter2")).unwrap_err();
        assert!(why.starts_with("line 2 ") && !why.contains("hunter2"), "{why}");
        assert_eq!(
            format!("{:?}", SigningKeys::parse(SECRET).unwrap()),
            "SigningKeys(1)"
        );
    }
}
