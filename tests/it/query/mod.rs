//! Each preset against the backend that it is named after: what the backend finds, and what the same filter finds
//! in the whole list.

mod django;
mod fastcms;
mod flarchitect;
mod json_server;
mod json_server_1;
mod postgrest;

use std::net::SocketAddr;

use bytes::Bytes;
use restcast::config::Config;
use restcast::event::Json;
use restcast::filter::{Deletes, Filter, Record};
use restcast::query::{Asked, Data, Failure, Query, Resource, Wish};
use serde_json::{Value, json};

/// Who answers the question for a part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Backend,
    Here,
}

/// A backend with rows, and how it is asked.
struct Rows {
    address: SocketAddr,
    resource: Resource,
    /// In the order of the backend's lists.
    all: Vec<Value>,
}

impl Rows {
    /// Fills the empty collection at `path`, such as `/api/rows/{id}`.
    fn fill(address: SocketAddr, path: &str, query: &str) -> Self {
        let mut rows = Self::empty(address, path, query);
        rows.all = samples().iter().map(|row| rows.create(row)).collect();
        rows
    }

    /// The collection at `path` as it is.
    fn empty(address: SocketAddr, path: &str, query: &str) -> Self {
        Self::open(address, path, &format!("entity = \"rows\"\n{query}"), "rows")
    }

    /// The same by the name that clients have for it.
    fn open(address: SocketAddr, path: &str, query: &str, entity: &str) -> Self {
        Self::of_route(address, (path, ""), query, entity)
    }

    /// The collection `books` of a route with settings of its own.
    fn nested(address: SocketAddr, path: &str, route: &str, query: &str) -> Self {
        Self::of_route(address, (path, route), query, "books")
    }

    fn of_route(address: SocketAddr, (path, route): (&str, &str), query: &str, entity: &str) -> Self {
        let model = if path.contains("{collection}") { "{collection}" } else { "row" };
        let config = format!(
            "[upstream]\nservers = [\"http://{address}\"]\n[[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
             [[route]]\npath = \"{path}\"\nmodel = \"{model}\"\n{route}\n[route.query]\n{query}"
        );
        let resource = Config::parse("proxy.toml", &config).unwrap().resources.find(None, entity).unwrap();
        Self { address, resource, all: Vec::new() }
    }

    /// Makes a record; gives what the answer holds.
    fn create(&self, row: &Value) -> Value {
        let data = Json::parse(&row.to_string()).unwrap();
        let made = self.ask(Wish::Create { data: &data, query: &Query::default() }).unwrap();
        serde_json::from_str(made.0.as_str()).unwrap()
    }

    /// The data and the total.
    fn ask(&self, wish: Wish<'_>) -> Result<(Json, Option<u64>), u16> {
        self.answer(wish).map_err(|failure| failure.status.as_u16())
    }

    /// The same, or the refusal.
    fn answer(&self, wish: Wish<'_>) -> Result<(Json, Option<u64>), Failure> {
        let asked = self.resource.ask(wish).unwrap();
        let mut data = self.send(&asked)?;
        if let Some(page) = asked.next.filter(|page| page.is_needed(&data)) {
            data = data.and(&self.send(&page.asked)?, page.is_guarded);
        }
        Ok((data.data, data.total))
    }

