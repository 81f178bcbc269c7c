//! Starts a stack, in the order in which its parts need one another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::programs::{self, Programs};
use super::{Front, Options, STAGE, Stack, StackError};
use crate::aws::Aws;
use crate::dynamodb;
use crate::event_sources::{queue, schedule};
use crate::gateway::{FunctionUrlServer, HttpApi};
use crate::invocation::Invocations;
use crate::listener::{self, Servers};
use crate::runtime_api::{self, Functions};
use crate::template::{Deployment, Parameter, Template};

pub(super) async fn start(options: Options) -> Result<Stack, StackError> {
    if options.aws_only {
        let listener = listener::bind(0).await?;
        let template = load(&options, &url(&listener)?)?;
        return Ok(services(options, listener, template).await?.0);
    }
    // The ports somebody has chosen come first: if one is taken, nothing else has happened yet.
    let http_listener = listener::bind(options.port).await?;
    let aws_listener = listener::bind(0).await?;
    let runtime_listener = listener::bind(0).await?;
    let runtime_url = url(&runtime_listener)?;
    let template = load(&options, &url(&aws_listener)?)?;
    let url_listeners = bind_function_urls(&template, options.function_url_port).await?;
    programs::check(&template, &options.programs)?;
    let (folder, count) = (options.programs.clone(), options.processes);
    let count_max = options.processes_max.clone();
    let (environment, schedules) = (options.environment.clone(), options.schedules);

    let (mut stack, table_url) = services(options, aws_listener, template).await?;
    let functions = queues_of(&stack.template);
    stack.functions = Arc::clone(&functions);
    stack.servers.serve(runtime_listener, runtime_api::router(Arc::clone(&functions)));
    stack.http_api_url = url(&http_listener)?;
    let http_api = HttpApi::new(functions.values().cloned(), stack.template.cors.clone());
    stack.servers.serve(http_listener, http_api.router());
    stack.function_urls = serve_function_urls(url_listeners, &functions, &mut stack.servers)?;

    let programs = Programs {
        folder: &folder,
        logs: &stack.logs,
        environment: &environment,
        aws_url: &stack.aws_url,
        dynamodb_url: &table_url,
        runtime_url: &runtime_url,
        count,
        count_max: &count_max,
    };
    programs.run(&functions, &mut stack.servers).await?;
    spawn_event_sources(&mut stack, schedules);
    Ok(stack)
}

/// Everything of a stack but its functions, and the URL of the database as they shall know it.
async fn services(
    options: Options,
    listener: TcpListener,
    template: Template,
) -> Result<(Stack, String), StackError> {
    let mut servers = Servers::new();
    let dynamodb_url = dynamodb::start(&options.storage, &template.tables, &mut servers).await?;
    let aws = Aws::new();
    aws.create_queues(&template.queues).await?;
    put_parameters(&aws, &template, &options).await?;
    let aws_url = url(&listener)?;
    servers.serve(listener, aws.clone().router());
    let table_url = front(options.front, &dynamodb_url).await?;
    let stack = Stack {
        http_api_url: String::new(),
        function_urls: BTreeMap::new(),
        dynamodb_url,
        aws_url,
        aws,
        template,
        logs: options.logs,
        functions: Functions::default(),
        servers,
    };
    Ok((stack, table_url))
}

fn load(options: &Options, aws_url: &str) -> Result<Template, StackError> {
    let mut template = Template::load(&options.template, &Deployment::local(aws_url))?;
    for (name, timeout) in &options.timeouts {
        let function = template.functions.iter_mut().find(|function| function.name == *name);
        let function = function.ok_or_else(|| StackError::NoFunction(name.clone()))?;
        function.timeout = *timeout;
    }
    if !options.streams {
        template.tables.iter_mut().for_each(|table| table.stream_view = None);
    }
    let limited = options.processes_max.keys();
    if let Some(name) = limited.into_iter().find(|name| template.function(name).is_none()) {
        return Err(StackError::NoFunction(name.clone()));
    }
    for (id, seconds) in &options.visibility_seconds {
        let queue = template.queues.iter_mut().find(|queue| queue.logical_id == *id);
        let queue = queue.ok_or_else(|| StackError::NoQueue(id.clone()))?;
        queue.visibility_seconds = *seconds;
    }
    Ok(template)
}

