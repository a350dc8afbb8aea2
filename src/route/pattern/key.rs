//! Which parameters of a pattern are the id, and which one is the model's name.

use super::Pattern;

impl Pattern {
    /// Makes the parameters of these names the id of `parts` parts: one for each part, or one for all.
    ///
    /// # Errors
    /// Names that the path does not have, or another number of them.
    pub fn set_key(&mut self, names: &[String], parts: usize) -> Result<(), String> {
        if names.len() != 1 && names.len() != parts {
            return Err(format!("one name, or one for each of the {parts} pointers of id"));
        }
        if names.iter().enumerate().any(|(i, name)| names.iter().take(i).any(|other| other == name)) {
            return Err("each name once".to_owned());
        }
        let numbers: Option<Vec<usize>> = names.iter().map(|name| self.number(name)).collect();
        self.key =
            numbers.ok_or_else(|| format!("names of parameters of the path, which has {}", self.known()))?;
        Ok(())
    }

    /// Makes the parameter of this name the model's name. To be called when the parts of the id are known.
    ///
    /// # Errors
    /// A name that the path does not have, or that is part of the id.
    pub fn set_model(&mut self, name: &str) -> Result<(), String> {
        let number = self.number(name);
        let number = number
            .ok_or_else(|| format!("the name of a parameter of the path, which has {}", self.known()))?;
        if self.key.contains(&number) {
            return Err(format!("a parameter that is no part of the id, and {{{name}}} is one (see key)"));
        }
        self.model = Some(number);
        Ok(())
    }

    /// Finds the parameters of an id of `parts` parts by itself, where there is only one way to read the path:
    /// a sole `{id}` holds all of it, else the last parameters hold one part each.
    ///
    /// # Errors
    /// What to write, where there is more than one way.
    pub fn find_key(&mut self, parts: usize) -> Result<(), String> {
        let count = self.names().count();
        let ends_with_parameter = self.segments.last().is_some_and(|last| last.name().is_some());
        if parts == 1 || (count == 1 && !self.key.is_empty()) {
            return Ok(());
        }
        if self.key.is_empty() && !ends_with_parameter {
            // A collection, or a path that says nothing of the id.
            return Ok(());
        }
        if self.key.is_empty() && count >= parts {
            self.key = (count - parts..count).collect();
            return Ok(());
        }
        Err(format!(
            "the names of the parameters that are the {parts} parts of the id, or of the one that holds all"
        ))
    }

    fn known(&self) -> String {
        let known: Vec<String> = self.names().map(|name| format!("\"{name}\"")).collect();
        if known.is_empty() { "no parameter".to_owned() } else { known.join(", ") }
    }
}
