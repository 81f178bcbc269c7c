//! Server-sent events, taken apart only as far as the guard has to understand them: where one
//! frame ends, whether it ends the stream, reports an error, or carries content. The bytes of a
//! frame are kept as they came, because they go on unchanged.

use std::{borrow::Cow, iter};

use bytes::{Bytes, BytesMut};

use crate::content::Content;

#[cfg(test)]
mod tests;

/// The largest frame. A streamed picture comes as one frame of a few megabytes; text frames are a
/// thousand times smaller.
pub(crate) const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A byte order mark, with which a stream may begin.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// What a frame means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The stream is complete.
    Done,
    /// The provider reports a failure.
    Error,
    /// Part of the answer.
    Chunk {
        /// Whether it holds anything the caller asked for, not only roles, usage or an end.
        has_content: bool,
    },
    /// Nothing of the answer: a comment, a heartbeat without data, a retry time, blank lines.
    Other,
    /// Not what this protocol sends.
    Malformed,
}

/// A frame is larger than any provider has reason to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameTooLarge;

/// Cuts a stream of bytes into frames, wherever the network has cut it before.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a frame.
    scanned: usize,
    /// Where the line that is being scanned began.
    line_start: usize,
}

impl Splitter {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole frame with the blank line that ends it; `None` until more has come.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, FrameTooLarge> {
        while let Some(found) = self.unscanned().iter().position(|byte| *byte == b'\n') {
            let line_end = self.scanned.saturating_add(found);
            let line = self.buffer.get(self.line_start..line_end).unwrap_or_default();
            let is_blank = matches!(line, [] | b"\r");
            self.scanned = line_end.saturating_add(1);
            self.line_start = self.scanned;
            if is_blank {
                let frame = self.buffer.split_to(self.scanned).freeze();
                (self.scanned, self.line_start) = (0, 0);
                return within_limit(frame.len()).map(|()| Some(frame));
            }
        }
        self.scanned = self.buffer.len();
        within_limit(self.scanned).map(|()| None)
    }

    fn unscanned(&self) -> &[u8] {
        self.buffer.get(self.scanned..).unwrap_or_default()
    }

    /// Ends the last frame where the stream ended without the blank line: some servers leave it
    /// out, and what follows from us must not become part of it.
    pub(crate) fn end(&mut self) {
        if !self.buffer.is_empty() {
            self.buffer.extend_from_slice(b"\n\n");
        }
    }
}

fn within_limit(frame_bytes: usize) -> Result<(), FrameTooLarge> {
    if frame_bytes > FRAME_BYTES_MAX { Err(FrameTooLarge) } else { Ok(()) }
}

/// What `frame`, with the blank line at its end, means.
pub(crate) fn classify(frame: &[u8]) -> Event {
    let Ok(text) = std::str::from_utf8(frame) else {
        return Event::Malformed;
    };
    // A stream may begin with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_error = values(text, "event").last() == Some("error");
    match data(text) {
        _ if is_error => Event::Error,
        None => {
            if is_protocol(text) {
                Event::Other
            } else {
                Event::Malformed
            }
        }
        Some(data) if data.trim().is_empty() => Event::Other,
        Some(data) if data.trim() == "[DONE]" => Event::Done,
        Some(data) => match Content::read(data.as_bytes()) {
            Ok(content) if content.is_error() => Event::Error,
            Ok(content) => Event::Chunk { has_content: content.is_filled() },
            Err(_) => Event::Malformed,
        },
    }
}

/// The data of `frame`, where it has any and is text.
pub(crate) fn data_of(frame: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(frame).ok()?;
    data(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// `frame` with other data: its lines stand where the first line of data stood, and are marked and
/// ended as that one was. Everything else stays as it came.
pub(crate) fn with_data(frame: &[u8], data: &str) -> Bytes {
    let mut whole = BytesMut::with_capacity(frame.len());
    let mut is_written = false;
    for line in frame.split_inclusive(|byte| *byte == b'\n') {
        let Some(mark) = data_mark(line) else {
            whole.extend_from_slice(line);
            continue;
        };
        if is_written {
            continue;
        }
        is_written = true;
        let ending: &[u8] = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
        // A byte order mark belongs to the stream and not to its lines.
        let marks = iter::once(mark).chain(iter::repeat(mark.strip_prefix(BOM).unwrap_or(mark)));
        for (mark, piece) in marks.zip(data.split('\n')) {
            whole.extend_from_slice(mark);
            whole.extend_from_slice(piece.as_bytes());
            whole.extend_from_slice(ending);
        }
    }
    whole.freeze()
}

/// What stands before the data of a line, where it is one of data.
fn data_mark(line: &[u8]) -> Option<&[u8]> {
    let marks = ["\u{feff}data: ", "\u{feff}data:", "data: ", "data:"];
    marks.into_iter().map(str::as_bytes).find(|mark| line.starts_with(mark))
}

/// The values of every field called `name`, in order.
fn values<'text>(text: &'text str, name: &str) -> impl Iterator<Item = &'text str> {
    text.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':').unwrap_or((line, ""));
        (found == name).then(|| value.strip_prefix(' ').unwrap_or(value))
    })
}

/// The data of a frame, its lines joined; `None` where it has none. One line, as providers send
/// it, is not copied: it may be a picture of megabytes.
fn data(text: &str) -> Option<Cow<'_, str>> {
    let mut lines = values(text, "data");
    let first = Cow::Borrowed(lines.next()?);
    Some(lines.fold(first, |data, line| {
        let mut data = data.into_owned();
        data.push('\n');
        data.push_str(line);
        Cow::Owned(data)
    }))
}

/// Whether every line is a comment or a field that the protocol knows. A page of HTML or a bare
/// JSON object, sent where events should be, is neither.
fn is_protocol(text: &str) -> bool {
    text.lines().all(|line| {
        let name = line.split(':').next().unwrap_or_default();
        line.is_empty() || matches!(name, "" | "event" | "id" | "retry")
    })
}
