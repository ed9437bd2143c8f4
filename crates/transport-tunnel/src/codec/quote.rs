//! Quoting a proxy that may repeat what it was sent.

use transport::Excerpt;

/// A secret that ends a text before it is complete counts from this length on.
const TELLING: usize = 4;

/// What no quotation may hold.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// These; an empty one is none.
    pub(super) fn new<const N: usize>(secrets: [&[u8]; N]) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
        Self(secrets.map(<[u8]>::to_vec).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The beginning of `text`, or `***` where a secret stands or begins in it.
    pub(super) fn quote(&self, text: &[u8]) -> Excerpt {
        let mut tails = (0..text.len().min(Excerpt::MAX)).filter_map(|at| text.get(at..));
        if tails.any(|tail| self.begin(tail)) {
            Excerpt::of(b"***")
        } else {
            Excerpt::of(text)
        }
    }

    fn begin(&self, tail: &[u8]) -> bool {
        let is_cut = |secret: &[u8]| tail.len() >= TELLING && secret.starts_with(tail);
        let mut secrets = self.0.iter();
        secrets.any(|secret| tail.starts_with(secret) || is_cut(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_secret_is_not_quoted() {
        let secrets = Secrets::new([b"alice", b"s3cret", b""]);
        for (text, shown) in [
            ("alice is not welcome", "***"),
            ("not with s3cret", "***"),
            ("not with s3cr", "***"),
            ("not you, Al", "not you, Al"),
            ("", ""),
        ] {
            assert_eq!(secrets.quote(text.as_bytes()).as_str(), shown, "{text}");
        }
    }

    #[test]
    fn a_secret_beyond_the_quotation_does_no_harm_and_one_at_its_edge_does() {
        let secrets = Secrets::new([b"s3cret"]);
        let text = |len: usize| ["x".repeat(len).as_str(), "s3cret"].concat();
        assert_eq!(secrets.quote(text(255).as_bytes()).as_str(), "***");
        assert!(
            secrets
                .quote(text(256).as_bytes())
                .as_str()
                .starts_with('x')
        );
    }
}
