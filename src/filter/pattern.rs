//! The patterns of `like`: `%` is any text, `_` one character, `\` takes the next one as it is.
//!
//! All ways to match go side by side, one bit for each (Baeza-Yates and Gonnet's shift-and, with a bit that
//! stays for `%`), so the time is that of one pass over the text whatever the pattern. A matcher that goes
//! back takes the product of both lengths: `%______x%` against a long text would hold up everybody.

use super::error::FilterError;

/// Characters of a pattern, `%` not counted: what fits beside the start in 128 bits.
pub const MAX_PATTERN: usize = 127;

/// Whether upper and lower case are two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    Alike,
}

/// A pattern, ready to be held against texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    case: Case,
    /// Of each character, at which places it stands; sorted.
    places: Box<[(char, u128)]>,
    /// The places of `_`.
    any: u128,
    /// Before which places any text may stand.
    gaps: u128,
    /// All places are behind.
    end: u128,
}

impl Pattern {
    /// Reads `%`, `_` and `\`.
    pub(super) fn like(text: &str, case: Case) -> Result<Self, FilterError> {
        let mut pattern = Building::new(case);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => pattern.gap(),
                '_' => pattern.place(None)?,
                '\\' => pattern.place(Some(characters.next().ok_or(FilterError::OpenEscape)?))?,
                plain => pattern.place(Some(plain))?,
            }
        }
        Ok(pattern.finish())
    }

    /// Texts with `text` somewhere in them: at the start, unless something may stand `before` it, and so on.
    pub(super) fn with(text: &str, gaps: Gaps) -> Result<Self, FilterError> {
        let mut pattern = Building::new(Case::Alike);
        if gaps != Gaps::After {
            pattern.gap();
        }
        for character in text.chars() {
            pattern.place(Some(character))?;
        }
        if gaps != Gaps::Before {
            pattern.gap();
        }
        Ok(pattern.finish())
    }

    /// Whether the whole of `text` is so. Allocates nothing.
    pub(super) fn matches(&self, text: &str) -> bool {
        // Bit n: the first n places are matched by what was read so far.
        let mut reached: u128 = 1;
        for character in text.chars() {
            let matching = self.any | self.places_of(fold(character, self.case));
            reached = ((reached & matching) << 1) | (reached & self.gaps);
            if reached == 0 {
                return false;
            }
            if reached & self.gaps & self.end != 0 {
                return true;
            }
        }
        reached & self.end != 0
    }

    fn places_of(&self, character: char) -> u128 {
        let found = self.places.binary_search_by_key(&character, |(known, _)| *known);
        found.ok().and_then(|at| self.places.get(at)).map_or(0, |(_, places)| *places)
    }
}

/// Where other text may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gaps {
    Before,
    After,
    Both,
}

struct Building {
    pattern: Pattern,
    places: Vec<(char, u128)>,
    length: usize,
}

impl Building {
    fn new(case: Case) -> Self {
        let pattern = Pattern { case, places: Box::default(), any: 0, gaps: 0, end: 0 };
        Self { pattern, places: Vec::new(), length: 0 }
    }

    fn gap(&mut self) {
        self.pattern.gaps |= 1 << self.length;
    }

    /// One more place, for this character or, without, for any.
    fn place(&mut self, character: Option<char>) -> Result<(), FilterError> {
        if self.length >= MAX_PATTERN {
            return Err(FilterError::LongPattern);
        }
        let place = 1 << self.length;
        self.length += 1;
        let Some(character) = character.map(|character| fold(character, self.pattern.case)) else {
            self.pattern.any |= place;
            return Ok(());
        };
        match self.places.iter_mut().find(|(known, _)| *known == character) {
            Some((_, places)) => *places |= place,
            None => self.places.push((character, place)),
        }
        Ok(())
    }

    fn finish(mut self) -> Pattern {
        self.places.sort_unstable_by_key(|(character, _)| *character);
        Pattern { places: self.places.into_boxed_slice(), end: 1 << self.length, ..self.pattern }
    }
}

/// Lower case where that is one character, so that texts keep their length.
fn fold(character: char, case: Case) -> char {
    if case == Case::Exact {
        return character;
    }
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => character,
    }
}
