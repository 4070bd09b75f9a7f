//! The table "Authorization header, decided for all three".

use super::{Answer, Call, Server};

/// Where one server reads keys.
pub(crate) struct Api<'a> {
    pub(crate) server: &'a Server,
    /// Answers 200 to a request with the key.
    pub(crate) call: &'a dyn Fn() -> Call,
    pub(crate) key: &'a str,
    /// The answer to two credentials.
    pub(crate) ambiguous: u16,
}

impl Api<'_> {
    async fn answer(&self, lines: &[(&str, &str)]) -> Answer {
        let call = (self.call)();
        let call = lines.iter().fold(call, |call, (name, value)| {
            let value = value.replace('K', self.key);
            call.header(name, value)
        });
        self.server.send(call).await
    }

    /// Holds every line of the table that does not depend on `X-API-Key`.
    pub(crate) async fn obeys_the_table(&self) {
        for lines in [&[][..], &[("authorization", "")], &[("authorization", "  ")]] {
            let answer = self.answer(lines).await.expect(401);
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            assert!(!challenge.contains("error"), "nothing was sent: {challenge}");
        }
        for value in ["Bearer K", "bearer K", "bEARER K", "BEARER  K", "Bearer      K"] {
            self.answer(&[("authorization", value)]).await.expect(200);
        }
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer:K",
            "Bearer: K",
            "Bearer\tK",
            "Bearer K x",
            "Bearer K K",
            "Bearer K,K",
            "BearerK",
            "Basic K",
            "Basic dXNlcjpwYXNz",
            "Token K",
            "K",
            "Bearer \"K\"",
        ] {
            self.is_invalid(value, &[("authorization", value)]).await;
        }
        let two = [("authorization", "Bearer K"), ("authorization", "Bearer K")];
        self.is_ambiguous(&two).await;
        self.is_ambiguous(&[("authorization", "Bearer K"), ("authorization", "Basic x")]).await;
        self.refuses_odd_bytes_and_lengths("authorization", "Bearer ").await;
    }

    /// Bytes outside a key's alphabet and values of more than 256 bytes.
    pub(crate) async fn refuses_odd_bytes_and_lengths(&self, header: &str, scheme: &str) {
        let random = &self.key[self.key.len() - 8..];
        for odd in ["\u{e9}", "/", "-", ".", "+", "=", "\t", "%41", "\u{1f511}"] {
            let value = format!("{scheme}{}{odd}", &self.key[..self.key.len() - odd.len()]);
            let answer = self.server.send((self.call)().header(header, value)).await.expect(401);
            assert!(!answer.shown().contains(&random[..4]), "{odd:?} is echoed");
        }
        for length in [256 - self.key.len(), 257 - self.key.len(), 1_000] {
            let value = format!("{scheme}{}{}", self.key, "a".repeat(length));
            let answer = self.server.send((self.call)().header(header, value)).await.expect(401);
            assert!(!answer.shown().contains(random), "{length} more characters are echoed");
        }
    }

    pub(crate) async fn is_invalid(&self, what: &str, lines: &[(&str, &str)]) {
        let answer = self.answer(lines).await;
        assert_eq!(answer.status, 401, "{what}");
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#), "{what}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
        assert!(!answer.shown().contains(self.key), "{what} is echoed");
    }

    pub(crate) async fn is_ambiguous(&self, lines: &[(&str, &str)]) {
        let answer = self.answer(lines).await;
        assert_eq!(answer.status, self.ambiguous, "{lines:?}");
        assert!(!answer.shown().contains(self.key), "{lines:?}");
    }
}
