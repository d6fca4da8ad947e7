//! No file of a crate depends on itself by way of others: who reads one reads those below it, and never comes
//! back. What a file uses is read from its `use` lines and from the paths that begin with `crate`, `super`,
//! `self` or a module of its own, each followed through what other files import again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use logagg_e2e::workspace;
use proc_macro2::{TokenStream, TokenTree};

use crate::source::without_tests;

/// The crates, by their source folders.
const CRATES: [&str; 5] =
    ["policy/src", "provider/report/src", "provider/src", "provider/tfplugin/src", "shipper/src"];

/// A module's path within its crate.
type Module = Vec<String>;

/// The modules of a crate, each with what it says.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Module, Contents>,
}

/// What a module says of others.
#[derive(Default)]
struct Contents {
    children: BTreeSet<String>,
    /// What it imports, by the name that this has in the module.
    imports: BTreeMap<String, Vec<String>>,
    /// Every path in it.
    paths: BTreeSet<Vec<String>>,
}

impl Crate {
    fn read(source: &Path) -> Self {
        let mut read = Self::default();
        let roots = ["lib.rs", "main.rs"].map(|root| source.join(root));
        let root = roots.into_iter().find(|root| root.is_file());
        let root = root.unwrap_or_else(|| panic!("{} is no crate", source.display()));
        read.module(source, &root, Vec::new());
        read
    }

    fn module(&mut self, folder: &Path, file: &Path, module: Module) {
        let text = std::fs::read_to_string(file).unwrap();
        let contents = Contents::of(text.parse().unwrap());
        for child in &contents.children {
            let below = folder.join(child);
            let files = [below.with_extension("rs"), below.join("mod.rs")];
            let below_file = files.into_iter().find(|file| file.is_file());
            let below_file =
                below_file.unwrap_or_else(|| panic!("{} has no {child}", file.display()));
            self.module(&below, &below_file, [&module[..], std::slice::from_ref(child)].concat());
        }
        self.modules.insert(module, contents);
    }

    /// The module in which a path of another module ends, if it is one of this crate.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Module> {
        const DEEPEST: usize = 20;

        let (first, mut rest) = path.split_first()?;
        let contents = &self.modules[from];
        let mut at = match first.as_str() {
            _ if depth > DEEPEST => return None,
            "crate" => Vec::new(),
            "self" => from.to_vec(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            child if contents.children.contains(child) => {
                rest = path;
                from.to_vec()
            }
            name => {
                let import = contents.imports.get(name).filter(|import| *import != path)?;
                return self.resolve(from, &[&import[..], rest].concat(), depth + 1);
            }
        };
        while let Some((name, behind)) = rest.split_first() {
            let contents = &self.modules[&at];
            if name == "super" {
                at.pop()?;
            } else if contents.children.contains(name) {
                at.push(name.clone());
            } else if let Some(import) = contents.imports.get(name) {
                return self.resolve(&at, &[&import[..], behind].concat(), depth + 1);
            } else {
                break;
            }
            rest = behind;
        }
        Some(at)
    }

    /// Which modules each uses.
    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let mut uses = BTreeMap::new();
        for (module, contents) in &self.modules {
            let used = contents.paths.iter().filter_map(|path| self.resolve(module, path, 0));
            uses.insert(module, used.filter(|other| other != module).collect());
        }
        uses
    }

    /// The modules that use each other, directly or by way of others.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let uses = self.uses();
        let reached = |from: &Module| {
            let mut reached: BTreeSet<&Module> = BTreeSet::new();
            let mut open: Vec<&Module> = uses[from].iter().collect();
            while let Some(module) = open.pop() {
                if reached.insert(module) {
                    open.extend(&uses[module]);
                }
            }
            reached
        };
        let reached: BTreeMap<&Module, _> =
            uses.keys().map(|module| (*module, reached(module))).collect();
        let circle = |module: &&Module| -> BTreeSet<String> {
            let together =
                reached[*module].iter().filter(|other| reached[**other].contains(*module));
            together.map(|module| named(module)).collect()
        };
        uses.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
    }
}

fn named(module: &[String]) -> String {
    format!("crate::{}", module.join("::"))
}

