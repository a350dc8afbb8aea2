//! The files under deploy/ fit the product: their configurations load, their commands exist.

use std::path::{Path, PathBuf};

use crate::harness::*;

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

/// The block under `proxy.toml: |`.
fn config_of_the_sidecar() -> String {
    let yaml = read("kubernetes/sidecar.yaml");
    let block = yaml.split("proxy.toml: |\n").nth(1).unwrap();
    let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn the_containers_config_loads() {
    let text = check(&deploy("container.toml"));
    assert!(text.contains("warning: admin.listen = 0.0.0.0:9090"), "{text}");
}

#[test]
fn the_sidecars_config_loads_and_its_probes_exist() {
    let folder = Folder::new();
    check(&folder.write("proxy.toml", config_of_the_sidecar()));
    let proxy = Proxy::start(Origin::json(200, "{}").address);
    let yaml = read("kubernetes/sidecar.yaml");
    let probes: Vec<&str> =
        yaml.split("httpGet: { path: ").skip(1).filter_map(|p| p.split(',').next()).collect();
    assert_eq!(probes.len(), 2);
    for probe in probes {
        let answer = eventually(probe, || {
            let answer = request(proxy.admin, "GET", probe, &[], b"");
            (answer.status == 200).then_some(answer)
        });
        assert_eq!(answer.text(), "ok\n");
    }
}

#[test]
fn the_units_and_the_images_commands_parse() {
    let unit = read("restcast.service");
    let of_unit = unit
        .lines()
        .filter_map(|line| line.split_once("/usr/local/bin/restcast "))
        .map(|(_, arguments)| arguments);
    let dockerfile = read("Dockerfile");
    let of_image = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let of_image: Vec<String> = serde_json::from_str(of_image).unwrap();
    let folder = Folder::new();
    let config = folder.write("proxy.toml", read("container.toml"));
    let mut commands: Vec<Vec<String>> =
        of_unit.map(|line| line.split(' ').map(ToOwned::to_owned).collect()).collect();
    commands.push(of_image[1..].to_vec());
    assert_eq!(commands.len(), 3);
    for command in commands {
        // `serve` would listen: `check` takes the same arguments.
        let arguments = command.iter().map(|argument| match argument.as_str() {
            "serve" => "check".to_owned(),
            "/etc/restcast/proxy.toml" => config.display().to_string(),
            other => other.to_owned(),
        });
        let output = restcast().args(arguments).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
