//! Modules of a crate import each other in one direction. On each level, at most two of them may
//! import each other in a cycle.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ItemMod, ItemUse, Macro, Meta, UseTree,
    ext::IdentExt,
    visit::{self, Visit},
};

/// The largest allowed cycle: two types that create each other, such as a builder and its type.
const LIMIT: usize = 2;

#[test]
fn modules_do_not_import_each_other_in_cycles() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut errors = Vec::new();
    for entry in fs::read_dir(crates).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root));
        let found = roots.iter().filter(|root| root.exists()).flat_map(|root| {
            let imports = Modules::load(root).imports();
            cycles(&imports)
        });
        errors.extend(found.filter(|cycle| cycle.modules.len() > LIMIT).map(|cycle| {
            let (count, imports) = (cycle.modules.len(), cycle.imports.join("\n"));
            format!("{name}: {count} modules import each other, {LIMIT} may; cut some of these:\n{imports}")
        }));
    }
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
}

#[test]
fn imports_are_found_in_paths_use_trees_and_macros() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a; mod b; mod c; mod d; pub use crate::b::{self, Item as Named};");
    write("a.rs", "use crate::{b::{self as x, y}, Named}; #[cfg(test)] mod tests { use crate::d; }");
    write("b/mod.rs", "mod inner; fn f() { info!(target: crate::c::TARGET, \"...\"); }");
    write("b/inner.rs", "#[cfg(all(test, unix))] use crate::d; use super::super::c::X; fn g(_: super::Y) {}");
    write("c.rs", "mod e { pub use super::super::a::Z; } #[cfg(not(test))] fn h() { crate::d::run() }");
    write("d.rs", "use std::fmt; use self::fmt::Debug; use super::Named;");
    let imports = Modules::load(&folder.path().join("lib.rs")).imports();
    let found: BTreeSet<_> =
        imports.iter().map(|import| (&*import.level, &*import.from, &*import.to)).collect();
    let expected = [("", "a", "b"), ("", "b", "c"), ("", "c", "a"), ("", "c", "d"), ("", "d", "b")];
    assert_eq!(found, BTreeSet::from(expected));
    let cycles = cycles(&imports);
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0].modules, ["a", "b", "c", "d"]);
    assert!(
        cycles[0].imports.contains(&"  c -> a   (c::e: super::super::a::Z)".to_owned()),
        "{:?}",
        cycles[0].imports
    );
}

/// The path of a module below the crate root.
type ModulePath = Vec<String>;

/// The modules of a crate without its tests, and the paths that each of them names.
#[derive(Default)]
struct Modules(BTreeMap<ModulePath, Names>);

#[derive(Default)]
struct Names {
    /// Paths that begin with `crate`, `super` or `self`, and those of `use` items.
    paths: BTreeSet<Vec<String>>,
    /// The paths that `use` items import, by their local names.
    uses: HashMap<String, Vec<String>>,
}

/// A module that names an item of a sibling module.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    /// The parent of both modules.
    level: String,
    from: String,
    to: String,
    /// The path that is named, and its position.
    why: String,
}

struct Cycle {
    modules: Vec<String>,
    imports: Vec<String>,
}

impl Modules {
    fn load(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.load_file(root, root.parent().unwrap().to_owned(), Vec::new());
        modules
    }

    fn load_file(&mut self, file: &Path, folder: PathBuf, module: ModulePath) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.0.insert(module.clone(), Names::default());
        Reader { modules: self, folder, module }.visit_file(&syntax);
    }

    fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (module, names) in &self.0 {
            for path in &names.paths {
                let target = self.resolved(module, path, 8);
                let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
                if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                    imports.insert(Import {
                        level: module[..common].join("::"),
                        from: from.clone(),
                        to: to.clone(),
                        why: format!("{}: {}", module.join("::"), path.join("::")),
                    });
                }
            }
        }
        imports
    }

    /// Returns the module that `path` leads to from `module`, through modules and re-exports, or
    /// `module` itself if the path leaves the crate.
    fn resolved(&self, module: &[String], path: &[String], most: usize) -> ModulePath {
        let mut target = module.to_vec();
        for (position, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => target.clear(),
                "self" => {}
                "super" => drop(target.pop()),
                _ => {
                    let child = [&target[..], std::slice::from_ref(name)].concat();
                    let used = self.0.get(&target).and_then(|names| names.uses.get(name));
                    match used.filter(|used| most > 0 && **used != path[position..]) {
                        _ if self.0.contains_key(&child) => target = child,
                        Some(used) if position > 0 => return self.resolved(&target, used, most - 1),
                        _ => return if position > 0 { target } else { module.to_vec() },
                    }
                }
            }
        }
        target
    }
}

