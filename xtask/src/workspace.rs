//! What cargo knows about the workspace, and the files in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Failure, step};

/// Folders that hold nothing of the project's own.
const NOT_OURS: [&str; 4] = [".git", "target", ".aws-sam", "node_modules"];

/// The workspace this program was built in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder, relative to the root, such as `functions/ai-guard`.
    pub(crate) folder: String,
    /// What it is built with; what only its tests use is not listed.
    pub(crate) dependencies: Vec<String>,
}

/// A text file of the project.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// Whether the name ends so, such as `rs`.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, end)| end == kind)
    }

    /// Whether it is Rust of a function or shared crate, and not a file of tests.
    pub(crate) fn is_shipped(&self) -> bool {
        let folder = ["functions/", "shared/"].iter().any(|start| self.path.starts_with(start));
        let test = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        folder && self.is("rs") && !test
    }
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, Failure> {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = xtask.parent().unwrap_or(xtask).to_owned();
        let mut command = step::cargo(&root, &["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_slice(&step::output(&mut command)?)
            .map_err(|error| format!("cargo metadata is not readable: {error}"))?;
        let packages = metadata.get("packages").and_then(Value::as_array);
        let target = metadata.get("target_directory").and_then(Value::as_str);
        let (Some(packages), Some(target)) = (packages, target) else {
            return Err("cargo metadata has no packages or no target directory".to_owned());
        };
        let packages = packages.iter().filter_map(|package| Package::read(&root, package));
        Ok(Self { packages: packages.collect(), target: PathBuf::from(target), root })
    }

    /// The functions, by the name of their folder, package and binary.
    pub(crate) fn functions(&self) -> Vec<&str> {
        let names = self.packages.iter();
        names.filter_map(|package| package.folder.strip_prefix("functions/")).collect()
    }

    /// A program built for development.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// Every text file of the project below `folder`; the empty name is the root.
    pub(crate) fn files(&self, folder: &str) -> Result<Vec<SourceFile>, Failure> {
        let mut files = Vec::new();
        let folder = self.root.join(folder);
        if folder.exists() {
            self.collect(&folder, &mut files)
                .map_err(|error| format!("`{}` cannot be read: {error}", folder.display()))?;
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// The text of one file.
    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        fs::read_to_string(self.root.join(path))
            .map_err(|error| format!("`{path}` cannot be read: {error}"))
    }

    fn collect(&self, folder: &Path, files: &mut Vec<SourceFile>) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                    self.collect(&path, files)?;
                }
            } else if let Ok(text) = String::from_utf8(fs::read(&path)?) {
                files.push(SourceFile { path: relative(&self.root, &path), text });
            }
        }
        Ok(())
    }
}

impl Package {
    fn read(root: &Path, package: &Value) -> Option<Self> {
        let manifest = Path::new(package.get("manifest_path")?.as_str()?);
        let built_with = |dependency: &&Value| dependency.get("kind").is_none_or(|k| k != "dev");
        let dependencies = package.get("dependencies")?.as_array()?;
        let names = dependencies.iter().filter(built_with);
        Some(Self {
            name: package.get("name")?.as_str()?.to_owned(),
            folder: relative(root, manifest.parent()?),
            dependencies: names.filter_map(|d| Some(d.get("name")?.as_str()?.to_owned())).collect(),
        })
    }
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