impl Contents {
    fn of(tokens: TokenStream) -> Self {
        let mut contents = Self::default();
        contents.read(without_tests(tokens));
        contents
    }

    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        while let Some((token, behind)) = rest.split_first() {
            rest = behind;
            match token {
                TokenTree::Ident(word) if word == "mod" => {
                    if let [TokenTree::Ident(name), end, behind @ ..] = rest {
                        match end {
                            TokenTree::Group(body) => self.read(body.stream()),
                            _ => drop(self.children.insert(name.to_string())),
                        }
                        rest = behind;
                    }
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = rest.iter().position(|token| token.to_string() == ";");
                    let (tree, behind) = rest.split_at(end.unwrap_or(rest.len()));
                    self.import(Vec::new(), tree);
                    rest = behind;
                }
                // A path goes on as long as there are two colons and a name.
                TokenTree::Ident(word) => {
                    let mut path = vec![word.to_string()];
                    while let [first, second, TokenTree::Ident(next), behind @ ..] = rest
                        && [first, second].iter().all(|token| token.to_string() == ":")
                    {
                        path.push(next.to_string());
                        rest = behind;
                    }
                    if path.len() > 1 {
                        self.paths.insert(path);
                    }
                }
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Reads a tree of imports behind `path`.
    fn import(&mut self, mut path: Vec<String>, tree: &[TokenTree]) {
        let words: Vec<String> = tree.iter().map(ToString::to_string).collect();
        let mut rest = tree;
        loop {
            match rest {
                [TokenTree::Ident(name), first, second, behind @ ..]
                    if [first, second].iter().all(|token| token.to_string() == ":") =>
                {
                    path.push(name.to_string());
                    rest = behind;
                }
                [TokenTree::Group(group)] => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|token| token.to_string() == ",") {
                        self.import(path.clone(), part);
                    }
                    return;
                }
                [TokenTree::Ident(name), alias @ ..] => {
                    if name != "self" {
                        path.push(name.to_string());
                    }
                    let alias = alias.last().map(ToString::to_string);
                    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
                    self.imports.insert(name, path.clone());
                    self.paths.insert(path);
                    return;
                }
                // All that is in a module.
                [TokenTree::Punct(_)] => {
                    self.paths.insert(path);
                    return;
                }
                [] => return,
                _ => panic!("no import: {}", words.concat()),
            }
        }
    }
}

/// A crate of these files.
fn planted(files: &[(&str, &str)]) -> BTreeSet<BTreeSet<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Crate::read(folder.path()).circles()
}

#[test]
fn no_file_uses_itself_by_way_of_others() {
    let mut found = String::new();
    for source in CRATES {
        let source = workspace::root().join(source);
        for circle in Crate::read(&source).circles() {
            let circle: Vec<String> = circle.into_iter().collect();
            found.push_str(&format!("{}: {}\n", source.display(), circle.join(", ")));
        }
    }
    assert!(found.is_empty(), "files that use each other:\n{found}");
}

#[test]
fn a_circle_of_each_form_is_found() {
    const LIB: (&str, &str) = ("lib.rs", "mod a;\nmod b;\n");

    #[track_caller]
    fn check(files: &[(&str, &str)], circle: &[&str]) {
        let circle: BTreeSet<String> = circle.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(planted(files), BTreeSet::from([circle]), "{files:?}");
    }

    let both = ["crate::a", "crate::b"];
    check(&[LIB, ("a.rs", "use crate::b::B;"), ("b.rs", "use super::a::{A as It, self};")], &both);
    // Paths in code and in macros.
    check(
        &[
            LIB,
            ("a.rs", "fn a() -> crate::b::B { crate::b::B }"),
            ("b.rs", "fn b() { assert!(matches!(1, super::a::A)); }"),
        ],
        &both,
    );
    // By way of what another file imports again, and of all that is in a module.
    let lib = ("lib.rs", "mod a;\nmod b;\npub use a::A;\n");
    check(&[lib, ("a.rs", "use crate::b::*;"), ("b.rs", "use crate::A;")], &both);
    // A module and one below it.
    check(
        &[
            ("lib.rs", "mod a;\n"),
            ("a.rs", "mod below;\nuse below::Below;\nstruct A;"),
            ("a/below.rs", "use super::A;\nstruct Below;"),
        ],
        &["crate::a", "crate::a::below"],
    );
    // Over a module between.
    check(
        &[
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "fn a() { crate::b::b() }"),
            ("b.rs", "fn b() { crate::c::c() }"),
            ("c.rs", "fn c() { crate::a::a() }"),
        ],
        &["crate::a", "crate::b", "crate::c"],
    );
}

#[test]
fn what_only_tests_use_makes_no_circle() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "use crate::b::B;\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n"),
        (
            "b.rs",
            "struct B;\n#[cfg(test)]\npub(crate) mod tests {\n    use crate::a::A;\n}\n#[cfg(test)]\nuse crate::a::A;\n",
        ),
    ];
    assert_eq!(planted(&files), BTreeSet::new());
}
