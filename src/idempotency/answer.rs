//! What is kept of an answer, and how it is written down.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::error::FieldError;
use crate::{ApiError, ErrorType, ScopeName};

/// The form of what is written. A newer one is not read as this one.
const FORM: u8 = 1;

/// Headers that are kept of an answer, in their order.
pub(crate) type Headers = Vec<(HeaderName, HeaderValue)>;

/// A finished operation.
#[derive(Clone)]
pub(crate) struct Answer {
    /// What its first run demanded of the caller: a replay needs it too.
    pub(crate) scopes: Vec<ScopeName>,
    pub(crate) content: Content,
}

/// What is known of an answer.
#[derive(Clone)]
pub(crate) enum Content {
    /// All that was sent.
    Whole { status: StatusCode, headers: Headers, body: Bytes },
    /// An error, which is written anew for each request.
    Error { error: ApiError, headers: Headers },
    /// Only that it was given: it was too large, or of unknown length.
    Given,
}

/// What cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("the kept answer cannot be read: {0}")]
pub(crate) struct Unreadable(&'static str);

/// The part of an answer that is written as JSON. The body follows as it is.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Left out where only the fact is known that an answer was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<WrittenError>,
}

#[derive(Serialize, Deserialize)]
struct WrittenError {
    #[serde(rename = "type")]
    kind: String,
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing_scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(String, String)>,
}

impl Answer {
    /// The form, the head's length in four bytes, the head, the body.
    pub(crate) fn write(&self) -> Bytes {
        let (head, body) = self.head();
        // Texts, numbers and lists of them: nothing that could fail.
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
        let mut written = BytesMut::with_capacity(5 + head.len() + body.len());
        written.put_u8(FORM);
        written.put_u32(length);
        written.put_slice(&head);
        written.put_slice(body);
        written.freeze()
    }

    /// The opposite of [`Self::write`].
    pub(crate) fn read(written: &Bytes) -> Result<Self, Unreadable> {
        let (form, rest) = written.split_first().ok_or(Unreadable("it is empty"))?;
        if *form != FORM {
            return Err(Unreadable("it is of another form"));
        }
        let (length, rest) = rest.split_first_chunk().ok_or(Unreadable("it ends early"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (head, body) = rest.split_at_checked(length).ok_or(Unreadable("it ends early"))?;
        let head: Head = serde_json::from_slice(head).map_err(|_| Unreadable("its head is odd"))?;
        head.into_answer(written.slice_ref(body))
    }

    fn head(&self) -> (Head, &[u8]) {
        let scopes = self.scopes.iter().map(ToString::to_string).collect();
        let mut head = Head { status: None, headers: Vec::new(), scopes, error: None };
        match &self.content {
            Content::Whole { status, headers, body } => {
                head.status = Some(status.as_u16());
                head.headers = headers.iter().map(written_header).collect();
                (head, body)
            }
            Content::Error { error, headers } => {
                head.status = Some(error.status().as_u16());
                head.headers = headers.iter().map(written_header).collect();
                head.error = Some(WrittenError::of(error));
                (head, &[])
            }
            Content::Given => (head, &[]),
        }
    }
}

impl Head {
    fn into_answer(self, body: Bytes) -> Result<Answer, Unreadable> {
        let headers = self.headers.iter().map(read_header).collect::<Option<Headers>>();
        let headers = headers.ok_or(Unreadable("a header is odd"))?;
        let scopes = scopes(&self.scopes)?;
        let Some(status) = self.status else {
            return Ok(Answer { scopes, content: Content::Given });
        };
        let status =
            StatusCode::from_u16(status).map_err(|_| Unreadable("its status is no status"))?;
        let content = match self.error {
            Some(error) => Content::Error { error: error.into_error(status)?, headers },
            None => Content::Whole { status, headers, body },
        };
        Ok(Answer { scopes, content })
    }
}

impl WrittenError {
    fn of(error: &ApiError) -> Self {
        let fields = error.fields().iter();
        Self {
            kind: error.error_type().as_str().to_owned(),
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            retry_after: error.retry_after(),
            missing_scopes: error.missing_scopes().iter().map(ToString::to_string).collect(),
            fields: fields
                .map(|field| (field.name.to_string(), field.problem.to_string()))
                .collect(),
        }
    }

    fn into_error(self, status: StatusCode) -> Result<ApiError, Unreadable> {
        let kind = ErrorType::from_word(&self.kind).ok_or(Unreadable("its type is unknown"))?;
        let fields = self.fields.into_iter().map(|(name, problem)| FieldError::new(name, problem));
        let mut error = ApiError::custom(status, kind, self.code, self.message)
            .with_fields(fields)
            .with_missing_scopes(scopes(&self.missing_scopes)?);
        if let Some(seconds) = self.retry_after {
            error = error.with_retry_after(Duration::from_secs(seconds));
        }
        Ok(error)
    }
}

fn scopes(names: &[String]) -> Result<Vec<ScopeName>, Unreadable> {
    let names = names.iter().map(|name| ScopeName::parse(name));
    names.collect::<Result<_, _>>().map_err(|_| Unreadable("a scope is none"))
}

/// A value may have bytes above ASCII, of no certain encoding: each is the character of its number.
fn written_header((name, value): &(HeaderName, HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), value.as_bytes().iter().copied().map(char::from).collect())
}

fn read_header((name, value): &(String, String)) -> Option<(HeaderName, HeaderValue)> {
    let value: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    Some((name.parse().ok()?, HeaderValue::from_bytes(&value?).ok()?))
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, LOCATION};
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorCode;