    fn send(&self, Asked { request, reading, .. }: &Asked) -> Result<Data, Failure> {
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let answer = crate::http::request(
            self.address,
            request.method.as_str(),
            &request.target,
            &headers,
            &request.body,
        );
        let mut given = ::http::HeaderMap::new();
        for (name, value) in &answer.headers {
            given.append(
                name.parse::<::http::HeaderName>().unwrap(),
                ::http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let status = ::http::StatusCode::from_u16(answer.status).unwrap();
        reading.read(status, &given, &Bytes::from(answer.body))
    }

    /// What comes of a list.
    fn list(&self, options: &Value) -> (Vec<Value>, Option<u64>) {
        let query = Query::read(&Json::parse(&options.to_string()).unwrap()).unwrap();
        let (data, total) =
            self.ask(Wish::List(&query)).unwrap_or_else(|status| panic!("{options}: {status}"));
        (serde_json::from_str(data.as_str()).unwrap(), total)
    }

    /// Those of all rows that a filter wants.
    fn wanted(&self, filters: &Value) -> Vec<Value> {
        let filter =
            Filter::from_list(&Json::parse(&filters.to_string()).unwrap(), Deletes::default()).unwrap();
        let matches = |row: &&Value| {
            let record = Json::parse(&row.to_string()).unwrap();
            filter.as_ref().is_none_or(|filter| filter.matches(&Record::read(&record)))
        };
        self.all.iter().filter(matches).cloned().collect()
    }

    /// Asks for the rows that a filter wants, and sees to it that they are found by whom they should.
    fn check(&self, filters: &Value, by: By) {
        let options = json!({ "filters": filters });
        let query = Query::read(&Json::parse(&options.to_string()).unwrap()).unwrap();
        let asked = self.resource.ask(Wish::List(&query)).unwrap();
        let found_by = if asked.reading.told().is_empty() { By::Backend } else { By::Here };
        assert_eq!(found_by, by, "{filters}: {}", asked.request.target);
        let wanted = self.wanted(filters);
        let (found, total) = self.list(&options);
        assert_eq!(found, wanted, "{filters}: {}", asked.request.target);
        assert_eq!(total, Some(wanted.len() as u64), "{filters}: {}", asked.request.target);
    }

    /// Checks one condition.
    fn one(&self, column: &str, operator: &str, value: &Value, by: By) {
        self.check(&json!([{ "column": column, "operator": operator, "value": value }]), by);
    }

    /// Checks order, part and total of a list that is sorted and cut by the backend.
    fn parts(&self) {
        self.parts_by("id");
        let (shown, _) = self.list(&json!({ "columns": ["id"], "limit": 1 }));
        assert_eq!(shown, [json!({ "id": self.all[0]["id"] })]);
    }

    /// The same by a column of different numbers or texts.
    fn parts_by(&self, column: &str) {
        let mut sorted = self.all.clone();
        let key = |row: &Value| (row[column].as_u64(), row[column].as_str().map(ToOwned::to_owned));
        sorted.sort_by_key(|row| std::cmp::Reverse(key(row)));
        let of = |limit: usize, offset: usize| {
            let order = json!([{ "column": column, "direction": "desc" }]);
            self.list(&json!({ "sort": order, "limit": limit, "offset": offset }))
        };
        let all = sorted.len() as u64;
        assert_eq!(of(3, 0), (sorted[..3].to_vec(), Some(all)));
        assert_eq!(of(3, 3), (sorted[3..6].to_vec(), Some(all)));
        // A part that begins in a page, and the last one.
        assert_eq!(of(3, 2), (sorted[2..5].to_vec(), Some(all)));
        let last = sorted.len() - 1;
        assert_eq!(of(2, last), (sorted[last..].to_vec(), Some(all)));
        assert_eq!(of(last, 1), (sorted[1..].to_vec(), Some(all)));
        assert_eq!(of(3, 600), (Vec::new(), Some(all)));
    }

    /// Reads, changes and deletes a record.
    fn writes(&self) {
        let query = Query::default();
        let value = |data: Json| serde_json::from_str::<Value>(data.as_str()).unwrap();
        let id = Json::parse(&self.all[0]["id"].to_string()).unwrap();
        let text = Json::string(&id.scalar_text().unwrap());
        for id in [&id, &text] {
            assert_eq!(value(self.ask(Wish::Item { id, query: &query }).unwrap().0), self.all[0]);
        }
        let data = Json::parse(r#"{"age":77}"#).unwrap();
        let changed = self.ask(Wish::Update { id: &id, data: &data, query: &query }).unwrap();
        assert_eq!(value(changed.0)["age"].as_f64(), Some(77.0));
        self.ask(Wish::Delete { id: &id, query: &query }).unwrap();
        assert_eq!(self.ask(Wish::Item { id: &id, query: &query }), Err(404));
    }
}

/// Rows with every kind of value, and characters that some part of a request could take for its own.
fn samples() -> Vec<Value> {
    let row = |name: Value, age: Value, score: Value, active: Value| json!({ "name": name, "age": age, "score": score, "active": active });
    vec![
        row(json!("Ann"), json!(18), json!(1.5), json!(true)),
        row(json!("ann"), json!(30), json!(-2.25), json!(false)),
        row(json!("Ben, the 2nd"), json!(9), json!(10.5), json!(true)),
        row(json!("100% & more=x"), json!(-1), Value::Null, Value::Null),
        row(json!("under_score"), json!(100), json!(0.5), json!(false)),
        row(json!("a.c*(d)[e]"), Value::Null, json!(3.75), json!(true)),
        row(json!("back\\slash \"quoted\" 'single'"), json!(20), json!(2.5), json!(true)),
        row(json!(""), json!(21), json!(2.5), json!(false)),
        row(Value::Null, json!(18), json!(7.25), json!(true)),
        row(json!("annex + é/ü?#"), json!(19), json!(8.5), Value::Null),
        row(json!("18"), json!(5), json!(18.5), json!(false)),
    ]
}

/// Values of the column `name`.
fn names() -> Vec<Value> {
    samples()
        .into_iter()
        .map(|row| row["name"].clone())
        .filter(|name| !name.is_null() && name != "")
        .collect()
}
