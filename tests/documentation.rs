//! What the documentation shows can be loaded.
//!
//! The language of a fenced block says what it is. `yaml` and `toml` are configurations, `json` is
//! one if it begins with one of our sections, and in `sh` the variables of ours make one together.

use std::fs;
use std::path::{Path, PathBuf};

use proxy_config::{Document, Node, Sources, Transport};

const SECTIONS: [&str; 8] = [
    "proxy", "feeds", "rest", "tls", "memory", "sinks", "fleet", "status",
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn deploy(name: &str) -> String {
    fs::read_to_string(root().join("docs/deploy").join(name)).unwrap()
}

/// The READMEs, the pages beside them, and everything under `docs`.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages = vec![];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let readmes = crates.map(|entry| entry.unwrap().path().join("README.md"));
    pages.extend(readmes.filter(|readme| readme.exists()));
    let names = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
    ];
    pages.extend(names.map(|name| root().join(name)));
    pages.sort();
    pages
}

/// A fenced block, and the place of its first line.
struct Block {
    place: String,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = vec![];
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let name = page.strip_prefix(root()).unwrap().display();
        let mut lines = text.lines().zip(2..);
        while let Some((line, number)) = lines.next() {
            let indent = line.len() - line.trim_start().len();
            let Some(language) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let content = lines
                .by_ref()
                .map(|(line, _)| line)
                .take_while(|line| !line.trim_start().starts_with("```"));
            let content = content.map(|line| line.get(indent..).unwrap_or_default());
            blocks.push(Block {
                place: format!("{name}:{number}"),
                language: language.to_owned(),
                text: content.collect::<Vec<_>>().join("\n"),
            });
        }
    }
    blocks
}

/// A folder that has the files which configurations name.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder = format!("cryptofeed-documentation-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn create(&self, named: &str) -> String {
        let name = Path::new(named).file_name().unwrap();
        let path = self.0.join(name);
        fs::write(&path, "0123\n").unwrap();
        path.display().to_string()
    }

    /// `text` with the files that it names in this folder.
    fn rebase(&self, text: &str) -> String {
        let mut rest = text;
        let mut rebased = String::new();
        while let Some(key) = rest.find("_file") {
            let (before, after) = rest.split_at(key + "_file".len());
            let path = after.trim_start_matches(['"', ':', '=', ' ']);
            let (gap, _) = after.split_at(after.len() - path.len());
            let end = path.find(|c: char| c.is_whitespace() || "\"'},".contains(c));
            let (path, after) = path.split_at(end.unwrap_or(path.len()));
            rebased += &format!("{before}{gap}{}", self.create(path));
            rest = after;
        }
        rebased + rest
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sources() -> Sources {
    SECTIONS
        .into_iter()
        .fold(Sources::new(), Sources::with_section)
        .with_env([("HTTPS_PROXY", "http://ambient.example:3128")])
}

/// The variables of ours that a script or a unit sets.
fn variables(text: &str, files: &Files) -> Vec<(String, String)> {
    let assignments = text.split("CRYPTOFEED_").skip(1);
    assignments
        .filter_map(|assignment| {
            let (name, value) = assignment.split_once('=')?;
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return None;
            }
            let value = match value.strip_prefix('\'') {
                Some(quoted) => quoted.split_once('\'')?.0,
                None => value.split_whitespace().next().unwrap_or_default(),
            };
            let value = if name.ends_with("_FILE") {
                files.create(value)
            } else {
                value.to_owned()
            };
            Some((format!("CRYPTOFEED_{name}"), value))
        })
        .collect()
}

fn is_configuration(block: &Block) -> bool {
    let begins_with_section = || {
        let text = block.text.trim_start_matches(['{', ' ', '\n', '"']);
        SECTIONS.iter().any(|section| text.starts_with(section))
    };
    match block.language.as_str() {
        "yaml" | "toml" => true,
        "json" => begins_with_section(),
        _ => false,
    }
}

pub(crate) fn fail_with(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_configuration_in_the_documentation_loads() {
    let files = Files::new("blocks");
    let blocks: Vec<_> = blocks().into_iter().filter(is_configuration).collect();
    assert!(blocks.len() >= 15, "only {} were found", blocks.len());
    let problems = blocks.iter().filter_map(|block| {
        let name = format!("block.{}", block.language);
        let loaded = sources().with_text(name, files.rebase(&block.text)).load();
        Some(format!("{}: {}", block.place, loaded.err()?))
    });
    fail_with(&problems.collect::<Vec<_>>());
}

#[test]
fn the_variables_of_every_script_in_the_documentation_load() {
    let files = Files::new("scripts");
    let mut scripts = 0;
    let mut problems = vec![];
    for block in blocks().iter().filter(|block| block.language == "sh") {
        let variables = variables(&block.text, &files);
        scripts += usize::from(!variables.is_empty());
        if let Err(errors) = sources().with_env(variables).load() {
            problems.push(format!("{}: {errors}", block.place));
        }
    }
    assert!(scripts >= 4, "only {scripts} were found");
    fail_with(&problems);
}

/// The anchors of a page's headings.
fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
        heading.replace(' ', "-").chars().filter(kept).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut problems = vec![];
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for (line, number) in text.lines().zip(1..) {
            for link in line.split("](").skip(1) {
                let link = link.split(')').next().unwrap();
                let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
                let file = match target {
                    "" => page.clone(),
                    _ => page.parent().unwrap().join(target),
                };
                let leads_there = file.exists()
                    && (anchor.is_empty() || anchors(&file).iter().any(|known| known == anchor));
                if !link.contains("://") && !leads_there {
                    problems.push(format!("{}:{number}: {link}", page.display()));
                }
            }
        }
    }
    fail_with(&problems);
}

