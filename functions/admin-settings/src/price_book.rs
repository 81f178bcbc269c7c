//! `/api/admin/price-book`: what calls cost from now on.
//!
//! A book is replaced as a whole, from the version the admin has seen, and gets the next version.
//! Every version is kept, because holds are pinned to theirs.

mod written;

use admin::{Admin, AdminDeps, IfMatch, changed_meanwhile, etag, unreadable};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::Operation;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, ETAG},
};
use http_api::{ApiError, Json, Path, Query};
use ledger::price::PriceBook;

use self::written::{ShownBook, WrittenBook};
use crate::{AdminSettings, FUNCTION, NoParameters};

/// How many versions that were used before are passed over, where somebody has put an old book back
/// by hand.
const VERSIONS_TRIED: u32 = 50;

/// `GET /api/admin/price-book`. Where nobody has written one: the default, with `ETag: "0"`.
pub(crate) async fn show(
    _: Admin,
    State(function): State<AdminSettings>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, ApiError> {
    let written = function.admin.store.price_book().await.map_err(unreadable)?;
    let version = written.as_ref().map_or(0, PriceBook::version);
    Ok(shown(&written.unwrap_or_default(), version))
}

/// `GET /api/admin/price-book/{version}`
pub(crate) async fn show_version(
    _: Admin,
    State(function): State<AdminSettings>,
    Path(version): Path<String>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, ApiError> {
    let no_such = || {
        let detail = "there is no price book of this version";
        ApiError::new(StatusCode::NOT_FOUND, "no_price_book", detail)
    };
    let version: u32 = version.parse().map_err(|_| no_such())?;
    let written = function.admin.store.price_book_version(version).await.map_err(unreadable)?;
    // The default is a version too: calls are priced by it until somebody writes the next.
    let default = || Some(PriceBook::default()).filter(|book| book.version() == version);
    let book = written.or_else(default).ok_or_else(no_such)?;
    Ok(shown(&book, version))
}

/// `PUT /api/admin/price-book`
pub(crate) async fn replace(
    admin: Admin,
    State(function): State<AdminSettings>,
    if_match: Result<IfMatch, ApiError>,
    body: Result<Json<WrittenBook>, ApiError>,
) -> Result<Response, ApiError> {
    let mut operation = admin.operation(FUNCTION, "price-book", None);
    let done = put(&function.admin, if_match, body, &mut operation).await;
    let book = function.recorded(operation, done).await?;
    Ok(shown(&book, book.version()))
}

async fn put(
    deps: &AdminDeps,
    if_match: Result<IfMatch, ApiError>,
    body: Result<Json<WrittenBook>, ApiError>,
    operation: &mut Operation,
) -> Result<PriceBook, ApiError> {
    let IfMatch(seen) = if_match?;
    let Json(written) = body?;
    // A version that no book can have is one that has changed meanwhile.
    let seen = u32::try_from(seen).unwrap_or(u32::MAX);
    let from = if seen == 0 { PriceBook::default().version() } else { seen };
    if written.version.is_some_and(|version| version != from) {
        let detail = format!("`version` must be {from}, the version in `If-Match`, or left out");
        return Err(ApiError::invalid_field("version", detail));
    }
    operation.details.insert("before".to_owned(), seen.to_string());
    let mut draft = written.into_draft(from);
    for _ in 0..VERSIONS_TRIED {
        draft.version = draft.version.saturating_add(1);
        let book = draft.accept().map_err(|error| {
            let detail = format!("the price book is refused: {error}");
            ApiError::invalid_field(error.name, detail)
        })?;
        let expected = (seen != 0).then_some(seen);
        if deps.store.replace_price_book(&book, expected).await.map_err(unreadable)? {
            operation.details.insert("version".to_owned(), book.version().to_string());
            return Ok(book);
        }
        let current = deps.store.price_book().await.map_err(unreadable)?;
        let current = current.map_or(0, |book| book.version());
        if current != seen {
            return Err(changed_meanwhile(current.into()));
        }
        // The book in force was put back or deleted by hand: the next version is an old one's, and
        // holds are pinned to that.
    }
    Err(changed_meanwhile(seen.into()))
}

fn shown(book: &PriceBook, version: u32) -> Response {
    let uncached = HeaderValue::from_static("no-store");
    let headers = [(ETAG, etag(version.into())), (CACHE_CONTROL, uncached)];
    (headers, Json(ShownBook::of(book))).into_response()
}
