//! What a form or the question of an address holds.

use axum::body::Bytes;
use url::form_urlencoded;

/// Names and values, as they came.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn of_body(body: &Bytes) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self(
            form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first of this name without blanks around it; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    }
}

/// Where to go on: a path of the dashboard, whatever was given.
pub(super) fn path_of(given: &str) -> &str {
    let plain = given.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if plain && given.starts_with('/') && !given.starts_with("//") {
        given
    } else {
        "/"
    }
}

/// An address's part, with everything that means something there written out.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_on_leads_nowhere_else() {
        assert_eq!(
            path_of("/jobs?state=failed&after=x:1:y"),
            "/jobs?state=failed&after=x:1:y"
        );
        for elsewhere in [
            "",
            "jobs",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "/é",
        ] {
            assert_eq!(path_of(elsewhere), "/", "{elsewhere}");
        }
        let fields = Fields::of_query(Some("a=+x+&b=%3Cb%3E&a=2"));
        assert_eq!(
            (fields.get("a"), fields.get("b"), fields.get("c")),
            ("x", "<b>", "")
        );
        assert_eq!(encoded("a:b/c d"), "a%3Ab%2Fc+d");
    }
}
