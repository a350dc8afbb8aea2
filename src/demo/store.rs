//! The collections of the sample backend, in memory and bounded. Knows nothing of HTTP.

use std::collections::BTreeMap;
use std::{error, fmt};

use serde_json::{Map, Value, json};

use super::record::{AUTHOR, BOOK, Record, Shape};

/// Most records a collection holds; books count together, whoever wrote them.
pub(super) const RECORD_LIMIT: usize = 1_000;

/// A collection as a client names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collection {
    Authors,
    /// The books of the author with this id.
    BooksOf(u64),
}

/// Why the store did not do what was asked. The texts are for the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StoreError {
    /// There is no such record, or no such author for a book.
    Missing { noun: &'static str, id: u64 },
    /// The body does not fit the record.
    Invalid(String),
    /// The collection holds [`RECORD_LIMIT`] records.
    Full { noun: &'static str },
}

/// All records. Lists come in the order of their ids, which are never used twice.
#[derive(Debug)]
pub(super) struct Store {
    authors: Table,
    books: Table,
}

#[derive(Debug)]
struct Table {
    shape: &'static Shape,
    records: BTreeMap<u64, Record>,
    last_id: u64,
}

impl Store {
    pub(super) fn empty() -> Self {
        Self { authors: Table::empty(&AUTHOR), books: Table::empty(&BOOK) }
    }

    /// A store with a few real records, so that there is something to read and to change.
    pub(super) fn seeded() -> Self {
        let mut store = Self::empty();
        let seeds = [
            (Collection::Authors, json!({"name": "Ursula K. Le Guin", "born": 1929})),
            (Collection::Authors, json!({"name": "Italo Calvino", "born": 1923})),
            (Collection::Authors, json!({"name": "Mary Shelley", "born": 1797})),
            (Collection::BooksOf(1), json!({"title": "The Left Hand of Darkness", "year": 1969})),
            (Collection::BooksOf(1), json!({"title": "The Dispossessed", "year": 1974})),
            (Collection::BooksOf(2), json!({"title": "Invisible Cities", "year": 1972})),
            (Collection::BooksOf(3), json!({"title": "Frankenstein", "year": 1818})),
        ];
        for (collection, seed) in seeds {
            let body = seed.as_object().cloned().unwrap_or_default();
            let created = store.create(collection, body);
            debug_assert!(created.is_ok(), "a seed does not fit: {created:?}");
        }
        store
    }

    pub(super) fn list(&self, collection: Collection) -> Result<Vec<&Record>, StoreError> {
        let parent_id = self.parent_id(collection)?;
        let records = self.table(collection).records.values();
        Ok(records.filter(|record| record.parent_id == parent_id).collect())
    }

    pub(super) fn get(&self, collection: Collection, id: u64) -> Result<&Record, StoreError> {
        let parent_id = self.parent_id(collection)?;
        let table = self.table(collection);
        let found = table.records.get(&id).filter(|record| record.parent_id == parent_id);
        found.ok_or(StoreError::Missing { noun: table.shape.noun, id })
    }

    pub(super) fn create(
        &mut self,
        collection: Collection,
        body: Map<String, Value>,
    ) -> Result<&Record, StoreError> {
        let parent_id = self.parent_id(collection)?;
        let table = self.table_mut(collection);
        if body.contains_key("id") {
            return Err(StoreError::Invalid("\"id\" is chosen by the server".to_owned()));
        }
        let id = table.last_id.saturating_add(1);
        let record = Record::empty(table.shape, id, parent_id).merged(body);
        let record = record.map_err(StoreError::Invalid)?;
        if table.records.len() >= RECORD_LIMIT {
            return Err(StoreError::Full { noun: table.shape.noun });
        }
        table.last_id = id;
        Ok(table.records.entry(id).insert_entry(record).into_mut())
    }

    /// Puts what `change` makes of the record in its place.
    pub(super) fn update(
        &mut self,
        collection: Collection,
        id: u64,
        change: impl FnOnce(&Record) -> Result<Record, String>,
    ) -> Result<&Record, StoreError> {
        let changed = change(self.get(collection, id)?).map_err(StoreError::Invalid)?;
        let table = self.table_mut(collection);
        Ok(table.records.entry(id).insert_entry(changed).into_mut())
    }

    /// Deletes a record; an author's books go with it.
    pub(super) fn delete(&mut self, collection: Collection, id: u64) -> Result<(), StoreError> {
        self.get(collection, id)?;
        self.table_mut(collection).records.remove(&id);
        if collection == Collection::Authors {
            self.books.records.retain(|_, book| book.parent_id != id);
        }
        Ok(())
    }

    /// The parent that the collection's records have, if it exists.
    fn parent_id(&self, collection: Collection) -> Result<u64, StoreError> {
        match collection {
            Collection::Authors => Ok(0),
            Collection::BooksOf(id) if self.authors.records.contains_key(&id) => Ok(id),
            Collection::BooksOf(id) => Err(StoreError::Missing { noun: AUTHOR.noun, id }),
        }
    }

    fn table(&self, collection: Collection) -> &Table {
        match collection {
            Collection::Authors => &self.authors,
            Collection::BooksOf(_) => &self.books,
        }
    }

    fn table_mut(&mut self, collection: Collection) -> &mut Table {
        match collection {
            Collection::Authors => &mut self.authors,
            Collection::BooksOf(_) => &mut self.books,
        }
    }
}

impl Table {
    fn empty(shape: &'static Shape) -> Self {
        Self { shape, records: BTreeMap::new(), last_id: 0 }
    }
}

impl error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { noun, id } => write!(formatter, "there is no {noun} {id} here"),
            Self::Invalid(reason) => formatter.write_str(reason),
            Self::Full { noun } => {
                write!(formatter, "the demo keeps at most {RECORD_LIMIT} {noun}s: delete some first")
            }
        }
    }
}
