//! One start of one program, measured.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::Failure;
use crate::cold_start::events::{check, event};
use crate::cold_start::program::{Cores, Memory, Process};
use crate::cold_start::runtime_api::RuntimeApi;
use crate::cold_start::share::Share;
use crate::cold_start::stand_ins::World;
use crate::cold_start::{EMPTY, Variant};

/// What a zip archive of one file adds to the compressed file: two headers, two names, its end.
const ARCHIVE_BYTES: usize = 30 + 46 + 22 + 2 * "bootstrap".len();

/// The level of compression that tools use when nobody chooses.
const COMPRESSION: u8 = 6;

/// What every start needs.
#[derive(Clone, Copy)]
pub(crate) struct Rig<'a> {
    pub(crate) root: &'a Path,
    pub(crate) world: &'a World,
    /// The hold that a queued settle is about.
    pub(crate) hold: &'a str,
    pub(crate) cores: &'a Cores,
    pub(crate) share: &'a Share,
    /// Where logs go.
    pub(crate) folder: &'a Path,
}

/// All starts of one program.
pub(crate) struct Measured {
    pub(crate) variant: Variant,
    /// Bytes of the program, and of the archive it is deployed in.
    pub(crate) program_bytes: usize,
    pub(crate) zip_bytes: usize,
    pub(crate) starts: Vec<Start>,
    pub(crate) throttled: Vec<Throttled>,
}

/// A start with a whole core.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// From the start of the process to its first question for an event.
    pub(crate) init: Duration,
    pub(crate) init_cpu: Duration,
    /// From the event to its answer.
    pub(crate) first: Duration,
    pub(crate) first_cpu: Duration,
    pub(crate) second_cpu: Duration,
    pub(crate) memory: Memory,
}

/// Calls at the share of a function with 128 MB, after a start with a whole core.
#[derive(Clone, Copy)]
pub(crate) struct Throttled {
    pub(crate) first: Duration,
    pub(crate) second: Duration,
}

impl Measured {
    /// Nothing yet but the sizes.
    pub(crate) fn of(variant: &Variant) -> Result<Self, Failure> {
        let program = fs::read(&variant.program);
        let program = program
            .map_err(|error| format!("`{}` cannot be read: {error}", variant.program.display()))?;
        let packed = miniz_oxide::deflate::compress_to_vec(&program, COMPRESSION);
        Ok(Self {
            variant: variant.clone(),
            program_bytes: program.len(),
            zip_bytes: packed.len().saturating_add(ARCHIVE_BYTES),
            starts: Vec::new(),
            throttled: Vec::new(),
        })
    }
}

impl Rig<'_> {
    /// A start with a whole core, and two calls.
    pub(crate) fn start(&self, variant: &Variant) -> Result<Start, Failure> {
        let (runtime, process) = self.process(variant)?;
        let run = || {
            let init = runtime.asked()?.duration_since(process.began);
            let init_cpu = process.cpu()?;
            let first = self.call(variant, &runtime)?;
            let with_first = process.cpu()?;
            self.call(variant, &runtime)?;
            Ok(Start {
                init,
                init_cpu,
                first,
                first_cpu: with_first.saturating_sub(init_cpu),
                second_cpu: process.cpu()?.saturating_sub(with_first),
                memory: process.memory()?,
            })
        };
        run().map_err(|why: Failure| with_last_words(&why, &process))
    }

    /// A start with a whole core, and two calls at the share of 128 MB.
    pub(crate) fn start_throttled(&self, variant: &Variant) -> Result<Throttled, Failure> {
        let (runtime, process) = self.process(variant)?;
        let run = || {
            runtime.asked()?;
            process.cpu()?;
            let _held = self.share.hold(&process)?;
            let first = self.call(variant, &runtime)?;
            Ok(Throttled { first, second: self.call(variant, &runtime)? })
        };
        run().map_err(|why: Failure| with_last_words(&why, &process))
    }

    fn process(&self, variant: &Variant) -> Result<(RuntimeApi, Arc<Process>), Failure> {
        let runtime = RuntimeApi::start()?;
        let mut variables = self.world.variables(variant.defaults);
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", runtime.address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", variant.function),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/measured"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "1"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
        ] {
            variables.insert(name, value.to_owned());
        }
        let log = self.folder.join("log");
        let process = Process::start(&variant.program, &variables, self.cores, &log)?;
        Ok((runtime, Arc::new(process)))
    }

    /// One call: the time to its answer. Returns once the process asks for the next event.
    #[expect(clippy::disallowed_methods, reason = "an event is of the time it is handed out")]
    fn call(&self, variant: &Variant, runtime: &RuntimeApi) -> Result<Duration, Failure> {
        let function = variant.function;
        let token = self.world.token(function);
        let event = event(self.root, function, token, self.hold, Timestamp::now())?;
        let (took, answer) = runtime.call(event)?;
        check(function, &answer)?;
        runtime.asked()?;
        Ok(took)
    }
}

fn with_last_words(why: &str, process: &Process) -> Failure {
    format!("{why}\nits last lines:\n{}", process.last_words())
}

/// Whether this is the function the others are compared with.
pub(crate) fn is_empty_function(measured: &Measured) -> bool {
    measured.variant.function == EMPTY
}
