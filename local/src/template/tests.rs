//! The real template, and what is refused.

use std::time::Duration;

use super::*;

const REAL: &str = include_str!("../../../template.yaml");

fn deployment() -> Deployment {
    Deployment {
        stack_name: "saldo-local".into(),
        aws_url: "http://127.0.0.1:9".into(),
        parameters: BTreeMap::from([
            ("Stage".into(), "local".into()),
            ("ClerkIssuer".into(), "https://clerk.example".into()),
        ]),
    }
}

fn real() -> Template {
    Template::parse(REAL, &deployment()).unwrap()
}

/// The template with one thing changed is refused with a message that has both parts.
fn check_refused(from: &str, to: &str, place: &str, message: &str) {
    assert!(REAL.contains(from), "`{from}` is not in the template");
    let changed = REAL.replacen(from, to, 1);
    let error = Template::parse(&changed, &deployment()).unwrap_err().to_string();
    assert!(error.contains(place) && error.contains(message), "{error}");
}

#[test]
fn the_ledger_has_a_stream_and_each_table_an_index_and_the_state_a_ttl() {
    let template = real();
    let key = Key { partition: "pk".into(), sort: Some("sk".into()) };
    let ledger = &template.tables[0];
    assert_eq!(ledger.name, "saldo-local-LedgerTable");
    assert_eq!(ledger.key, key);
    assert_eq!(ledger.stream_view.as_deref(), Some("NEW_AND_OLD_IMAGES"));
    assert_eq!(ledger.ttl_attribute, None);
    let index = SecondaryIndex {
        name: "holds-by-expiry".into(),
        key: Key { partition: "expiry_slot".into(), sort: Some("sk".into()) },
        projection: "KEYS_ONLY".into(),
    };
    assert_eq!(ledger.indexes, [index]);
    let state = &template.tables[1];
    let index = SecondaryIndex {
        name: "users-by-email".into(),
        key: Key { partition: "email_shard".into(), sort: Some("email_key".into()) },
        projection: "KEYS_ONLY".into(),
    };
    assert_eq!((&state.key, &state.indexes), (&key, &vec![index]));
    assert_eq!(state.ttl_attribute.as_deref(), Some("ttl"));
}

#[test]
fn both_queues_give_up_after_five_receives() {
    let template = real();
    let redrives: Vec<_> = template
        .queues
        .iter()
        .filter_map(|queue| Some((queue.logical_id.as_str(), queue.redrive.as_ref()?)))
        .map(|(id, redrive)| (id, redrive.max_receive_count, &redrive.dead_letter_target_arn))
        .collect();
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:123456789012:saldo-local-{name}");
    assert_eq!(
        redrives,
        [
            ("SettleQueue", 5, &arn("SettleDeadLetters")),
            ("RetryQueue", 5, &arn("RetryDeadLetters")),
        ]
    );
}

#[test]
fn settings_known_at_deployment_come_from_parameters_and_no_other_is_declared() {
    let template = real();
    let value = |name: &str| {
        let name = format!("/saldo/local/settings/{name}");
        let found = template.parameters.iter().find(|parameter| parameter.name == name);
        found.map(|parameter| parameter.value.as_str())
    };
    for live in crate::stack::LIVE_SETTINGS {
        assert_eq!(value(live), None, "a stack update would write {live} again");
    }
    assert_eq!(value("PROVIDER_BASE_URL"), Some("https://api.openai.com/v1"));
    assert_eq!(value("PROVIDER_MODELS"), Some("*"));
    assert_eq!(value("CLERK_ISSUER"), Some("https://clerk.example"));
    // A parameter without default and without value: whoever deploys has to give it.
    assert_eq!(value("CLERK_AUTHORIZED_PARTIES"), Some(""));
    assert_eq!(value("CLERK_JWT_KEY"), None);
}

