use ledger::{AccountId, HoldId, entry::Actor};

use super::*;

const CALL: &str = "01JD3Q7Z8M0000000000000000";

fn check(amount: i64, cause: Cause, expected: &str) {
    let hold: HoldId = CALL.parse().unwrap();
    let entry = Entry {
        id: hold.entry(),
        account: AccountId::parse("user_ada").unwrap(),
        amount: Credits::new(amount).unwrap(),
        at: "2026-11-20T15:08:00Z".parse().unwrap(),
        actor: Actor::System("test".to_owned()),
        cause,
    };
    assert_eq!(words(&entry), expected);
}

fn hold(feature: &str, quantity: u32) -> Cause {
    Cause::Hold(HoldTerms {
        feature: feature.parse().unwrap(),
        model: "gpt-4o-mini".to_owned(),
        quantity,
        price_version: 1,
        tariff: ledger::price::Tariff::Fixed(ledger::price::Price::new(1).unwrap()),
        expires_at: "2026-11-20T15:28:00Z".parse().unwrap(),
    })
}

fn outcome(ending: Ending) -> Cause {
    Cause::Outcome { hold: CALL.parse().unwrap(), ending }
}

fn settled(charged: i64) -> Cause {
    outcome(Ending::Settled { charged: Credits::new(charged).unwrap() })
}

#[test]
fn a_hold_says_what_the_call_was_for() {
    check(-1, hold("ai_text_chat", 1), "Chat with gpt-4o-mini");
    check(-2, hold("ai_text_chat", 2), "Chat with gpt-4o-mini, 2 answers");
    check(-5, hold("ai_image_generation", 1), "Image by gpt-4o-mini");
    check(-15, hold("ai_image_generation", 3), "3 images by gpt-4o-mini");
    check(-1, hold("ai_speech", 1), "Use of ai speech with gpt-4o-mini");
    check(-4, hold("ai_speech", 4), "4 × ai speech with gpt-4o-mini");
}

#[test]
fn a_hold_without_a_model_says_nothing_of_one() {
    let without = |feature, quantity| match hold(feature, quantity) {
        Cause::Hold(terms) => Cause::Hold(HoldTerms { model: String::new(), ..terms }),
        cause => cause,
    };
    check(-1, without("ai_text_chat", 1), "Chat");
    check(-15, without("ai_image_generation", 3), "3 images");
    check(-4, without("ai_speech", 4), "4 × ai speech");
}

#[test]
fn an_outcome_says_what_was_charged_and_what_came_back() {
    check(0, settled(1), "Delivered: 1 credit charged");
    check(4, settled(1), "Delivered: 1 credit charged, 4 credits given back");
    check(5, settled(0), "Delivered: nothing charged, 5 credits given back");
    check(0, settled(0), "Delivered: nothing charged");
    check(1, outcome(Ending::Released), "Not delivered: 1 credit given back");
    check(0, outcome(Ending::Released), "Not delivered: nothing charged");
    check(5, outcome(Ending::Expired), "Not finished in time: 5 credits given back");
    check(0, outcome(Ending::Expired), "Not finished in time: nothing charged");
}

#[test]
fn a_late_charge_and_a_refund_name_their_credits() {
    let hold: HoldId = CALL.parse().unwrap();
    check(-1, Cause::Charge { hold }, "Delivered late: 1 credit charged");
    check(3, Cause::Refund { hold, note: None }, "Refund: 3 credits given back");
}

#[test]
fn a_grant_says_where_its_credits_come_from() {
    let grant = |source| Cause::Grant { source, key: None, expires_at: None, note: None };
    check(100, grant(Source::Signup), "Welcome credits");
    check(100, grant(Source::Plan), "Credits of your plan");
    check(100, grant(Source::Pack), "Credits you bought");
    check(100, grant(Source::Manual), "Credits added");
}

#[test]
fn what_an_admin_noted_is_not_shown() {
    let reason = Some("abuse case 7".to_owned());
    let adjustment = || Cause::Adjustment { reason: reason.clone() };
    check(5, adjustment(), "Balance adjusted: 5 credits added");
    check(-1, adjustment(), "Balance adjusted: 1 credit removed");
}

#[test]
fn credits_lost_and_found_say_why() {
    let reversal = || ("stripe:re:1".parse().unwrap(), "pi_1".to_owned());
    check(-5, Cause::Expiry { source: Source::Plan }, "5 credits expired");
    let (key, payment) = reversal();
    check(-5, Cause::Clawback { key, payment }, "Payment reversed: 5 credits taken back");
    let (key, payment) = reversal();
    check(5, Cause::Reinstatement { key, payment }, "Payment restored: 5 credits given again");
}
