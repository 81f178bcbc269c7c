//! Which price books are none, and by which name they are refused.

use ledger::{
    feature::Feature,
    price::{
        InvalidPriceBook, LimitField, ModelPrice, Price, PriceBook, PriceBookDraft, Quote, Written,
    },
};

use crate::bank::credits;

/// A value as a row writes it: `"text"`, `[]`, or a number.
fn written(text: &str) -> Written {
    match text {
        "[]" => Written::Other,
        _ => match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(text) => Written::Text(text.to_owned()),
            None => Written::Number(text.to_owned()),
        },
    }
}

/// The book of a row: parts divided by `; `, each `name = value` for a fixed price, `feature/model
/// = member value, …` for token prices, or `free = name, …`. A good price stands beside them.
fn book(row: &str) -> Result<PriceBook, InvalidPriceBook> {
    let mut draft = PriceBookDraft { version: 2, ..PriceBookDraft::default() };
    draft.fixed.insert("ai_good".to_owned(), 1.into());
    for part in row.split("; ").filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once(" =").unwrap();
        let members = || value.split(", ").map(str::trim).filter(|member| !member.is_empty());
        if name == "free" {
            draft.free = members().map(str::to_owned).collect();
        } else if let Some((feature, model)) = name.split_once('/') {
            let members = members().map(|member| member.split_once(' ').unwrap());
            let price = members.map(|(name, value)| (name.to_owned(), written(value))).collect();
            let models = draft.tokens.entry(feature.to_owned()).or_default();
            models.insert(model.to_owned(), price);
        } else {
            draft.fixed.insert(name.to_owned(), written(value.trim()));
        }
    }
    draft.accept()
}

/// Rows of `book | the words it is refused in`.
#[track_caller]
fn refused(rows: &str) {
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (parts, words) = row.split_once('|').unwrap();
        let error = book(parts.trim()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(words.trim()), "{parts}");
    }
}

#[test]
fn a_negative_price_is_refused_by_name() {
    refused(
        "
        ai_video = -1                   | `ai_video`: `price`: price `-1` is negative
        ai_video = -9223372036854775808 | `ai_video`: `price`: price `-9223372036854775808` is negative
        ai_video = -99999999999999999999999999999999999999 | `ai_video`: `price`: price `-9223372036854775808` is negative
        ai_text_chat/m = input -1, output 3 | `ai_text_chat/m`: `input`: price `-1` is negative
        ai_text_chat/m = input 1, output -3 | `ai_text_chat/m`: `output`: price `-3` is negative
        ai_text_chat/m = input 1, output 3, minimum -1 | `ai_text_chat/m`: `minimum`: price `-1` is negative
        ai_text_chat/m = input -1, output 3; free = ai_text_chat/m | `ai_text_chat/m`: `input`: price `-1` is negative
        ",
    );
}

#[test]
fn an_enormous_price_is_refused_by_name() {
    refused(
        "
        ai_video = 1000001             | `ai_video`: `price`: price `1000001` is above the limit of 1000000 credits
        ai_video = 9223372036854775808 | `ai_video`: `price`: price `9223372036854775807` is above the limit of 1000000 credits
        ai_video = 1E+30               | `ai_video`: `price` is `1E+30`, and a price is a whole number of credits
        ai_text_chat/m = input 1000001, output 3 | `ai_text_chat/m`: `input`: price `1000001` is above the limit of 1000000 credits
        ai_text_chat/m = input 1, output 1000001 | `ai_text_chat/m`: `output`: price `1000001` is above the limit of 1000000 credits
        ai_text_chat/m = input 1, output 3, minimum 1000001 | `ai_text_chat/m`: `minimum`: price `1000001` is above the limit of 1000000 credits
        ai_text_chat/m = input 1, output 3, output_max 1000001 | `ai_text_chat/m`: `output_max` is `1000001`, and must be from 1 to 1000000
        ai_text_chat/m = input 1, output 3, output_max 99999999999 | `ai_text_chat/m`: `output_max` is `99999999999`, and must be from 1 to 1000000
        ",
    );
}

#[test]
fn a_missing_price_is_refused_by_name() {
    refused(
        "
        ai_text_chat/m =           | `ai_text_chat/m`: `input` is missing
        ai_text_chat/m = input 1   | `ai_text_chat/m`: `output` is missing
        ai_text_chat/m = output 1  | `ai_text_chat/m`: `input` is missing
        ai_text_chat/m = minimum 1 | `ai_text_chat/m`: `input` is missing
        ",
    );
}

