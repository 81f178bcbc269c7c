//! What the functions talk to: the AWS services, the provider and the identity provider, each at
//! an address of its own over TLS, with answers that are made before they are asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use local::mint::{AUTHORIZED_PARTY, Mint};
use serde_json::{Value, json};

use crate::Failure;
use crate::cold_start::authority::Authority;
use crate::cold_start::books::Books;
use crate::cold_start::wire::{Answer, Request, serve};

/// Where systems keep the certificates they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1795176000,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

/// The stand-ins, and what a function has to know to find them.
pub(crate) struct World {
    /// A token of the account in the books.
    user_token: String,
    admin_token: String,
    /// The variables of every function.
    variables: BTreeMap<&'static str, String>,
    /// The benchmark's root alone, and among those of the system.
    root: PathBuf,
    bundle: PathBuf,
}

impl World {
    /// Starts the stand-ins; their files go to `folder`.
    pub(crate) fn start(folder: &Path, books: Books, now: Timestamp) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| format!("no stand-ins: {error}");
        let authority = Authority::new()?;
        let tls = Some(&authority.server);
        let mint = Mint::open(folder).map_err(|error| failed(&error))?;
        let key = mint.public_pem().map_err(|error| failed(&error))?;
        let identity = serve(tls, |_| Answer::status(500));
        let identity = format!("https://{}", identity.map_err(|error| failed(&error))?);
        let provider = serve(tls, |request| {
            let asked = request.line == "POST /v1/chat/completions";
            if asked { Answer::json(ANSWER) } else { Answer::status(404) }
        });
        let provider = format!("https://{}", provider.map_err(|error| failed(&error))?);
        let parameters = parameters(&identity, key, &provider);
        let ssm = serve(tls, move |request| parameter_store(&parameters, request));
        let dynamodb = serve(tls, move |request| books.answer(request));
        let sqs = serve(tls, |_| Answer::json(r#"{"MessageId":"1","MD5OfMessageBody":""}"#));
        let mut variables = BTreeMap::from([
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLE".repeat(30)),
            ("LEDGER_TABLE", "Ledger".to_owned()),
            ("STATE_TABLE", "State".to_owned()),
            ("SETTINGS_PATH", "/saldo/bench/settings".to_owned()),
            ("SECRETS_PATH", "/saldo/bench/secrets/ai-guard".to_owned()),
        ]);
        for (name, address) in [
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_SQS", sqs),
            ("AWS_ENDPOINT_URL_SSM", ssm),
        ] {
            let address = address.map_err(|error| failed(&error))?;
            variables.insert(name, format!("https://{address}"));
        }
        let queue = variables.get("AWS_ENDPOINT_URL_SQS").cloned().unwrap_or_default();
        for (name, queue_name) in [
            ("SETTLE_QUEUE_URL", "settle"),
            ("SETTLE_DEAD_LETTERS_URL", "settle-dead"),
            ("RETRY_QUEUE_URL", "retry"),
            ("RETRY_DEAD_LETTERS_URL", "retry-dead"),
        ] {
            variables.insert(name, format!("{queue}/123456789012/{queue_name}"));
        }
        let (root, bundle) = write_roots(folder, &authority.root)?;
        let user_token = token(&mint, &identity, now, &json!({}))?;
        let admin_token = token(&mint, &identity, now, &json!({"role": "admin"}))?;
        Ok(Self { user_token, admin_token, variables, root, bundle })
    }

    /// The token with which a function is called.
    pub(crate) fn token(&self, function: &str) -> &str {
        if function.starts_with("admin-") { &self.admin_token } else { &self.user_token }
    }

    /// The environment of a function; `defaults` are those that trust what the system trusts.
    pub(crate) fn variables(&self, defaults: bool) -> BTreeMap<&'static str, String> {
        let mut variables = self.variables.clone();
        // The provider's client trusts it in either build.
        variables.insert("EXTRA_CA_FILE", self.root.display().to_string());
        if defaults {
            variables.insert("SSL_CERT_FILE", self.bundle.display().to_string());
        }
        variables
    }
}

fn parameters(identity: &str, key: String, provider: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("CREDITS_ENABLED", "1".to_owned()),
        ("PROVIDER_BASE_URL", format!("{provider}/v1")),
        ("PROVIDER_MODELS", "*".to_owned()),
        ("PROVIDER_KEY", "sk-benchmark".to_owned()),
        ("CLERK_ISSUER", identity.to_owned()),
        // Configured, as a deployment has it that cares for its cold starts.
        ("CLERK_JWT_KEY", key),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY.to_owned()),
        ("CLERK_API_URL", identity.to_owned()),
        ("CLERK_SECRET_KEY", "sk_live_benchmark".to_owned()),
    ])
}

fn parameter_store(parameters: &BTreeMap<&'static str, String>, request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let names = asked.get("Names").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for name in names.iter().filter_map(Value::as_str) {
        let short = name.rsplit('/').next().unwrap_or(name);
        match parameters.get(short) {
            Some(value) => found.push(json!({"Name": name, "Type": "String", "Value": value})),
            None => unknown.push(name),
        }
    }
    Answer::json(json!({"Parameters": found, "InvalidParameters": unknown}).to_string())
}

fn token(mint: &Mint, issuer: &str, now: Timestamp, metadata: &Value) -> Result<String, Failure> {
    let claims = mint.claims(super::books::USER, now).and_then(|mut claims| {
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("iss".to_owned(), json!(issuer));
            claims.insert("metadata".to_owned(), metadata.clone());
        }
        mint.token(&claims)
    });
    claims.map_err(|error| format!("no token could be made: {error}"))
}

fn write_roots(folder: &Path, root: &str) -> Result<(PathBuf, PathBuf), Failure> {
    let system = SYSTEM_BUNDLES.iter().find_map(|bundle| fs::read_to_string(bundle).ok());
    let system = system.ok_or(
        "this system's certificates are in none of the usual places, and reading them is a part \
         of what is compared",
    )?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        let written = fs::write(&path, text).map(|()| path);
        written.map_err(|error| format!("`{name}` cannot be written: {error}"))
    };
    Ok((write("root.pem", root)?, write("bundle.pem", &format!("{system}\n{root}"))?))
}