/// Reads a file and the files of its modules.
struct Reader<'a> {
    modules: &'a mut Modules,
    /// The folder that contains the submodules of this module.
    folder: PathBuf,
    module: ModulePath,
}

impl Reader<'_> {
    fn names(&mut self) -> &mut Names {
        self.modules.0.entry(self.module.clone()).or_default()
    }

    fn add_path(&mut self, path: Vec<String>) {
        if path.first().is_some_and(|first| matches!(first.as_str(), "crate" | "super" | "self")) {
            self.names().paths.insert(path);
        }
    }

    fn add_use(&mut self, prefix: &[String], tree: &UseTree) {
        let joined = |name: &syn::Ident| [prefix, &[name.unraw().to_string()]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.add_use(&joined(&path.ident), &path.tree),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.add_use(prefix, tree)),
            UseTree::Glob(_) => (prefix.to_vec(), None),
            UseTree::Name(name) if name.ident == "self" => (prefix.to_vec(), prefix.last().cloned()),
            UseTree::Name(name) => (joined(&name.ident), Some(name.ident.unraw().to_string())),
            UseTree::Rename(name) if name.ident == "self" => (prefix.to_vec(), Some(name.rename.to_string())),
            UseTree::Rename(name) => (joined(&name.ident), Some(name.rename.unraw().to_string())),
        };
        self.add_path(path.clone());
        if let Some(name) = name {
            self.names().uses.insert(name, path);
        }
    }

    /// Adds the paths in the tokens of a macro. Its syntax is unknown.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.add_path(std::mem::replace(&mut path, vec![ident.to_string()]));
                }
                TokenTree::Group(group) => {
                    self.add_path(std::mem::take(&mut path));
                    self.add_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.add_path(std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.add_path(path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.unraw().to_string();
        let (folder, parent) = (self.folder.join(&name), self.module.clone());
        let module = [&parent[..], &[name]].concat();
        if item.content.is_some() {
            let outer = std::mem::replace(&mut self.folder, folder);
            self.module = module;
            self.names();
            visit::visit_item_mod(self, item);
            (self.folder, self.module) = (outer, parent);
        } else {
            let files = [folder.with_extension("rs"), folder.join("mod.rs")];
            let file = files.iter().find(|file| file.exists());
            let file = file.unwrap_or_else(|| panic!("{} has no file", module.join("::")));
            self.modules.load_file(file, folder, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.add_tokens(item.tokens.clone());
    }
}

fn attributes(item: &syn::Item) -> &[Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns whether the attribute limits an item to tests and fuzzing.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && names_tests(list.tokens.clone())
}

fn names_tests(tokens: TokenStream) -> bool {
    let mut is_negated = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == "test" || name == "fuzzing" => return true,
            TokenTree::Ident(name) => is_negated = name == "not",
            TokenTree::Group(group) if !is_negated && names_tests(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

fn cycles(imports: &BTreeSet<Import>) -> Vec<Cycle> {
    let levels: BTreeSet<_> = imports.iter().map(|import| &*import.level).collect();
    let of_level = |level| imports.iter().filter(|import| import.level == level).collect::<Vec<_>>();
    levels.into_iter().flat_map(|level| cycles_of(&of_level(level))).collect()
}

fn cycles_of(imports: &[&Import]) -> Vec<Cycle> {
    let graph: DiGraphMap<&str, ()> = imports.iter().map(|import| (&*import.from, &*import.to, ())).collect();
    let components = tarjan_scc(&graph).into_iter().filter(|component| component.len() > 1);
    let cycle = |mut modules: Vec<&str>| {
        modules.sort_unstable();
        let inside =
            |import: &&&Import| [&import.from, &import.to].iter().all(|name| modules.contains(&&***name));
        let line = |import: &&Import| format!("  {} -> {}   ({})", import.from, import.to, import.why);
        Cycle {
            imports: imports.iter().filter(inside).map(line).collect(),
            modules: modules.iter().map(|name| (*name).to_owned()).collect(),
        }
    };
    components.map(cycle).collect()
}
