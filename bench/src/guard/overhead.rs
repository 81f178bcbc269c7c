//! CPU and time that the guard adds to a direct call of the provider. Every way is called in turn,
//! so that whatever else the machine does meets all of them.

use std::time::{Duration, Instant};

use super::process::{children, cpu};
use super::town::{Client, Reply, Town, Wish, World, chat};
use crate::Failure;

/// Calls of each way before any is measured: connections are made and caches are filled.
const WARM_UP: usize = 100;

/// One way of calling, measured.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// Sorted.
    times: Vec<Duration>,
    /// CPU of the function's process for each call; none for a direct one.
    pub(crate) cpu: Option<Duration>,
}

/// All ways, the direct one first.
pub(crate) struct Overhead(pub(crate) Vec<Way>);

impl Overhead {
    /// The ways through the guard in which it does its work.
    pub(crate) fn guarded(&self) -> impl Iterator<Item = &Way> {
        self.0.iter().filter(|way| way.cpu.is_some())
    }
}

impl Way {
    /// So many of a thousand calls took at most this long.
    pub(crate) fn at_most(&self, per_mille: usize) -> Duration {
        let place = self.times.len().saturating_mul(per_mille) / 1_000;
        self.times.get(place).or(self.times.last()).copied().unwrap_or_default()
    }

    /// How it misses this limit of CPU for each call.
    pub(crate) fn missed(&self, limit: Duration) -> Option<String> {
        let cpu = self.cpu.filter(|cpu| *cpu > limit)?;
        let (name, cpu, limit) = (self.name, cpu.as_micros(), limit.as_micros());
        Some(format!("{name}: {cpu} µs of CPU for each call, and not {limit}"))
    }
}

/// Where a way leads.
struct Route {
    name: &'static str,
    url: String,
    bearer: String,
    status: u16,
    /// The process whose CPU is counted.
    process: Option<u32>,
    spent: Duration,
    times: Vec<Duration>,
    /// Kept running.
    _town: Option<Town>,
}

pub(crate) async fn measure(world: &World, calls: usize) -> Result<Overhead, Failure> {
    let mut routes = vec![Route {
        name: "direct",
        url: format!("{}/chat/completions", world.provider.base_url),
        bearer: local::provider::KEY.to_owned(),
        status: 200,
        process: None,
        spent: Duration::ZERO,
        times: Vec::with_capacity(calls),
        _town: None,
    }];
    let ways = [
        ("no call", "on", "/v1/nothing", 404),
        ("`off`", "off", "/v1/chat/completions", 200),
        ("`shadow`", "shadow", "/v1/chat/completions", 200),
        ("`enforce`", "on", "/v1/chat/completions", 200),
    ];
    for (name, mode, path, status) in ways {
        routes.push(route(world, name, mode, path, status, calls).await?);
    }
    let body = chat("gpt-4o-mini");
    for _ in 0..WARM_UP {
        for route in &routes {
            route.call(&world.client, &body).await?;
        }
    }
    for _ in 0..calls {
        for route in &mut routes {
            let before = route.process.map(cpu);
            let began = Instant::now();
            route.call(&world.client, &body).await?;
            route.times.push(began.elapsed());
            if let (Some(before), Some(process)) = (before, route.process) {
                // What it does after it has answered belongs to the call.
                rest(process).await;
                route.spent += cpu(process).saturating_sub(before);
            }
        }
    }
    let ways = routes.into_iter().map(|mut route| {
        route.times.sort_unstable();
        let count = u32::try_from(route.times.len()).unwrap_or(u32::MAX).max(1);
        let cpu = route.process.map(|_| route.spent / count);
        Way { name: route.name, times: route.times, cpu }
    });
    Ok(Overhead(ways.collect()))
}

async fn route(
    world: &World,
    name: &'static str,
    mode: &'static str,
    path: &str,
    status: u16,
    calls: usize,
) -> Result<Route, Failure> {
    let before = children("ai-guard");
    let town = world.town(&Wish { mode, processes: 1, counted: false }).await?;
    let process = children("ai-guard").into_iter().find(|id| !before.contains(id));
    let process = process.ok_or("the process of ai-guard is not to be found")?;
    let url = town.stack.function_urls.get("ai-guard").cloned().unwrap_or_default();
    Ok(Route {
        name,
        url: format!("{}{path}", url.trim_end_matches('/')),
        bearer: world.token("user_measured")?,
        status,
        process: Some(process),
        spent: Duration::ZERO,
        times: Vec::with_capacity(calls),
        _town: Some(town),
    })
}

impl Route {
    async fn call(&self, client: &Client, body: &serde_json::Value) -> Result<Reply, Failure> {
        let reply = client.post(&self.url, &self.bearer, body, &[]).await?;
        reply.expect(self.status).map_err(|failure| format!("{}: {failure}", self.name))
    }
}

/// Waits until the process has used no CPU for a moment; it may write what nobody waits for.
async fn rest(process: u32) {
    let mut spent = cpu(process);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = cpu(process);
        if now == spent {
            return;
        }
        spent = now;
    }
}
