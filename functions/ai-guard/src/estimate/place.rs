//! Where in a request a value stands, and by that what it takes.

/// A page of a file is a few kilobytes where it is text, and more where it is a picture.
const FILE_BYTES_PER_TOKEN: u64 = 16;

/// Sound and film take tokens by the second, which has some kilobytes.
const SOUND_BYTES_PER_TOKEN: u64 = 256;

/// Where in a request a value stands. Only there does a name mean what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The request itself.
    Request,
    /// `messages`.
    Messages,
    /// One of them.
    Message,
    /// The content of one.
    Content,
    /// A part of it.
    Part,
    /// A picture, a sound or a file. Its bytes are not text, and the provider takes nothing else
    /// in this place; anywhere else they would be text like any other.
    Medium(Medium),
    /// Any other member of the request.
    Member,
    /// An element of one that is a list: a tool.
    Entry,
    /// Anywhere deeper.
    Inner,
}

impl Place {
    pub(super) fn of_member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Request, "messages") => Self::Messages,
            (Self::Request, _) => Self::Member,
            (Self::Message, "content") => Self::Content,
            (Self::Part, "image_url") => Self::Medium(Medium::Picture),
            (Self::Part, "input_audio" | "video_url") => Self::Medium(Medium::Sound),
            (Self::Part, "file") => Self::Medium(Medium::File),
            (Self::Medium(_), _) => self,
            _ => Self::Inner,
        }
    }

    pub(super) fn of_element(self) -> Self {
        match self {
            Self::Messages => Self::Message,
            Self::Content => Self::Part,
            Self::Member => Self::Entry,
            Self::Medium(_) => self,
            _ => Self::Inner,
        }
    }
}

/// What is in a part of a message that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Picture,
    /// Or a film.
    Sound,
    File,
}

impl Medium {
    /// What so many bytes of it, encoded, take beside what every medium takes. A picture is scaled
    /// to its tokens, however many bytes it has.
    pub(super) const fn tokens(self, bytes: u64) -> u64 {
        match self {
            Self::Picture => 0,
            Self::Sound => bytes.div_ceil(SOUND_BYTES_PER_TOKEN),
            Self::File => bytes.div_ceil(FILE_BYTES_PER_TOKEN),
        }
    }
}
