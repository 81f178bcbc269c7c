//! `POST /v1/chat/completions`, buffered and streamed.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::reply::{CREATED_S, Reply, Step, error_body};
use super::usage::{Limit, Usage};

/// The most choices the real provider makes for one request.
const CHOICES_MAX: usize = 128;

/// How much the models that fail midway send before they do.
const WORDS_BEFORE_FAILURE: usize = 3;

/// 112 chunks of 62,500 bytes are 7 MB: over the 6 MB a buffered function may answer.
const HUGE_CHUNKS: usize = 112;
const HUGE_CHUNK_BYTES: usize = 62_500;

/// A request that was found well formed.
struct Chat {
    id: String,
    model: String,
    stream: bool,
    include_usage: bool,
    choices: usize,
    words: Vec<String>,
    finish_reason: &'static str,
    usage: Option<Usage>,
}

/// The reply to one request body; `number` becomes the id of the completion.
pub(crate) fn reply(body: &Value, number: u64) -> Reply {
    let chat = match Chat::parse(body, number) {
        Ok(chat) => chat,
        Err(reply) => return reply,
    };
    let behaviour = Behaviour::of(&chat.model);
    if let Some(refusal) = behaviour.refusal(&chat.model) {
        return refusal;
    }
    let reply = if chat.stream { chat.streamed(behaviour) } else { chat.buffered(behaviour) };
    Reply { start: behaviour.start(), ..reply }
}

impl Chat {
    fn parse(body: &Value, number: u64) -> Result<Self, Reply> {
        let Some(model) = body.get("model").and_then(Value::as_str) else {
            return Err(Reply::invalid("model", "you must provide a model parameter"));
        };
        let Some(messages) =
            body.get("messages").and_then(Value::as_array).filter(|list| !list.is_empty())
        else {
            return Err(Reply::invalid("messages", "Missing required parameter: 'messages'."));
        };
        let choices = Reply::count(body, CHOICES_MAX)?;
        let stream = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
        if !stream && body.get("stream_options").is_some_and(|options| !options.is_null()) {
            let message =
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(Reply::invalid("stream_options", message));
        }
        let behaviour = Behaviour::of(model);
        let prompt = last_user_text(messages);
        let said = Limit::parse(body)?.cut(behaviour, words_for(behaviour, &prompt));
        let prompt_tokens = messages.iter().map(|m| text(m).split_whitespace().count()).sum();
        let completion_tokens = said.tokens.saturating_mul(choices);
        Ok(Self {
            id: format!("chatcmpl-stand-in-{number}"),
            model: model.to_owned(),
            stream,
            include_usage: body
                .pointer("/stream_options/include_usage")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            choices,
            words: said.words,
            finish_reason: said.finish_reason,
            usage: Usage::of(behaviour, &prompt, prompt_tokens, completion_tokens),
        })
    }

    fn buffered(&self, behaviour: Behaviour) -> Reply {
        let whole = || Reply::json(StatusCode::OK, &self.completion(self.choices));
        match behaviour {
            Behaviour::Breaks => whole().half_then(Step::Cut),
            Behaviour::BreaksAtOnce => Reply { steps: vec![Step::Pause, Step::Cut], ..whole() },
            Behaviour::StallsMidway => whole().half_then(Step::Hang),
            Behaviour::Empty => Reply::empty(),
            Behaviour::ErrorEvent => Reply::json(StatusCode::OK, &late_error()),
            Behaviour::Rubbish => Reply::bytes("application/json", Bytes::from_static(RUBBISH)),
            Behaviour::NoChoices => Reply::json(StatusCode::OK, &self.completion(0)),
            _ => whole(),
        }
    }

    fn completion(&self, choices: usize) -> Value {
        let choices: Vec<Value> = (0..choices)
            .map(|index| {
                json!({"index": index, "finish_reason": self.finish_reason, "logprobs": null,
                       "message": {"role": "assistant", "refusal": null,
                                   "content": self.words.concat()}})
            })
            .collect();
        let mut body = json!({"id": self.id, "object": "chat.completion", "created": CREATED_S,
                              "model": self.model, "choices": choices,
                              "system_fingerprint": "fp_stand_in"});
        self.put_usage(&mut body, Usage::to_json);
        body
    }

