//! Many clients on one account: exactly what there is is sold, whatever the table does meanwhile.

use http::StatusCode;
use local::fault::{Fault, Rule};

use super::town::{Client, Reply, Town};
use crate::harness::account;

/// How often a client tries again that is told to: a machine under load needs it once or twice.
const TRIES_MAX: usize = 10;

/// One call, made again for as long as the account is used faster than its balance can be
/// written: such an answer has held nothing.
async fn answered(client: &Client) -> Reply {
    let mut reply = client.chat("gpt-4o-mini").await;
    for _ in 1..TRIES_MAX {
        if reply.status != StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        assert_eq!(reply.header("retry-after"), "1");
        reply = client.chat("gpt-4o-mini").await;
    }
    reply
}

/// 64 clients call 20 times each on an account with 500 credits.
async fn sell_500(rules: &[Rule]) {
    let town = Town::with(|options| {
        options.settings.insert("SIGNUP_CREDITS".to_owned(), "500".to_owned());
    })
    .await;
    town.front().rules(rules);
    let clients = (0..64).map(|_| {
        let client = town.client.clone();
        tokio::spawn(async move {
            let mut sold = 0;
            for _ in 0..20 {
                let reply = answered(&client).await;
                match reply.status.as_u16() {
                    200 => sold += 1,
                    402 => assert_eq!(reply.json()["error"], "insufficient_credits"),
                    status => panic!("{status}: {}", reply.text),
                }
            }
            sold
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut sold = 0;
    for client in clients {
        sold += client.await.unwrap();
    }
    town.front().reset();
    assert_eq!(sold, 500);
    assert_eq!(town.books_of("user_1").await, 0);
    assert_eq!(town.count(&account("user_1"), "hold").await, 500);
}

#[tokio::test]
async fn sixty_four_clients_share_five_hundred_credits_exactly() {
    sell_500(&[]).await;
}

#[tokio::test]
async fn sixty_four_clients_share_them_exactly_with_half_of_all_table_replies_lost() {
    sell_500(&[Rule::any(Fault::LostReply, 500)]).await;
}

#[tokio::test]
async fn sixty_four_clients_share_them_exactly_with_a_fifth_of_transactions_in_conflict() {
    sell_500(&[Rule::of("TransactWriteItems", Fault::Conflict, 200)]).await;
}
