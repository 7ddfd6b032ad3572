//! Enforces that no files import each other in a circle, in the program and in the engine, so that a file can be read after
//! those that it uses.

use crate::support::root;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::{Item, UseTree};

/// Path of a module within its crate.
type ModulePath = Vec<String>;

/// A module with a file of its own.
struct Module {
    file: String,
    /// Names that `use` introduces, with the paths they stand for.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths that the code uses, and those that it imports.
    uses: BTreeSet<Vec<String>>,
}

struct Crate(BTreeMap<ModulePath, Module>);

impl Crate {
    fn read(folder: &Path) -> Crate {
        let mut found = Crate(BTreeMap::new());
        found.read_file(&folder.join("lib.rs"), vec![]);
        found
    }

    fn read_file(&mut self, file: &Path, path: ModulePath) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let items = syn::parse_file(&text).expect("a Rust file").items;
        let items: Vec<Item> = items.into_iter().filter(|item| !is_for_tests(item)).collect();
        let mut module = Module {
            file: file.strip_prefix(root()).expect("a file of ours").display().to_string(),
            imports: BTreeMap::new(),
            uses: BTreeSet::new(),
        };
        let (mut words, mut reexports) = (BTreeSet::new(), vec![]);
        let mut children = vec![];
        for item in &items {
            match item {
                Item::Use(import) => {
                    let mut leaves = vec![];
                    flatten(&import.tree, &mut vec![], &mut leaves);
                    for (name, path) in leaves {
                        module.imports.insert(name.clone(), path.clone());
                        match import.vis {
                            syn::Visibility::Inherited => drop(module.uses.insert(path)),
                            _ => reexports.push((name, path)),
                        }
                    }
                }
                Item::Mod(child) if child.content.is_none() => children.push(child.ident.to_string()),
                item => paths(item.to_token_stream(), &mut words, &mut module.uses),
            }
        }
        // A name that a module only hands on is not used by it.
        module.uses.extend(reexports.into_iter().filter(|(name, _)| words.contains(name)).map(|(_, path)| path));
        self.0.insert(path.clone(), module);
        let is_face = file.file_name().is_some_and(|name| name == "lib.rs" || name == "mod.rs");
        let folder = if is_face { file.with_file_name("") } else { file.with_extension("") };
        for child in children {
            let candidates = [folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs")];
            let file = candidates.iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("no file of `{child}`"));
            self.read_file(file, [&path[..], &[child]].concat());
        }
    }

    /// Returns the file that defines what a path stands for, if it is part of this crate.
    fn defining_file(&self, module: &[String], path: &[String], depth: usize) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        if depth > 8 {
            return None;
        }
        let within = |start: &[String], rest: &[String]| self.descend(start.to_vec(), rest, depth);
        match first.as_str() {
            "crate" => within(&[], rest),
            "self" => within(module, rest),
            "super" => within(&module[..module.len().checked_sub(1)?], rest),
            name if self.0.contains_key(&[module, &[name.to_owned()]].concat()) => within(module, path),
            name => {
                let target = self.0[module].imports.get(name)?;
                let is_itself = target.first() == Some(first);
                if is_itself { None } else { self.defining_file(module, &[&target[..], rest].concat(), depth + 1) }
            }
        }
    }

    fn descend(&self, mut module: ModulePath, path: &[String], depth: usize) -> Option<&str> {
        for (at, name) in path.iter().enumerate() {
            if name == "super" {
                module.pop();
                continue;
            }
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.0.contains_key(&child) {
                module = child;
            } else if let Some(target) = self.0[&module].imports.get(name) {
                return self.defining_file(&module, &[&target[..], &path[at + 1..]].concat(), depth + 1);
            } else {
                break;
            }
        }
        self.0.get(&module).map(|module| module.file.as_str())
    }

    /// Returns the files that each file uses.
    fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (path, module) in &self.0 {
            let used = module.uses.iter().filter_map(|used| self.defining_file(path, used, 0));
            arrows.entry(&module.file).or_default().extend(used.filter(|file| *file != module.file));
        }
        arrows
    }
}

fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("cfg") && attribute.to_token_stream().to_string().contains("test"))
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, leaves);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, leaves)),
        UseTree::Name(name) if name.ident == "self" => {
            leaves.push((before.last().expect("a name").clone(), before.clone()));
        }
        UseTree::Name(name) => leaves.push((name.ident.to_string(), [&before[..], &[name.ident.to_string()]].concat())),
        UseTree::Rename(name) => {
            leaves.push((name.rename.to_string(), [&before[..], &[name.ident.to_string()]].concat()));
        }
        UseTree::Glob(_) => leaves.push((format!("* of {}", before.join("::")), before.clone())),
    }
}

/// Collects the words of code, and its paths of several names.
fn paths(code: TokenStream, words: &mut BTreeSet<String>, found: &mut BTreeSet<Vec<String>>) {
    let (mut path, mut colons): (Vec<String>, usize) = (vec![], 0);
    let mut end = |path: &mut Vec<String>| {
        let whole = std::mem::take(path);
        if whole.len() > 1 {
            found.insert(whole);
        }
    };
    let mut groups = vec![];
    for token in code {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 {
                    end(&mut path);
                }
                path.push(name.to_string());
                words.insert(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                end(&mut path);
                colons = 0;
                groups.push(group.stream());
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                end(&mut path);
                colons = 0;
            }
        }
    }
    end(&mut path);
    groups.into_iter().for_each(|group| paths(group, words, found));
}

/// Returns all files that can be reached from a file.
fn reached<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut known, mut due) = (BTreeSet::new(), vec![from]);
    while let Some(file) = due.pop() {
        due.extend(arrows[file].iter().filter(|next| known.insert(**next)));
    }
    known
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut circles = vec![];
    for folder in ["engine/src", "src"] {
        let found = Crate::read(&root().join(folder));
        let arrows = found.arrows();
        assert!(arrows.len() > 50 && arrows.values().map(BTreeSet::len).sum::<usize>() > 3 * arrows.len());
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            arrows.keys().map(|file| (*file, reached(&arrows, file))).collect();
        for (file, used) in &arrows {
            let back = used.iter().filter(|used| reached[*used].contains(file));
            circles.extend(back.map(|used| format!("{file} -> {used}")));
        }
    }
    assert!(circles.is_empty(), "{} arrows in circles:\n{}", circles.len(), circles.join("\n"));
}
