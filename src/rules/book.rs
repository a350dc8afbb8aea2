//! The rules of all models.

use std::collections::HashMap;
use std::sync::Arc;

use super::Rules;

/// See the module's documentation. What several routes say of one model holds together.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    /// By their names in lower case, as topics have them; also of models without rules.
    models: HashMap<String, Arc<Rules>>,
    /// Of models whose name stands in a path.
    named_by_path: Arc<Rules>,
    /// Those that keep something from somebody.
    keeping: Vec<Arc<Rules>>,
}

impl Rulebook {
    /// Takes what each route says, with its model; `None`: its path names the model. `is_open`: whether such a
    /// path also leads to this model that a route names, in lower case.
    pub fn new<'a>(
        routes: impl IntoIterator<Item = (Option<&'a str>, &'a Rules)>,
        is_open: impl Fn(&str) -> bool,
    ) -> Self {
        let mut models: HashMap<String, Rules> = HashMap::new();
        let mut named_by_path = Rules::default();
        for (model, rules) in routes {
            let held = match model {
                Some(model) => models.entry(model.to_lowercase()).or_default(),
                None => &mut named_by_path,
            };
            *held = std::mem::take(held).and(rules);
        }
        let both = |(model, rules): (String, Rules)| {
            let rules = if is_open(&model) { rules.and(&named_by_path) } else { rules };
            (model, Arc::new(rules))
        };
        let models: HashMap<String, Arc<Rules>> = models.into_iter().map(both).collect();
        let named_by_path = Arc::new(named_by_path);
        let keeping = models.values().chain([&named_by_path]).filter(|rules| rules.keep_anything());
        Self { keeping: keeping.cloned().collect(), models, named_by_path }
    }

    /// The rules of a model.
    pub fn find(&self, model: &str) -> &Arc<Rules> {
        self.models.get(&model.to_lowercase()).unwrap_or(&self.named_by_path)
    }

    /// Each of them that keeps something from somebody.
    pub fn keeping(&self) -> &[Arc<Rules>] {
        &self.keeping
    }
}
