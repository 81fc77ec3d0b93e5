//! What answers say beside their body: where the next page is, and what they are known by.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::reply::Refusal;
use crate::api::ErrorBody;

/// A page of a list as an answer. Each neighbour is its relation (`next`, `prev`), the parameter that leads there, and
/// its value.
pub(super) fn page<T: Serialize>(
    list: T,
    uri: &Uri,
    neighbours: &[(&str, &str, Option<String>)],
) -> Response {
    let links: Vec<String> = neighbours
        .iter()
        .filter_map(|(relation, name, value)| {
            Some(format!("<{}>; rel=\"{relation}\"", elsewhere(uri, name, value.as_deref()?)))
        })
        .collect();
    let mut response = Json(list).into_response();
    // Names and numbers, percent-encoded where need be.
    if let Ok(value) = HeaderValue::from_str(&links.join(", "))
        && !links.is_empty()
    {
        response.headers_mut().insert(header::LINK, value);
    }
    response
}

/// The same question about another page.
fn elsewhere(uri: &Uri, name: &str, value: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, old) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if !["before", "after", "from", "newest"].contains(&&*key) {
            query.append_pair(&key, &old);
        }
    }
    query.append_pair(name, value);
    format!("{}?{}", uri.path(), query.finish())
}

/// Gives an answer in JSON an entity tag, and answers 304 to who has it already.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let looks = *request.method() == Method::GET;
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if !looks || response.status() != StatusCode::OK || !is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return Refusal(ErrorBody::unavailable("the answer broke off")).into_response();
    };
    let body = body.to_bytes();
    let tag = entity_tag(&body);
    let is_known = known.iter().filter_map(|it| it.to_str().ok()).any(|it| names(it, &tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if !is_known {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    Response::from_parts(parts, Body::empty())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|it| it == "application/json")
}

/// The answer itself, hashed: what looks the same has the same tag, also after a restart.
fn entity_tag(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let number = u128::from_be_bytes(std::array::from_fn(|at| hash[at]));
    format!("\"{number:032x}\"")
}

/// Whether a value of `If-None-Match` names a tag. Looking compares weakly.
fn names(given: &str, tag: &str) -> bool {
    given.split(',').map(str::trim).any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_asks_the_same_question() {
        let uri: Uri = "/api/v1/runs?stack=infra%2Fweb&before=9&count=2&host=a%20b".parse().unwrap();
        let link = "/api/v1/runs?stack=infra%2Fweb&count=2&host=a+b&before=7";
        assert_eq!(elsewhere(&uri, "before", "7"), link);
        let response = page((), &uri, &[("next", "before", Some("7".to_owned())), ("prev", "after", None)]);
        assert_eq!(response.headers()["link"], format!("<{link}>; rel=\"next\""));
        assert!(!page((), &uri, &[("next", "before", None)]).headers().contains_key("link"));
    }

    #[test]
    fn a_tag_is_known_in_any_of_its_forms() {
        let tag = entity_tag(b"{}");
        assert_ne!(tag, entity_tag(b"[]"));
        assert!(names(&tag, &tag) && names("*", &tag) && names(&format!("\"x\", W/{tag}"), &tag));
        assert!(!names("\"x\"", &tag) && !names("", &tag));
    }
}
