//! What is done to a value before it stands in a request.

use super::TemplateError;
use super::template::Value;
use super::translate::like;

/// One of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Quoted,
    Json,
    Regex,
    Like,
    LikeRegex,
    Without(String),
    /// Refuses a text with one of these words in it.
    Unlike(Vec<String>),
    /// Refuses what is more than letters, digits and `_`.
    Name,
    /// Text between double quotes, as it stands; everything else as it is.
    InQuotes,
    /// Refuses text that is read as a number, a truth value or null, or without its spaces.
    Typed,
    /// The same, whatever the value is.
    Worded,
    /// Refuses what forms take for nothing, or cut.
    Filled,
    /// Parts of a query themselves: their own templates see to it that none holds the separator, and a `=` stays.
    Open,
    Csv,
    Repeat,
    Brackets,
    Join(String),
}

impl Step {
    /// The word for it behind a colon.
    pub(super) fn read(word: &str) -> Result<Self, TemplateError> {
        let argument = |name: &str| word.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        Ok(match word {
            "quoted" => Self::Quoted,
            "json" => Self::Json,
            "regex" => Self::Regex,
            "like" => Self::Like,
            "like_regex" => Self::LikeRegex,
            "filled" => Self::Filled,
            "name" => Self::Name,
            "in_quotes" => Self::InQuotes,
            "typed" => Self::Typed,
            "worded" => Self::Worded,
            "open" => Self::Open,
            "csv" => Self::Csv,
            "repeat" => Self::Repeat,
            "brackets" => Self::Brackets,
            _ => match (argument("join"), argument("without"), argument("unlike")) {
                (Some(separator), ..) => Self::Join(separator.to_owned()),
                (_, Some(marks), _) => Self::Without(marks.to_owned()),
                (.., Some(words)) => Self::Unlike(words.split('|').map(ToOwned::to_owned).collect()),
                (None, None, None) => {
                    return Err(TemplateError(format!(
                        "csv, repeat, brackets, json, join(…), quoted, in_quotes, regex, like, like_regex, open, filled, name, \
                         typed, worded, without(…) or unlike(…) behind the colon; found \"{word}\""
                    )));
                }
            },
        })
    }

    /// What one step makes of a value; `None`: it cannot be said.
    pub(super) fn done(value: Value, step: &Self) -> Option<Value> {
        let text = match step {
            Self::Json => value.json,
            Self::Quoted => format!("\"{}\"", value.text?.replace('\\', "\\\\").replace('"', "\\\"")),
            Self::Regex => like::escape_regex(&value.text?),
            Self::Like => like::escape(&value.text?),
            Self::LikeRegex => like::to_regex(&value.text?)?,
            Self::Without(marks) => value.text.filter(|text| !text.contains(|c| marks.contains(c)))?,
            Self::Unlike(words) => value.text.filter(|text| !words.iter().any(|word| text.contains(word)))?,
            Self::Filled => value.text.filter(|text| is_filled(text))?,
            Self::Name => value.text.filter(|text| text.chars().all(|c| c.is_alphanumeric() || c == '_'))?,
            Self::InQuotes if value.json.starts_with('"') => format!("\"{}\"", value.text?),
            Self::Typed if value.json.starts_with('"') => value.text.filter(|text| is_word(text))?,
            Self::Worded => value.text.filter(|text| is_word(text))?,
            Self::InQuotes
            | Self::Typed
            | Self::Open
            | Self::Csv
            | Self::Repeat
            | Self::Brackets
            | Self::Join(_) => value.text?,
        };
        Some(Value::text(&text))
    }
}

fn is_filled(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

/// Nobody takes it for a number, a truth value or null, not even for `0x1f` or `5.`.
fn is_word(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.chars().all(|c| c.is_ascii_alphanumeric() || ".+-_".contains(c));
    is_filled(text) && !is_number && !matches!(text, "true" | "false" | "null")
}
