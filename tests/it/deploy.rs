//! The files under deploy/ fit the product: their configurations load, their commands exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::*;
use crate::nodes::server::{Kind, Server};
use crate::tools::{haproxy, python};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap()
}

fn check(config: &Path) -> String {
    let output = restcast().arg("check").arg("--config").arg(config).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// The config in a file for Kubernetes.
fn config_of(documents: &Value) -> &str {
    let map = documents.as_array().unwrap().iter().find(|document| document["kind"] == "ConfigMap").unwrap();
    map["data"]["proxy.toml"].as_str().unwrap()
}

/// Seconds of a config's option in `[server]`, if it has it.
fn seconds(config: &str, key: &str) -> Option<u64> {
    let table: toml::Table = config.parse().unwrap();
    let text = table["server"].get(key)?.as_str().unwrap();
    Some(text.strip_suffix('s').unwrap().parse().unwrap())
}

/// The process is not killed before its own time is over.
fn is_given_time(config: &str, grace: u64) {
    let all = seconds(config, "drain_delay").unwrap() + seconds(config, "drain_timeout").unwrap();
    assert!(all < grace, "{all} s are not less than {grace} s");
}

/// Checks it, and what it says of NATS.
fn check_both(config: &str) {
    let folder = Folder::new();
    check(&folder.write("proxy.toml", config));
    let uncommented: Vec<&str> = config
        .lines()
        .filter(|line| !line.contains("\"redis") || line.contains('#'))
        .map(|line| if line.contains("nats") { line.trim_start().trim_start_matches("# ") } else { line })
        .collect();
    let nats = uncommented.join("\n");
    assert!(nats.contains("\nurl = \"nats://"), "{nats}");
    check(&folder.write("nats.toml", nats));
}

#[test]
fn the_containers_config_loads() {
    let text = check(&deploy("container.toml"));
    assert!(text.contains("warning: admin.listen = 0.0.0.0:9090"), "{text}");
}

#[test]
fn the_configs_for_kubernetes_load_and_their_probes_exist() {
    let Some(python) = python() else { return };
    let folder = Folder::new();
    let proxy = Proxy::start(Origin::json(200, "{}").address);
    for file in ["kubernetes/sidecar.yaml", "kubernetes/cluster.yaml"] {
        let documents = python.yaml(&deploy(file));
        let config = config_of(&documents);
        check(&folder.write("proxy.toml", config));
        let all = documents.as_array().unwrap();
        let pod = &all.iter().find(|document| document["kind"] == "Deployment").unwrap()["spec"]["template"];
        is_given_time(config, pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap());
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let restcast = containers.iter().find(|container| container["name"] == "restcast").unwrap();
        for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
            assert_eq!(restcast[probe]["httpGet"]["path"], path, "{file}");
            let answer = eventually(probe, || {
                let answer = request(proxy.admin, "GET", path, &[], b"");
                (answer.status == 200).then_some(answer)
            });
            assert_eq!(answer.text(), "ok\n");
        }
    }
    let cluster = python.yaml(&deploy("kubernetes/cluster.yaml"));
    check_both(config_of(&cluster));
    let of =
        |kind: &str| cluster.as_array().unwrap().iter().find(|document| document["kind"] == kind).unwrap();
    let (replicas, least) =
        (&of("Deployment")["spec"]["replicas"], &of("PodDisruptionBudget")["spec"]["minAvailable"]);
    assert!(replicas.as_u64() > least.as_u64(), "no node could ever be moved");
}

#[test]
fn the_composed_nodes_config_loads_and_their_time_suffices() {
    let Some(python) = python() else { return };
    let config = read("cluster/proxy.toml");
    check_both(&config);
    let services = &python.yaml(&deploy("cluster/compose.yaml"))[0]["services"];
    assert_eq!(services["restcast"]["deploy"]["replicas"], 3);
    let grace = services["restcast"]["stop_grace_period"].as_str().unwrap();
    is_given_time(&config, grace.strip_suffix('s').unwrap().parse().unwrap());
    for name in ["redis", "nats", "backend"] {
        assert!(config.contains(&format!("//{name}:")) && services[name]["image"].is_string(), "{name}");
    }
}