async fn bind_function_urls(
    template: &Template,
    first_port: u16,
) -> Result<Vec<(String, TcpListener)>, StackError> {
    let mut listeners = Vec::new();
    let mut port = first_port;
    for function in template.functions.iter().filter(|function| function.url.is_some()) {
        listeners.push((function.name.clone(), listener::bind(port).await?));
        if port != 0 {
            port = port.saturating_add(1);
        }
    }
    Ok(listeners)
}

/// An empty queue of invocations for each function.
fn queues_of(template: &Template) -> Functions {
    let functions = template.functions.iter().map(|function| {
        let invocations = Invocations::new(function.clone());
        (function.name.clone(), Arc::new(invocations))
    });
    Arc::new(functions.collect())
}

/// Serves the function URLs; returns where they are, by function.
fn serve_function_urls(
    listeners: Vec<(String, TcpListener)>,
    functions: &Functions,
    servers: &mut Servers,
) -> Result<BTreeMap<String, String>, StackError> {
    let mut urls = BTreeMap::new();
    for (name, listener) in listeners {
        let invocations = functions.get(&name).cloned();
        let config = invocations.and_then(|it| Some((it.function.url.clone()?, it)));
        if let Some((config, invocations)) = config {
            urls.insert(name, url(&listener)?);
            let server = FunctionUrlServer::new(invocations, config);
            servers.serve(listener, server.router());
        }
    }
    Ok(urls)
}

/// Puts the settings of the template with the overrides over them, and the secrets.
async fn put_parameters(
    aws: &Aws,
    template: &Template,
    options: &Options,
) -> Result<(), StackError> {
    let mut settings: BTreeMap<String, String> = template
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.value.clone()))
        .collect();
    for (name, value) in &options.settings {
        Stack::check_setting(template, name)?;
        settings.insert(format!("{}/{name}", Stack::settings_path()), value.clone());
    }
    for (name, value) in settings {
        if value.is_empty() {
            let short = name.rsplit('/').next().unwrap_or_default();
            return Err(StackError::NoValue(short.to_owned()));
        }
        aws.put_parameter(&Parameter { name, value }).await?;
    }
    for (name, value) in &options.secrets {
        let name = format!("/saldo/{STAGE}/secrets/{name}");
        aws.put_secret(&Parameter { name, value: value.clone() }).await?;
    }
    Ok(())
}

async fn front(front: Option<Front>, dynamodb_url: &str) -> Result<String, StackError> {
    let Some(front) = front else {
        return Ok(dynamodb_url.to_owned());
    };
    let failed = |source| StackError::Io { what: "the front of the database".into(), source };
    let address: SocketAddr = dynamodb_url
        .trim_start_matches("http://")
        .parse()
        .map_err(|error| failed(std::io::Error::other(error)))?;
    front(address).await.map_err(failed)
}

fn spawn_event_sources(stack: &mut Stack, schedules: bool) {
    for invocations in stack.functions.values() {
        for source in &invocations.function.queues {
            let queues = &stack.template.queues;
            let queue = queues.iter().find(|queue| queue.arn == source.queue_arn);
            let Some(queue) = queue.cloned() else {
                continue;
            };
            let aws = stack.aws.clone();
            let polled = queue::run(aws, queue, source.clone(), Arc::clone(invocations));
            stack.servers.spawn_until_stopped(polled);
        }
        for rule in invocations.function.schedules.iter().filter(|_| schedules) {
            let run = schedule::run(Arc::clone(invocations), rule.clone());
            stack.servers.spawn_until_stopped(run);
        }
    }
}

fn url(listener: &TcpListener) -> Result<String, StackError> {
    listener::url(listener).map_err(|source| StackError::Io { what: "a listener".into(), source })
}