#[test]
fn functions_have_their_triggers_and_environment() {
    let template = real();
    let routes = |name: &str| -> Vec<String> {
        let function = template.function(name).unwrap();
        function.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect()
    };
    let mut guard_routes = routes("ai-guard");
    guard_routes.sort();
    assert_eq!(
        guard_routes,
        [
            "POST /api/ai/chat",
            "POST /api/ai/holds",
            "POST /api/ai/holds/{id}/release",
            "POST /api/ai/holds/{id}/settle",
            "POST /api/ai/image",
            "POST /v1/chat/completions",
            "POST /v1/images/generations",
        ]
    );
    assert_eq!(routes("credits-me").len(), 3);
    let guard = template.function("ai-guard").unwrap();
    assert_eq!(guard.timeout, Duration::from_mins(5));
    assert_eq!(guard.url.as_ref().unwrap().invoke_mode, InvokeMode::ResponseStream);
    assert_eq!(guard.environment["SECRETS_PATH"], "/saldo/local/secrets/ai-guard");
    assert_eq!(guard.environment["LEDGER_TABLE"], "saldo-local-LedgerTable");
    assert_eq!(
        guard.environment["SETTLE_QUEUE_URL"],
        "http://127.0.0.1:9/123456789012/saldo-local-SettleQueue"
    );
    let expire = template.function("expire-holds").unwrap();
    assert_eq!(expire.schedules[0].every, Duration::from_mins(1));
    assert_eq!(expire.schedules[0].rule, "ExpireHoldsEveryMinute");
    assert_eq!(template.cors.unwrap().allow_origins, ["*"]);
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    check_refused("!Ref StateTable", "!Ref NoTable", "globals", "there is no `NoTable`");
    check_refused(
        "!GetAtt SettleDeadLetters.Arn",
        "!GetAtt SettleDeadLetters.Url",
        "resource `SettleQueue`.Properties.RedrivePolicy",
        "there is no attribute `SettleDeadLetters.Url`",
    );
    check_refused(
        "!GetAtt LedgerTable.Arn",
        "!GetAtt LedgersTable.Arn",
        "resource `AiGuard`.Properties.Policies[0].Statement[0].Resource",
        "there is no attribute `LedgersTable.Arn`",
    );
    check_refused("!Ref HttpApi", "!ImportValue x", "resource `AiGuard`", "`!ImportValue`");
    check_refused("VisibilityTimeout", "FifoQueue", "resource `SettleQueue`", "`FifoQueue`");
    check_refused("AWS::SQS::Queue", "AWS::SNS::Topic", "resource", "AWS::S");
    check_refused("Binary: ai-guard", "Binary: guard", "resource `AiGuard`", "`ai-guard`");
    check_refused("rate(1 minute)", "rate(1 minutes)", "EveryMinute", "is not a rate");
    check_refused("AttributeName: expiry_slot\n", "AttributeName: x\n", "`LedgerTable`", "defin");
}

#[test]
fn rates_follow_the_rules_of_eventbridge() {
    let rows = [
        ("rate(1 minute)", Some(60)),
        ("rate(5 minutes)", Some(300)),
        ("rate(1 hour)", Some(3_600)),
        ("rate(2 days)", Some(172_800)),
        ("rate(0 minutes)", None),
        ("rate(-1 minutes)", None),
        ("rate(1 minutes)", None),
        ("rate(2 minute)", None),
        ("rate(2 seconds)", None),
        ("rate(2)", None),
        ("cron(0 12 * * ? *)", None),
    ];
    for (expression, seconds) in rows {
        let parsed = schedule::parse_rate(expression).ok().map(|every| every.as_secs());
        assert_eq!(parsed, seconds, "{expression}");
    }
}

const QUEUED: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 5 }
  DoJobs:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: do-jobs } }
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      Architectures: [arm64]
      MemorySize: 128
      Timeout: 5
      Events:
        Jobs:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            BatchSize: 3
            FunctionResponseTypes: [ReportBatchItemFailures]
"#;

fn queued(text: &str) -> Result<Template, TemplateError> {
    Template::parse(text, &Deployment { parameters: BTreeMap::new(), ..deployment() })
}

#[test]
fn an_event_source_names_its_queue_and_how_it_reports_failures() {
    let template = queued(QUEUED).unwrap();
    let source = &template.function("do-jobs").unwrap().queues[0];
    assert_eq!(source.queue_arn, template.queues[0].arn);
    assert_eq!((source.batch_size, source.partial_failures), (3, true));
}

#[test]
fn a_queue_hides_messages_at_least_as_long_as_its_function_may_work() {
    let error = queued(&QUEUED.replace("Timeout: 5 }", "Timeout: 4 }")).unwrap_err();
    assert!(error.to_string().contains("visibility time-out of `Jobs`"), "{error}");
}
