//! The price book in force and its versions: one at a time, and never over another than expected.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::price::PriceBook;
use ledger_dynamodb::Item;
use local::fault::Fault;

use crate::{
    harness::Harness,
    store_lists::{put_state, text},
};

fn book(version: u32, chat: i64) -> PriceBook {
    PriceBook::new(version, [("ai_text_chat", chat), ("ai_image_generation", 5)]).unwrap()
}

#[tokio::test]
async fn of_price_books_written_at_once_over_one_version_one_is_in_force() {
    let books = Harness::start().await;
    for (expected, version) in [(None, 1), (Some(1), 2), (Some(2), 3)] {
        let drafts: Vec<_> = (1..=8).map(|chat| book(version, chat)).collect();
        let written = drafts.iter().map(|draft| books.store.replace_price_book(draft, expected));
        let written = futures_util::future::join_all(written).await;
        let written: Vec<_> = written.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> =
            drafts.iter().zip(&written).filter(|(_, won)| **won).map(|(draft, _)| draft).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(books.store.price_book().await.unwrap().as_ref(), winners.first().copied());
        let kept = books.store.price_book_version(version).await.unwrap();
        assert_eq!(kept.as_ref(), winners.first().copied());
    }
    assert!(books.store.price_book_version(2).await.unwrap().is_some(), "kept for ever");
    assert_eq!(books.store.price_book_version(9).await.unwrap(), None);
}

#[tokio::test]
async fn a_price_book_goes_over_no_other_version_than_the_one_expected() {
    let books = Harness::start().await;
    assert!(!books.store.replace_price_book(&book(2, 1), Some(1)).await.unwrap());
    assert!(books.store.replace_price_book(&book(2, 1), None).await.unwrap());
    assert!(!books.store.replace_price_book(&book(3, 1), None).await.unwrap());
    assert!(!books.store.replace_price_book(&book(3, 1), Some(1)).await.unwrap());
    assert!(!books.store.replace_price_book(&book(2, 9), Some(2)).await.unwrap(), "used before");
    assert_eq!(books.store.price_book().await.unwrap(), Some(book(2, 1)));
    assert_eq!(books.store.price_book_version(3).await.unwrap(), None);
}

#[tokio::test]
async fn a_price_book_of_which_the_answer_was_lost_is_in_force_and_says_so() {
    for fault in [Fault::LostReply, Fault::LostRequest, Fault::ServerError, Fault::Conflict] {
        let books = Harness::start().await;
        books.front.next_n(2, "TransactWriteItems", fault);
        assert!(books.store.replace_price_book(&book(1, 2), None).await.unwrap(), "{fault:?}");
        assert_eq!(books.store.price_book().await.unwrap(), Some(book(1, 2)), "{fault:?}");
        assert!(books.store.replace_price_book(&book(1, 2), None).await.unwrap(), "again");
    }
}

#[tokio::test]
async fn a_price_book_with_token_prices_and_free_models_is_read_as_it_was_written() {
    use ledger::price::{PriceBookDraft, Written};
    let books = Harness::start().await;
    let number = |value: i64| Written::from(value);
    let model = |input, output| {
        BTreeMap::from([
            ("input".to_owned(), number(input)),
            ("output".to_owned(), number(output)),
            ("minimum".to_owned(), number(1)),
            ("output_max".to_owned(), number(800)),
            ("limit_field".to_owned(), Written::Text("max_completion_tokens".to_owned())),
        ])
    };
    let models = BTreeMap::from([
        ("openai/gpt-4o".to_owned(), model(3, 9)),
        ("tiny".to_owned(), model(0, 2)),
    ]);
    let draft = PriceBookDraft {
        version: 4,
        fixed: BTreeMap::from([
            ("ai_text_chat".to_owned(), number(0)),
            ("ai_image_generation".to_owned(), number(5)),
        ]),
        tokens: BTreeMap::from([("ai_text_chat".to_owned(), models)]),
        free: vec!["ai_text_chat".to_owned(), "ai_text_chat/tiny".to_owned()],
    };
    let book = draft.accept().unwrap();
    assert!(books.store.replace_price_book(&book, None).await.unwrap());
    assert_eq!(books.store.price_book().await.unwrap(), Some(book.clone()));
    assert_eq!(books.store.price_book_version(4).await.unwrap(), Some(book));
}

/// A book from before versions were kept is found while it is in force.
#[tokio::test]
async fn a_price_book_written_by_hand_is_found_by_its_version_while_it_is_in_force() {
    let books = Harness::start().await;
    let fixed = AttributeValue::M(Item::from([(
        "ai_text_chat".to_owned(),
        AttributeValue::N("2".to_owned()),
    )]));
    let version = AttributeValue::N("7".to_owned());
    let rows =
        [("pk", text("PRICE_BOOK")), ("sk", text("ONLY")), ("version", version), ("fixed", fixed)];
    put_state(&books, &rows).await;
    assert_eq!(books.store.price_book_version(7).await.unwrap().unwrap().version(), 7);
    assert_eq!(books.store.price_book_version(6).await.unwrap(), None);
    assert!(books.store.replace_price_book(&book(8, 1), Some(7)).await.unwrap());
    assert_eq!(books.store.price_book().await.unwrap(), Some(book(8, 1)));
}
