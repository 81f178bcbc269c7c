//! `local verify`: checks the books of all accounts, or of one.

use ledger::AccountId;
use ledger_dynamodb::{LedgerStore, Report, TableNames};

use super::set::credentials;
use super::state::Place;
use super::{CommandError, env_file, say, template_path};
use crate::dynamodb::{self, Storage};
use crate::listener::Servers;
use crate::machine;
use crate::template::{Deployment, Template};

pub(super) async fn run(place: &Place, account: Option<&str>) -> Result<(), CommandError> {
    let template = Template::load(&template_path(&place.root), &Deployment::local(""))?;
    let mut servers = Servers::new();
    // Whoever has the claim has the database file; while a stack runs, it is asked instead.
    let claim = place.claim();
    let endpoint = match &claim {
        Ok(_) => {
            if !place.database().is_file() {
                return Err("there is no database yet: start a stack with `cargo xtask up`".into());
            }
            let storage = Storage::File(place.database());
            dynamodb::start(&storage, &template.tables, &mut servers).await?
        }
        Err(_) => env_file::read(&place.env_file())?
            .remove("AWS_ENDPOINT_URL_DYNAMODB")
            .unwrap_or_default(),
    };
    let startup = startup::Startup::from_vars(move |variable| match variable {
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(endpoint.clone()),
        other => credentials(other),
    })?;
    let table = |logical_id: &str| {
        let name = template.table_name(logical_id).map(str::to_owned);
        name.ok_or_else(|| format!("template.yaml has no table `{logical_id}`"))
    };
    let names = TableNames { ledger: table("LedgerTable")?, state: table("StateTable")? };
    let store = LedgerStore::new(startup.dynamodb(), names);
    let accounts = match account {
        Some(account) => vec![account.parse::<AccountId>()?],
        None => store.accounts().await?,
    };
    let wrong = check(&store, &accounts).await?;
    servers.shutdown().await;
    drop(claim);
    let checked = accounts.len();
    if wrong > 0 {
        return Err(format!("the books do not add up: accounts {checked}, wrong {wrong}").into());
    }
    say(&format!("the books add up: accounts {checked}, wrong 0"));
    Ok(())
}

/// Checks each account and says so; returns how many are not right.
async fn check(store: &LedgerStore, accounts: &[AccountId]) -> Result<usize, CommandError> {
    let mut wrong: usize = 0;
    for account in accounts {
        let report = store.verify(account, machine::now()).await?;
        let right = report.settled && report.violations.is_empty();
        say(&describe(account, &report));
        for violation in &report.violations {
            say(&format!("  {violation}"));
        }
        if !right {
            wrong = wrong.saturating_add(1);
        }
    }
    Ok(wrong)
}

fn describe(account: &AccountId, report: &Report) -> String {
    let Report { entries, sum, .. } = report;
    let verdict = match &report.available {
        _ if !report.settled => "in use all the time, cannot be checked".to_owned(),
        Some(available) => format!("balance {available}"),
        None => "not opened".to_owned(),
    };
    format!("{account}: {entries} entries, sum {sum}, {verdict}")
}