#[test]
fn a_price_that_is_no_whole_number_is_refused_by_name() {
    refused(
        r#"
        ai_video = "NaN" | `ai_video`: `price` is not a number
        ai_video = "5"   | `ai_video`: `price` is not a number
        ai_video = ""    | `ai_video`: `price` is not a number
        ai_video = []    | `ai_video`: `price` is not a number
        ai_video = 1.5   | `ai_video`: `price` is `1.5`, and a price is a whole number of credits
        ai_video = NaN   | `ai_video`: `price` is `NaN`, and a price is a whole number of credits
        ai_video = -     | `ai_video`: `price` is `-`, and a price is a whole number of credits
        ai_text_chat/m = input "NaN", output 3 | `ai_text_chat/m`: `input` is not a number
        ai_text_chat/m = input 1, output []    | `ai_text_chat/m`: `output` is not a number
        ai_text_chat/m = input 1, output 0.5   | `ai_text_chat/m`: `output` is `0.5`, and a price is a whole number of credits
        ai_text_chat/m = input 1, output 3, minimum "1"    | `ai_text_chat/m`: `minimum` is not a number
        ai_text_chat/m = input 1, output 3, output_max "9" | `ai_text_chat/m`: `output_max` is not a number
        ai_text_chat/m = input 1, output 3, output_max 1.5 | `ai_text_chat/m`: `output_max` is `1.5`, and must be from 1 to 1000000
        ai_text_chat/m = input 1, output 3, output_max 0   | `ai_text_chat/m`: `output_max` is `0`, and must be from 1 to 1000000
        ai_text_chat/m = input 1, output 3, output_max -1  | `ai_text_chat/m`: `output_max` is `-1`, and must be from 1 to 1000000
        "#,
    );
}

#[test]
fn a_zero_that_nobody_declared_is_refused_by_name() {
    refused(
        "
        ai_video = 0                       | `ai_video`: `price` is zero; what is meant to cost nothing is named in `free`
        ai_video = -0                      | `ai_video`: `price` is zero; what is meant to cost nothing is named in `free`
        ai_video = 0; free = ai_videos     | `ai_video`: `price` is zero; what is meant to cost nothing is named in `free`
        ai_text_chat/m = input 0, output 3 | `ai_text_chat/m`: `input` is zero; what is meant to cost nothing is named in `free`
        ai_text_chat/m = input 1, output 0 | `ai_text_chat/m`: `output` is zero; what is meant to cost nothing is named in `free`
        ai_text_chat/m = input 0, output 0, minimum 1 | `ai_text_chat/m`: `input` is zero; what is meant to cost nothing is named in `free`
        ai_text_chat/m = input 0, output 0; free = m | `ai_text_chat/m`: `input` is zero; what is meant to cost nothing is named in `free`
        ai_text_chat = 0; ai_text_chat/m = input 0, output 3; free = ai_text_chat | `ai_text_chat/m`: `input` is zero; what is meant to cost nothing is named in `free`
        ",
    );
}

#[test]
fn a_name_that_is_free_and_yet_priced_is_refused() {
    refused(
        "
        ai_video = 1; free = ai_video  | `ai_video`: `free` names it, and its price is not zero
        free = ai_video                | `ai_video`: `free` names it, and it has no price
        free = ai_good/m               | `ai_good/m`: `free` names it, and it has no price
        free = Ai_Good                 | `Ai_Good`: `free` names it, and it has no price
        ai_text_chat/m = input 1, output 3; free = ai_text_chat/m | `ai_text_chat/m`: `free` names it, and its price is not zero
        ai_text_chat/m = input 1, output 3; free = ai_text_chat   | `ai_text_chat`: `free` names it, and it has no price
        ai_text_chat/m = input 1, output 3; free = ai_text_chat/n | `ai_text_chat/n`: `free` names it, and it has no price
        ",
    );
}