    fn whole(status: u16, headers: Headers, body: &[u8]) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body);
        let scopes = vec![ScopeName::from_static("links:write")];
        Answer { scopes, content: Content::Whole { status, headers, body } }
    }

    fn there_and_back(answer: &Answer) -> Answer {
        Answer::read(&answer.write()).unwrap()
    }

    #[test]
    fn an_answer_comes_back_byte_for_byte() {
        let all: Vec<u8> = (0..=255).collect();
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let place = (LOCATION, HeaderValue::from_bytes(b"/k\xe4se\xff\"\\").unwrap());
        for (status, headers, body) in [
            (200, Vec::new(), &b""[..]),
            (201, vec![json.clone(), place.clone(), place.clone()], b"{\"id\":1}"),
            (599, vec![json], &all),
        ] {
            let answer = whole(status, headers.clone(), body);
            let Answer { scopes, content: Content::Whole { status: s, headers: h, body: b } } =
                there_and_back(&answer)
            else {
                panic!("it was whole")
            };
            assert_eq!((s.as_u16(), h, &b[..]), (status, headers, body));
            assert_eq!(scopes, answer.scopes);
        }
    }

    #[test]
    fn an_error_comes_back_with_its_details() {
        let missing = [ScopeName::from_static("a"), ScopeName::from_static("b")];
        for error in [
            ApiError::invalid_field("items[2].price", "must be \"positive\""),
            ApiError::insufficient_scope(missing),
            ApiError::unavailable(Duration::from_millis(6_200)),
            ApiError::new(ErrorCode::Internal).with_status(StatusCode::BAD_GATEWAY),
            ApiError::custom(
                StatusCode::PAYMENT_REQUIRED,
                ErrorType::Permission,
                "card_declined",
                "No.",
            ),
        ] {
            let content = Content::Error { error: error.clone(), headers: Vec::new() };
            let answer = there_and_back(&Answer { scopes: Vec::new(), content });
            let Content::Error { error: back, .. } = answer.content else { panic!("an error") };
            assert_eq!(back.to_string(), error.to_string());
            assert_eq!(back.error_type(), error.error_type());
            assert_eq!(back.retry_after(), error.retry_after());
            assert_eq!(back.fields(), error.fields());
            assert_eq!(back.missing_scopes(), error.missing_scopes());
        }
        let given = Answer { scopes: Vec::new(), content: Content::Given };
        assert!(matches!(there_and_back(&given).content, Content::Given));
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_not_read() {
        let written = whole(200, Vec::new(), b"").write();
        for length in 0..written.len() {
            assert!(Answer::read(&written.slice(..length)).is_err(), "{length}");
        }
        let mut newer = written.to_vec();
        newer[0] = FORM + 1;
        assert!(Answer::read(&newer.into()).is_err());
        for head in [
            r#"{"status":99}"#,
            r#"{"status":200,"headers":[["a b","c"]]}"#,
            r#"{"status":200,"headers":[["a","\u0000"]]}"#,
            r#"{"status":200,"headers":[["a","€"]]}"#,
            r#"{"status":200,"scopes":["a b"]}"#,
            r#"{"status":500,"error":{"type":"odd","code":"c","message":"m"}}"#,
        ] {
            let mut odd = vec![FORM];
            odd.extend(u32::try_from(head.len()).unwrap().to_be_bytes());
            odd.extend(head.bytes());
            assert!(Answer::read(&odd.into()).is_err(), "{head}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Answer::read(&Bytes::from(bytes));
        }

        #[test]
        fn any_body_and_value_comes_back(
            status in 100_u16..1000,
            value in "[ -~\u{80}-\u{ff}]{0,40}",
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let value: Vec<u8> = value.chars().map(|c| u8::try_from(c).unwrap()).collect();
            let header = (LOCATION, HeaderValue::from_bytes(&value).unwrap());
            let back = there_and_back(&whole(status, vec![header.clone()], &body));
            let Content::Whole { status: s, headers, body: b } = back.content else {
                panic!("it was whole")
            };
            prop_assert_eq!((s.as_u16(), headers, b), (status, vec![header], Bytes::from(body)));
        }
    }
}
