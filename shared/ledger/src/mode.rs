//! The `CREDITS_ENABLED` switch.

/// What the guard does with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Credits are held, charged and given back. What anything unreadable means: never free by accident.
    #[default]
    Enforce,
    /// The call is measured as if it were guarded, never blocked, and nothing is written.
    Shadow,
    /// Hibernated: everything is free and nothing is written but the end of holds placed before.
    Off,
}

impl Mode {
    /// The mode a setting's text means: `0,false,no,off` are off, `shadow` is shadow, and all
    /// else, an absent value and a misspelling too, enforces. Case and outer white space do not
    /// count.
    pub fn parse(text: Option<&str>) -> Self {
        match text.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "0" | "false" | "no" | "off" => Self::Off,
            "shadow" => Self::Shadow,
            _ => Self::Enforce,
        }
    }

    /// The word for logs and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Off => "off",
        }
    }
}