#[test]
fn every_path_in_the_recipes_exists() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (_, recipes) = page.split_once("\n## Recipes\n").unwrap();
    let code = recipes.split('`').skip(1).step_by(2);
    let paths: Vec<_> = code
        .filter(|text| text.contains('/') && !text.contains(' '))
        .collect();
    assert!(paths.len() >= 40, "only {} were found", paths.len());
    let missing = paths.iter().filter(|path| !root().join(path).exists());
    fail_with(&missing.map(|path| (*path).to_owned()).collect::<Vec<_>>());
}

/// One YAML document with these keys at its top.
fn manifest(text: &str, keys: &[&str]) -> Document {
    let sources = keys
        .iter()
        .fold(Sources::new(), |sources, key| sources.with_section(*key))
        .with_text("manifest.yaml", text);
    let loaded = sources.clone().load();
    loaded.unwrap_or_else(|errors| panic!("{errors}"));
    sources.merge()
}

/// What stands at a path of keys, the first of which is a section.
fn text_at(manifest: &Document, path: &[&str]) -> Option<String> {
    fn at(node: &Node<'_>, path: &[&str]) -> Option<String> {
        let Some((key, rest)) = path.split_first() else {
            return node.as_text().map(str::to_owned);
        };
        let children = node.entries()?;
        let (_, child) = children.iter().find(|(name, _)| name == key)?;
        at(child, rest)
    }
    let (section, rest) = path.split_first()?;
    manifest.read(section, |node| at(node, rest))?
}

fn uses_a_proxy_for_everything(configuration: Sources) {
    let loaded = configuration
        .load()
        .unwrap_or_else(|errors| panic!("{errors}"));
    let settings = loaded.settings();
    assert!(settings.is_enabled() && settings.is_strict());
    for transport in Transport::ALL {
        let rule = settings.default_proxies().for_transport(transport);
        assert!(rule.unwrap().to_string().contains("://***@"));
    }
}

#[test]
fn the_manifests_of_kubernetes_agree_with_each_other() {
    let text = deploy("kubernetes.yaml");
    let keys = [
        "apiVersion",
        "kind",
        "metadata",
        "data",
        "type",
        "stringData",
        "spec",
    ];
    let manifests: Vec<_> = text
        .split("\n---\n")
        .map(|text| manifest(text, &keys))
        .collect();
    let kinds = manifests
        .iter()
        .map(|manifest| text_at(manifest, &["kind"]));
    let kinds: Option<Vec<_>> = kinds.collect();
    let expected = ["ConfigMap", "Secret", "Deployment", "NetworkPolicy"];
    assert_eq!(kinds.unwrap(), expected);

    let files = Files::new("kubernetes");
    let configuration = text_at(&manifests[0], &["data", "cryptofeed.yaml"]).unwrap();
    assert!(configuration.contains("password_file: /run/secrets/proxy/password"));
    assert!(text.contains("mountPath: /run/secrets/proxy,"));
    let pod = ["spec", "template", "spec", "enableServiceLinks"];
    assert_eq!(text_at(&manifests[2], &pod).as_deref(), Some("false"));
    assert!(text_at(&manifests[1], &["stringData", "password"]).is_some());
    uses_a_proxy_for_everything(sources().with_text("ConfigMap", files.rebase(&configuration)));
}

#[test]
fn the_compose_file_gives_the_feed_its_files_and_no_way_out() {
    let text = deploy("compose.yaml");
    let keys = ["name", "services", "networks", "secrets"];
    let manifest = manifest(&text, &keys);
    let inside = ["networks", "inside", "internal"];
    assert_eq!(text_at(&manifest, &inside).as_deref(), Some("true"));
    let secret = ["secrets", "proxy_password", "file"];
    assert_eq!(
        text_at(&manifest, &secret).as_deref(),
        Some("./proxy_password")
    );

    // A file that is mounted by itself would stay the old one.
    assert!(text.contains("- ./config:/etc/cryptofeed:ro"));

    let files = Files::new("compose");
    let configuration = deploy("config/cryptofeed.yaml");
    assert!(configuration.contains("password_file: /run/secrets/proxy_password"));
    uses_a_proxy_for_everything(sources().with_text("file", files.rebase(&configuration)));
}

#[test]
fn the_fleet_for_compose_has_one_way_out_and_its_secrets_as_files() {
    let text = deploy("fleet.yaml");
    let keys = ["name", "services", "volumes", "networks", "secrets"];
    let manifest = manifest(&text, &keys);
    let inside = ["networks", "inside", "internal"];
    assert_eq!(text_at(&manifest, &inside).as_deref(), Some("true"));
    for name in ["proxy_password", "nats_password"] {
        let file = text_at(&manifest, &["secrets", name, "file"]);
        assert_eq!(file, Some(format!("./{name}")));
    }
    let files = Files::new("fleet");
    let configuration = deploy("fleet/cryptofeed.yaml");
    uses_a_proxy_for_everything(sources().with_text("file", files.rebase(&configuration)));
}

#[test]
fn the_unit_gives_the_program_its_password() {
    let files = Files::new("unit");
    let unit = deploy("systemd/cryptofeed.service");
    let variables = variables(&unit, &files);
    assert_eq!(variables.len(), 2);
    // The secret is where the unit says, not where the file does.
    let configuration = sources().with_text("file.yaml", deploy("config/cryptofeed.yaml"));
    uses_a_proxy_for_everything(configuration.with_env(variables));
}
