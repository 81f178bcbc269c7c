//! The commands of the program `local`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod env_file;
mod events;
mod guide;
mod people;
mod service_key;
mod set;
mod state;
mod up;
mod verify;

/// Any error that ends a command; it is printed with its causes.
type CommandError = Box<dyn std::error::Error + Send + Sync>;

/// The local stack of Saldo: AWS, an AI provider and a token mint on 127.0.0.1.
#[derive(Parser)]
#[command(name = "local", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the stack and keep it running until Ctrl-C.
    Up(Up),
    /// Change a setting of the running stack, such as `CREDITS_ENABLED off`.
    Set {
        /// Name of the setting.
        name: String,
        /// New value; functions read it within a minute.
        value: String,
    },
    /// Make a service key and say what to store of it.
    ServiceKey {
        /// Name of the back end it is for: 1 to 64 letters, digits, `-` and `_`.
        name: String,
        /// What it may do, separated by commas; everything where none is given.
        #[arg(long, value_delimiter = ',', value_parser = crate::service_key::SCOPES)]
        scopes: Vec<String>,
    },
    /// Check that every balance is the sum of its entries, and every other rule of the ledger.
    Verify {
        /// Only this account, such as `user_local`.
        account: Option<String>,
    },
}

/// Options of `up`.
#[derive(Args)]
struct Up {
    /// Port of the HTTP API; the function URL and the token mint take the next two.
    #[arg(long, default_value_t = 8700)]
    port: u16,
    /// Leave the functions to `cargo lambda watch`: start all the rest, for it to use.
    #[arg(long, conflicts_with = "processes")]
    aws_only: bool,
    /// Base URL of a real OpenAI-compatible provider, instead of the one that stands in.
    #[arg(long, value_name = "URL", requires = "key")]
    provider: Option<String>,
    /// Key of the real provider.
    #[arg(long, requires = "provider")]
    key: Option<String>,
    /// Processes of each function: the most calls of it that run at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    processes: u8,
    /// A setting by name, or a secret by function and name (`ai-guard/PROVIDER_KEY=...`).
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// Forget everything first: delete the database file.
    #[arg(long)]
    fresh: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

/// Runs the program with the process's arguments; the error is one sentence for the user.
pub fn run() -> Result<(), String> {
    let cli = Cli::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?
        .block_on(async {
            let place = state::Place::find()?;
            match cli.command {
                Command::Up(options) => up::run(&place, options).await,
                Command::ServiceKey { name, scopes } => service_key::run(&name, &scopes),
                Command::Set { name, value } => set::run(&place, &name, &value).await,
                Command::Verify { account } => verify::run(&place, account.as_deref()).await,
            }
        });
    done.map_err(|error| startup::error_chain(error.as_ref()))
}

/// Prints a line; a closed terminal is nobody's error.
fn say(line: &str) {
    use std::io::Write as _;
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// The path of the template in a repository.
fn template_path(root: &std::path::Path) -> PathBuf {
    root.join("template.yaml")
}
