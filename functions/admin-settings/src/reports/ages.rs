//! How old the oldest message of each queue is. Queues do not tell; CloudWatch does, a minute or a
//! few late, in the metric `ApproximateAgeOfOldestMessage`.
//!
//! One request is asked of CloudWatch, in its JSON protocol, signed here: the client of the SDK
//! would bring another protocol, compression and half a minute of compiling for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Number, Value, json};
use startup::{BoxError, HttpClient, Startup, StartupError, error_chain};

/// What is asked for.
const TARGET: &str = "GraniteServiceVersion20100801.GetMetricData";
/// The name under which CloudWatch knows signatures for it.
const SIGNING_NAME: &str = "monitoring";
/// How far back the newest value is looked for. SQS sends one a minute while a queue is in use.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(15);
/// How long a report waits for it.
const LIMIT: Duration = Duration::from_secs(2);
/// Four values and their times take a kilobyte.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Asks CloudWatch. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ages {
    http: HttpClient,
    url: Arc<str>,
    region: Arc<str>,
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    metric_data_results: Vec<Series>,
}

/// The values of one queue, newest first.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    #[serde(default)]
    values: Vec<Number>,
}

impl Ages {
    /// With the credentials of the process, which the platform renews by replacing it.
    pub(super) fn from_environment(startup: &Startup) -> Result<Self, StartupError> {
        let region = startup.required("AWS_REGION")?;
        let own = startup.optional("AWS_ENDPOINT_URL_CLOUDWATCH");
        let url = own.or_else(|| startup.optional("AWS_ENDPOINT_URL"));
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let regional = || format!("https://{SIGNING_NAME}.{region}.{suffix}");
        let url = url.unwrap_or_else(regional);
        let credentials = Credentials::new(
            startup.required("AWS_ACCESS_KEY_ID")?,
            startup.required("AWS_SECRET_ACCESS_KEY")?,
            startup.optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self { http: startup.http.clone(), url: url.into(), region: region.into(), credentials })
    }

    /// Seconds by the name of a queue. A queue of which there is no value is absent, and all are
    /// where CloudWatch cannot be asked: that must not take the rest of a report away.
    pub(super) async fn of(&self, queues: &[&str], now: Timestamp) -> BTreeMap<String, u64> {
        let asking = tokio::time::timeout(LIMIT, self.ask(queues, now));
        let asked = asking.await.map_err(BoxError::from).and_then(|asked| asked);
        asked.unwrap_or_else(|error| {
            let error = error_chain(error.as_ref());
            tracing::warn!(error, "the age of the oldest messages could not be read");
            BTreeMap::new()
        })
    }

    async fn ask(
        &self,
        queues: &[&str],
        now: Timestamp,
    ) -> Result<BTreeMap<String, u64>, BoxError> {
        let response = self.http.send(self.signed(&query(queues, now), now)?).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("cloudwatch answered with status {}", status.as_u16()).into());
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?;
        let answer: Answer = serde_json::from_slice(&body.to_bytes())?;
        let ages = answer.metric_data_results.into_iter().filter_map(|series| {
            let queue = queues.get(series.id.strip_prefix('q')?.parse::<usize>().ok()?)?;
            // Whole seconds; a value is written `12.0`.
            let seconds = series.values.first()?.to_string();
            let seconds = seconds.split('.').next()?.parse().ok()?;
            Some(((*queue).to_owned(), seconds))
        });
        Ok(ages.collect())
    }

    fn signed(&self, query: &Value, now: Timestamp) -> Result<Request<Full<Bytes>>, BoxError> {
        let body = query.to_string();
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SIGNING_NAME)
            .time(now.into())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers =
            [(CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"), ("x-amz-target", TARGET)];
        let url = format!("{}/", self.url.trim_end_matches('/'));
        let signable = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), signable)?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        let mut request = Request::post(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::from(Bytes::from(body.clone())))?;
        signature.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// The newest value of each queue, by its place in the list.
fn query(queues: &[&str], now: Timestamp) -> Value {
    let metric = |(at, name): (usize, &&str)| {
        let dimensions = json!([{"Name": "QueueName", "Value": name}]);
        let metric = json!({"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": dimensions});
        let values = json!({"Metric": metric, "Period": 60, "Stat": "Maximum"});
        json!({"Id": format!("q{at}"), "MetricStat": values})
    };
    let since = now.checked_sub(LOOK_BACK).unwrap_or(now);
    json!({
        "StartTime": since.as_second(),
        "EndTime": now.as_second(),
        "ScanBy": "TimestampDescending",
        "MetricDataQueries": queues.iter().enumerate().map(metric).collect::<Vec<_>>(),
    })
}

/// The credentials are not printed.
impl std::fmt::Debug for Ages {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ages").finish_non_exhaustive()
    }
}