    fn streamed(&self, behaviour: Behaviour) -> Reply {
        let mut steps = self.each_choice(&json!({"role": "assistant", "content": ""}));
        let some = WORDS_BEFORE_FAILURE;
        match behaviour {
            Behaviour::Empty => steps.clear(),
            Behaviour::Rubbish => steps = vec![Step::Send(Bytes::from_static(RUBBISH_EVENTS))],
            Behaviour::NoChoices => steps = vec![self.chunk(&json!([])), done()],
            Behaviour::BreaksAtOnce => steps.extend([Step::Pause, Step::Cut]),
            Behaviour::StallsMidway => {
                steps.extend(self.word_steps(some));
                steps.push(Step::Hang);
            }
            Behaviour::Breaks => {
                steps.extend(self.word_steps(some));
                let half = Bytes::from_static(br#"data: {"id":"chatcmpl-stand-in","obj"#);
                steps.extend([Step::Pause, Step::Send(half), Step::Pause, Step::Cut]);
            }
            Behaviour::ErrorEvent => {
                steps.extend(self.word_steps(2));
                steps.push(event(&late_error()));
            }
            _ => {
                steps.extend(self.word_steps(usize::MAX));
                steps.extend(self.end());
            }
        }
        if behaviour == Behaviour::NoDone {
            steps.pop();
        }
        Reply::events(steps)
    }

    /// A pause and a chunk for each of the first `count` words.
    fn word_steps(&self, count: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for word in self.words.iter().take(count) {
            steps.push(Step::Pause);
            steps.extend(self.each_choice(&json!({ "content": word })));
        }
        steps
    }

    fn each_choice(&self, delta: &Value) -> Vec<Step> {
        (0..self.choices).map(|index| self.chunk(&choice(index, delta, &Value::Null))).collect()
    }

    fn end(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = (0..self.choices)
            .map(|index| self.chunk(&choice(index, &json!({}), &json!(self.finish_reason))))
            .collect();
        if self.include_usage && self.usage.is_some() {
            steps.push(event(&self.chunk_body(&json!([]), Usage::to_json)));
        }
        steps.push(done());
        steps
    }

    fn chunk(&self, choices: &Value) -> Step {
        event(&self.chunk_body(choices, |_| Value::Null))
    }

    /// One chunk; its `usage` is there only if it was asked for, and then in every chunk.
    fn chunk_body(&self, choices: &Value, usage: fn(&Usage) -> Value) -> Value {
        let mut body = json!({"id": self.id, "object": "chat.completion.chunk",
                              "created": CREATED_S, "model": self.model, "choices": choices,
                              "system_fingerprint": "fp_stand_in"});
        if self.include_usage {
            self.put_usage(&mut body, usage);
        }
        body
    }

    fn put_usage(&self, body: &mut Value, shown: fn(&Usage) -> Value) {
        if let (Some(body), Some(usage)) = (body.as_object_mut(), &self.usage) {
            body.insert("usage".to_owned(), shown(usage));
        }
    }
}

const RUBBISH: &[u8] = b"<html><body>504 upstream timed out</body></html>";
const RUBBISH_EVENTS: &[u8] = b"data: <html>\n\ndata: 504 upstream timed out\n\n";

fn late_error() -> Value {
    let message = "the model overloaded on host inference-7.internal";
    error_body("server_error", &Value::Null, message)
}

fn choice(index: usize, delta: &Value, finish_reason: &Value) -> Value {
    json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason}])
}

fn event(body: &Value) -> Step {
    Step::Send(format!("data: {body}\n\n").into())
}

fn done() -> Step {
    Step::Send(Bytes::from_static(b"data: [DONE]\n\n"))
}

/// What the model says, one streamed word per element: it repeats the last user message.
fn words_for(behaviour: Behaviour, prompt: &str) -> Vec<String> {
    match behaviour {
        Behaviour::NoContent => Vec::new(),
        Behaviour::Huge => vec!["credits ".repeat(HUGE_CHUNK_BYTES.div_ceil(8)); HUGE_CHUNKS],
        _ => {
            let said = format!("You said: {prompt}");
            said.split_inclusive(' ').map(str::to_owned).collect()
        }
    }
}

fn last_user_text(messages: &[Value]) -> String {
    let by_user = |message: &&Value| message.get("role").is_some_and(|role| role == "user");
    messages.iter().rfind(by_user).map(text).unwrap_or_default()
}

/// The text of a message whose content is a string or a list of parts.
fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
        }
        _ => String::new(),
    }
}