#[test]
fn what_nobody_would_read_is_refused_by_name() {
    let long = "m".repeat(129);
    let rows = format!(
        "
        ai_text_chat/m = input 1, output 3, maximum 9 | `ai_text_chat/m`: member `maximum` is not known
        ai_text_chat/m = input 1, output 3, Minimum 9 | `ai_text_chat/m`: member `Minimum` is not known
        ai_text_chat/m = input 1, output 3, limit_field \"max\" | `ai_text_chat/m`: `limit_field` is neither `max_tokens` nor `max_completion_tokens`
        ai_text_chat/m = input 1, output 3, limit_field 1 | `ai_text_chat/m`: `limit_field` is neither `max_tokens` nor `max_completion_tokens`
        ai_image_generation/m = input 1, output 3 | `ai_image_generation`: images are priced by the image, not by tokens
        ai_text_chat/ = input 1, output 3 | `ai_text_chat/`: a model is 1 to 128 characters, none of them a control character
        ai_text_chat/m\u{7} = input 1, output 3 | `ai_text_chat/m\u{7}`: a model is 1 to 128 characters, none of them a control character
        ai_text_chat/{long} = input 1, output 3 | `ai_text_chat/{long}`: a model is 1 to 128 characters, none of them a control character
        Chat/m = input 1, output 3 | `Chat`: a feature is 1 to 64 lower-case letters, digits and underscores, a letter first
        "
    );
    refused(&rows);
}

#[test]
fn a_good_book_says_what_was_written() {
    let book = book(
        "ai_video = 1000000; ai_free = 0; \
         ai_text_chat = 1; \
         ai_text_chat/vendor/small = input 1, output 3; \
         ai_text_chat/large = input 5, output 15, minimum 2, output_max 16384, limit_field \"max_completion_tokens\"; \
         ai_text_chat/open = input 0, output 0; \
         ai_text_chat/half = input 0, output 1000000; \
         free = ai_free, ai_text_chat/open, ai_text_chat/half",
    )
    .unwrap();
    let prices = |model: ModelPrice| {
        [model.price.input(), model.price.output(), model.price.minimum()]
            .map(|p| p.per_unit().get())
    };
    let tokens: Vec<_> = book
        .tokens()
        .map(|(feature, name, model)| {
            let field = model.limit_field.as_str();
            (feature.as_str(), name, prices(model), model.output_max, field)
        })
        .collect();
    let max_tokens = LimitField::MaxTokens.as_str();
    let expected = [
        ("ai_text_chat", "half", [0, 1_000_000, 0], 4_096, max_tokens),
        ("ai_text_chat", "large", [5, 15, 2], 16_384, "max_completion_tokens"),
        ("ai_text_chat", "open", [0, 0, 0], 4_096, max_tokens),
        ("ai_text_chat", "vendor/small", [1, 3, 0], 4_096, max_tokens),
    ];
    assert_eq!(tokens, expected);
    let fixed: Vec<_> = book.fixed().map(|(it, price)| (it.as_str(), price.per_unit())).collect();
    let expected = [("ai_free", 0), ("ai_good", 1), ("ai_text_chat", 1), ("ai_video", 1_000_000)];
    assert_eq!(fixed, expected.map(|(name, price)| (name, credits(price))));
    assert_eq!(book.version(), 2);
}

#[test]
fn a_call_is_quoted_by_its_model_else_by_its_feature_else_not_at_all() {
    let book = book(
        "ai_text_chat = 1; ai_text_chat/m = input 1, output 3; ai_code/m = input 2, output 6; \
         ai_code/open = input 0, output 0; free = ai_code/open",
    )
    .unwrap();
    let code: Feature = "ai_code".parse().unwrap();
    let quote = |feature, model| book.quote(feature, model);
    assert!(matches!(quote(&Feature::AI_TEXT_CHAT, "m"), Some(Quote::Tokens(_))));
    let one = Price::new(1).unwrap();
    for alike in ["M", " m", "m "] {
        assert!(matches!(quote(&Feature::AI_TEXT_CHAT, alike), Some(Quote::Tokens(_))));
        assert!(matches!(quote(&code, alike), Some(Quote::Tokens(_))), "`{alike}`");
    }
    for model in ["other", "", "mm"] {
        assert_eq!(quote(&Feature::AI_TEXT_CHAT, model), Some(Quote::Fixed(one)), "`{model}`");
        assert_eq!(quote(&code, model), None, "`{model}`");
        assert!(!book.is_free(&code, model));
    }
    assert!(book.is_free(&code, "open") && !book.is_free(&code, "m"));
}

#[test]
fn a_model_has_the_price_of_its_own_spelling_before_that_of_another() {
    let book = book("ai_code/M = input 1, output 1; ai_code/m = input 2, output 2").unwrap();
    let code: Feature = "ai_code".parse().unwrap();
    for (model, input) in [("M", 1), ("m", 2), (" m", 1)] {
        let Some(Quote::Tokens(found)) = book.quote(&code, model) else { panic!("`{model}`") };
        assert_eq!(found.price.input(), Price::new(input).unwrap(), "`{model}`");
    }
}