#[test]
fn haproxy_takes_its_config() {
    let Some(mut haproxy) = haproxy() else { return };
    let output = haproxy.arg("-c").arg("-f").arg(deploy("cluster/haproxy.cfg")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

// === metrics ===

/// The labels of Prometheus itself, and of histograms.
const THEIRS: [&str; 3] = ["job", "instance", "le"];

/// Metrics by name, each with its labels and their values.
type Known = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;
/// A label, an operator and a value.
type Matcher = (String, String, String);

/// What a node says.
fn metrics() -> Known {
    let server = Server::start(Kind::Redis);
    let tables = format!("{AUTHOR_ROUTE}{WS_ENDPOINT}{}", server.broker());
    let node = Proxy::with(Origin::json(200, "{}").address, &tables);
    let mut metrics = Known::new();
    for line in request(node.admin, "GET", "/metrics", &[], b"").text().lines() {
        let Some((series, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = metrics.entry(name.to_owned()).or_default();
        for (label, _, value) in matchers(labels.trim_end_matches('}')) {
            known.entry(label).or_default().insert(value);
        }
    }
    metrics
}

/// `a="b",c=~"d"`, each.
fn matchers(text: &str) -> Vec<Matcher> {
    let matcher = |part: &str| {
        let (left, value) = part.split_once('"').unwrap();
        let name = left.trim_start_matches([',', ' ']);
        let end = name.find(['=', '!']).unwrap();
        (name[..end].to_owned(), name[end..].to_owned(), value.to_owned())
    };
    text.split_inclusive('"')
        .collect::<Vec<_>>()
        .chunks_exact(2)
        .map(|pair| matcher(&pair.concat()))
        .map(|(name, operator, value)| (name, operator, value.trim_end_matches('"').to_owned()))
        .collect()
}

/// The metrics that an expression names, with their matchers.
fn named(expression: &str) -> Vec<(String, Vec<Matcher>)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = expression.match_indices("restcast_").map(|(at, _)| at);
    let found = starts.map(|at| {
        let rest = &expression[at..];
        let (name, behind) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        let all = behind.strip_prefix('{').map(|inner| matchers(inner.split('}').next().unwrap()));
        (name.to_owned(), all.unwrap_or_default())
    });
    found.collect()
}

/// The labels that an expression keeps, and those that a text behind it shows.
fn shown(expression: &str, texts: &[&str]) -> BTreeSet<String> {
    let kept = expression.split("by (").skip(1).flat_map(|rest| rest.split(')').next().unwrap().split(','));
    let told = texts.iter().flat_map(|text| {
        let inner = text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap().trim());
        inner.filter(|name| *name != "$value")
    });
    let label = |text: &str| text.trim().trim_start_matches("$labels.").to_owned();
    kept.map(label).chain(told.map(label)).collect()
}

/// Every metric, label and value that an expression and the texts behind it name is there.
fn fits(metrics: &Known, expression: &str, texts: &[&str]) {
    let mut labels: BTreeSet<&str> = THEIRS.into();
    for (name, all) in named(expression) {
        let known = metrics.get(&name).unwrap_or_else(|| panic!("no {name} on /metrics: {expression}"));
        labels.extend(known.keys().map(String::as_str));
        for (label, operator, value) in all.iter().filter(|(label, ..)| !THEIRS.contains(&label.as_str())) {
            let values = known.get(label).unwrap_or_else(|| panic!("{name} has no {label}: {expression}"));
            let wanted =
                if operator.ends_with('~') { value.split('|').collect() } else { vec![value.as_str()] };
            assert!(
                wanted.iter().all(|one| values.contains(*one)),
                "{name}: {label} {wanted:?}, not {values:?}"
            );
        }
    }
    for label in shown(expression, texts) {
        assert!(labels.contains(label.as_str()), "nothing has {label}: {expression} {texts:?}");
    }
}

#[test]
fn the_dashboard_and_the_alert_rules_are_about_metrics_that_exist() {
    let Some(python) = python() else { return };
    let metrics = metrics();
    let dashboard: Value = serde_json::from_str(&read("monitoring/dashboard.json")).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array());
    let mut used = BTreeSet::new();
    let mut look = |expression: &str, texts: &[&str]| {
        fits(&metrics, expression, texts);
        used.extend(named(expression).into_iter().map(|(name, _)| name));
    };
    for target in targets.flatten() {
        look(target["expr"].as_str().unwrap(), &[target["legendFormat"].as_str().unwrap()]);
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        look(variable["query"].as_str().unwrap(), &[]);
    }
    let rules = python.yaml(&deploy("monitoring/alerts.yaml"));
    let rules = rules[0]["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() > 10);
    for rule in rules {
        assert!(rule["labels"]["severity"].is_string(), "{rule}");
        look(rule["expr"].as_str().unwrap(), &[rule["annotations"]["summary"].as_str().unwrap()]);
    }
    assert!(used.len() > 20, "{used:?}");
}

#[test]
fn an_expression_about_what_does_not_exist_is_found() {
    let values = BTreeSet::from(["full".to_owned(), "hidden".to_owned()]);
    let metrics = BTreeMap::from([(
        "restcast_drops_total".to_owned(),
        BTreeMap::from([("reason".to_owned(), values)]),
    )]);
    let rows = [
        (
            r#"sum by (reason) (rate(restcast_drops_total{job="x", reason=~"full|hidden"}[5m]))"#,
            "{{reason}}",
            true,
        ),
        (r#"restcast_drops_total{reason!="full"} > 0"#, "{{ $labels.instance }} {{ $value }}", true),
        ("restcast_drop_total", "", false),
        (r#"restcast_drops_total{cause="full"}"#, "", false),
        (r#"restcast_drops_total{reason=~"full|empty"}"#, "", false),
        ("sum by (cause) (restcast_drops_total)", "", false),
        ("restcast_drops_total", "{{ $labels.cause }}", false),
    ];
    for (expression, text, expected) in rows {
        let found = std::panic::catch_unwind(|| fits(&metrics, expression, &[text]));
        assert_eq!(found.is_ok(), expected, "{expression}");
    }
}

#[test]
fn the_units_and_the_images_commands_parse() {
    let unit = read("restcast.service");
    let of_unit = unit
        .lines()
        .filter_map(|line| line.split_once("/usr/local/bin/restcast "))
        // A shell has more to do behind it.
        .map(|(_, arguments)| arguments.split(" & ").next().unwrap());
    let dockerfile = read("Dockerfile");
    let of_image = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let of_image: Vec<String> = serde_json::from_str(of_image).unwrap();
    let folder = Folder::new();
    let config = folder.write("proxy.toml", read("container.toml"));
    let mut commands: Vec<Vec<String>> =
        of_unit.map(|line| line.split(' ').map(ToOwned::to_owned).collect()).collect();
    commands.push(of_image[1..].to_vec());
    assert_eq!(commands.len(), 5);
    for command in commands {
        // `serve` would listen: `check` takes the same arguments.
        let arguments = command.iter().filter(|argument| *argument != "--upgrade").map(|argument| {
            match argument.as_str() {
                "serve" => "check".to_owned(),
                "/etc/restcast/proxy.toml" => config.display().to_string(),
                other => other.to_owned(),
            }
        });
        let output = restcast().args(arguments).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
