// SPDX-License-Identifier: GPL-2.0

//! Generates one file of the module's RCU layer in which atomics are the model checker's and every
//! memory ordering has a name.
//!
//! The build stops at a construct that this script does not handle: a test that checks less than it
//! states is worse than no test.

mod translation;

use std::{
    collections::BTreeSet,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use quote::ToTokens;
use syn::{parse_quote, File, Item, UseTree};
use translation::{Site, Translation};

/// The modules of `rcu.rs` with litmus tests. The others must not have orderings.
const CHECKED: &[&str] = &[
    "boxed",
    "chain",
    "cleared",
    "compat",
    "context",
    "domain",
    "drain",
    "flexible",
    "grace_period",
    "hash_table",
    "len",
    "list",
    "lock",
    "new_entry",
    "not_copy",
    "object",
    "pointer",
    "polled",
    "published",
    "reader",
    "reclaim",
    "resizable_table",
    "retired",
    "srcu",
    "srcu_pointer",
    "srcu_state",
    "updater",
    "work",
];

/// The route table's file with orderings. All its other files use this one or relaxed orderings.
const TABLE_WORDS: &str = "rcu_table/fib/word.rs";

fn main() {
    let module = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let output = PathBuf::from(env::var("OUT_DIR").unwrap());
    for watched in ["rcu.rs", "rcu", "rcu_table"] {
        println!("cargo::rerun-if-changed={}", module.join(watched).display());
    }
    // The configuration that leaves the least of the kernel to model.
    println!("cargo::rustc-cfg=MODULE");
    println!("cargo::rustc-cfg=kernel_7_3");

    let (rcu, mut sites) = translate_library(&module);
    fs::write(output.join("rcu.rs"), prettyplease::unparse(&rcu)).unwrap();
    assert_relaxed(&module.join("rcu_table"), &module.join(TABLE_WORDS));
    let mut words = parse(&module.join(TABLE_WORDS));
    sites.extend(Translation::of("word", TABLE_WORDS, &mut words).sites);
    fs::write(output.join("word.rs"), prettyplease::unparse(&words)).unwrap();

    let names: BTreeSet<_> = sites.iter().map(|site| &site.name).collect();
    assert_eq!(names.len(), sites.len(), "two orderings have the same name");
    let mut table = String::from("&[\n");
    for Site {
        name,
        ordering,
        place,
    } in &sites
    {
        writeln!(
            table,
            "Site {{ name: {name:?}, ordering: Ordering::{ordering}, place: {place:?} }},"
        )
        .unwrap();
    }
    table += "]\n";
    fs::write(output.join("sites.rs"), table).unwrap();
}

fn parse(path: &Path) -> File {
    let source = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    syn::parse_file(&source).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `rcu.rs` with the checked modules inline, and without the others and their reexports.
fn translate_library(module: &Path) -> (File, Vec<Site>) {
    let mut root = parse(&module.join("rcu.rs"));
    let mut sites = Vec::new();
    let mut with_statics = Vec::new();
    let mut omitted = BTreeSet::new();
    let mut checked = 0;
    for item in &mut root.items {
        let Item::Mod(declaration) = item else {
            continue;
        };
        let name = declaration.ident.to_string();
        let file = format!("rcu/{name}.rs");
        let mut source = parse(&module.join(&file));
        if CHECKED.contains(&name.as_str()) {
            checked += 1;
            let translation = Translation::of(&name, &file, &mut source);
            if translation.has_statics {
                with_statics.push(declaration.ident.clone());
            }
            declaration.content = Some((Default::default(), source.items));
            declaration.semi = None;
            sites.extend(translation.sites);
        } else {
            assert!(
                !mentions_ordering(&source),
                "{file} has memory orderings and no litmus test. Add the module to CHECKED in \
                 hosted/litmus/build/main.rs, and the kernel functions that it calls to \
                 hosted/litmus/src/kernel.rs"
            );
            omitted.insert(name);
        }
    }
    assert_eq!(checked, CHECKED.len(), "rcu.rs lacks modules of CHECKED");
    root.items.retain(|item| match item {
        Item::Mod(declaration) => !omitted.contains(&declaration.ident.to_string()),
        Item::Use(reexport) => !first_segment(&reexport.tree).is_some_and(|s| omitted.contains(&s)),
        _ => true,
    });
    root.attrs.clear();
    root.items.insert(0, parse_quote! { use crate::kernel; });
    root.items.push(parse_quote! {
        /// Creates the statics. Call it before any thread is spawned, so that it orders no thread.
        pub(crate) fn make_statics() {
            #(#with_statics::make_statics();)*
        }
    });
    root.items.push(parse_quote! {
        /// Does what the load of a module does. Returns whether it was the first load.
        pub fn open_drain() -> bool {
            unsafe { drain::open() }.is_ok()
        }
    });
    root.items.push(parse_quote! {
        /// Does what the unload of a module does.
        pub fn close_drain() {
            unsafe { drain::close() };
        }
    });
    (root, sites)
}

/// Checks that the files of a folder, other than `except`, have no ordering but `Relaxed`.
fn assert_relaxed(folder: &Path, except: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_relaxed(&path, except);
        } else if path != except {
            let source = fs::read_to_string(&path).unwrap();
            for ordering in ["Acquire", "Release", "AcqRel", "SeqCst"] {
                assert!(
                    !source.contains(&format!("Ordering::{ordering}")),
                    "{} has Ordering::{ordering}, and no litmus test",
                    path.display()
                );
            }
        }
    }
}

fn mentions_ordering(tokens: &impl ToTokens) -> bool {
    let text = tokens.to_token_stream().to_string();
    text.contains("Ordering ::")
}

fn first_segment(tree: &UseTree) -> Option<String> {
    match tree {
        UseTree::Path(path) => Some(path.ident.to_string()),
        _ => None,
    }
}
