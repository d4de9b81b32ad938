// SPDX-License-Identifier: GPL-2.0

//! The translation of one source file for the model checker.

use std::collections::BTreeMap;

use quote::ToTokens;
use syn::{
    parse_quote,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
    Abi, Attribute, Expr, ExprCall, ExprMethodCall, ExprPath, File, ImplItemFn, Item, ItemFn,
    ItemImpl, ItemMacro, LitStr, Macro, Signature, TraitItemFn, Type, UseTree,
};

/// Atomic operations, with the role of each ordering that they take.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("load", &[""]),
    ("store", &[""]),
    ("swap", &[""]),
    ("fetch_add", &[""]),
    ("fetch_sub", &[""]),
    ("fence", &[""]),
    ("compare_exchange", &[" success", " failure"]),
    ("compare_exchange_weak", &[" success", " failure"]),
];

/// A memory ordering in the sources.
pub struct Site {
    /// Module, type, function and operation.
    pub name: String,
    pub ordering: String,
    /// File and line.
    pub place: String,
}

/// Replaces atomics, names orderings and removes constructs that the model checker does not know.
pub struct Translation<'a> {
    module: &'a str,
    file: &'a str,
    /// The type of the surrounding `impl`, with its colons.
    type_name: String,
    /// The surrounding function and its orderings by name.
    function: Option<(String, BTreeMap<String, usize>)>,
    /// Whether the module got a function `make_statics()`.
    pub has_statics: bool,
    pub sites: Vec<Site>,
}

impl<'a> Translation<'a> {
    pub fn of(module: &'a str, file: &'a str, source: &mut File) -> Self {
        let mut translation = Self {
            module,
            file,
            type_name: String::new(),
            function: None,
            has_statics: false,
            sites: Vec::new(),
        };
        translation.visit_file_mut(source);
        translation.make_statics_lazy(&mut source.items);
        source.items.insert(0, parse_quote! { use crate::kernel; });
        translation.check(source);
        translation
    }

    /// The model checker's atomics cannot be made in constants.
    fn make_statics_lazy(&mut self, items: &mut Vec<Item>) {
        let mut names = Vec::new();
        for item in items.iter_mut() {
            let Item::Static(atomic) = item else { continue };
            let (name, ty, value) = (&atomic.ident, &atomic.ty, &atomic.expr);
            if !ty.to_token_stream().to_string().starts_with("Atomic") {
                continue;
            }
            names.push(name.clone());
            let lazy: ItemMacro =
                parse_quote! { loom::lazy_static! { static ref #name: #ty = #value; } };
            *item = Item::Macro(lazy);
        }
        if !names.is_empty() {
            self.has_statics = true;
            items.push(parse_quote! { pub(super) fn make_statics() { #(let _ = &*#names;)* } });
        }
    }

    /// Refuses a file in which an atomic or an ordering escaped the translation.
    fn check(&self, source: &File) {
        let text = source.to_token_stream().to_string();
        let named = text.matches("ordering :: at (").count();
        assert_eq!(
            named,
            text.matches("Ordering ::").count(),
            "{}: an ordering outside a known atomic operation",
            self.file
        );
        for unknown in ["core :: sync :: atomic", "static mut", "hint ::"] {
            assert!(
                !text.contains(unknown),
                "{}: `{unknown}` is unknown",
                self.file
            );
        }
    }

    /// Gives the orderings among an operation's arguments their names.
    fn name_orderings<'e>(
        &mut self,
        operation: &str,
        arguments: impl Iterator<Item = &'e mut Expr>,
    ) {
        let Some((_, roles)) = OPERATIONS.iter().find(|(name, _)| *name == operation) else {
            return;
        };
        let mut roles = roles.iter();
        for argument in arguments {
            let Some(ordering) = ordering_of(argument) else {
                continue;
            };
            let place = format!("{}:{}", self.file, argument.span().start().line);
            let role = roles
                .next()
                .unwrap_or_else(|| panic!("{place}: too many orderings"));
            let (function, used) = self
                .function
                .as_mut()
                .unwrap_or_else(|| panic!("{place}: an ordering outside a function"));
            let use_name = format!("{operation}{role}");
            let count = used.entry(use_name.clone()).or_default();
            *count += 1;
            let number = if *count > 1 {
                format!(" {count}")
            } else {
                String::new()
            };
            let name = format!(
                "{} {}{function} {use_name}{number}",
                self.module, self.type_name
            );
            *argument = parse_quote! { crate::ordering::at(#name, #argument) };
            self.sites.push(Site {
                name,
                ordering,
                place,
            });
        }
    }

    fn in_function(&mut self, signature: &Signature, visit: impl FnOnce(&mut Self)) {
        let outer = self
            .function
            .replace((signature.ident.to_string(), BTreeMap::new()));
        visit(self);
        self.function = outer;
    }
}

/// The name of the ordering if the expression is `Ordering::NAME`.
fn ordering_of(expression: &Expr) -> Option<String> {
    let Expr::Path(ExprPath { path, .. }) = expression else {
        return None;
    };
    let segments: Vec<_> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    match &segments[..] {
        [ordering, name] if ordering == "Ordering" => Some(name.clone()),
        _ => None,
    }
}

impl VisitMut for Translation<'_> {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.attrs.clear();
        visit_mut::visit_file_mut(self, file);
    }

    /// Documentation's examples are not for this crate.
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.retain(|attribute| !attribute.path().is_ident("doc"));
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        let name = match &*item.self_ty {
            Type::Path(path) => path
                .path
                .segments
                .last()
                .map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.type_name = name.map_or(String::new(), |name| format!("{name}::"));
        visit_mut::visit_item_impl_mut(self, item);
        self.type_name.clear();
    }

    fn visit_item_fn_mut(&mut self, item: &mut ItemFn) {
        let signature = item.sig.clone();
        self.in_function(&signature, |this| visit_mut::visit_item_fn_mut(this, item));
    }

    fn visit_impl_item_fn_mut(&mut self, item: &mut ImplItemFn) {
        let signature = item.sig.clone();
        self.in_function(&signature, |this| {
            visit_mut::visit_impl_item_fn_mut(this, item)
        });
    }

    fn visit_trait_item_fn_mut(&mut self, item: &mut TraitItemFn) {
        let signature = item.sig.clone();
        self.in_function(&signature, |this| {
            visit_mut::visit_trait_item_fn_mut(this, item)
        });
    }

    fn visit_signature_mut(&mut self, signature: &mut Signature) {
        signature.constness = None;
        visit_mut::visit_signature_mut(self, signature);
    }

    /// The model checker reports by a panic.
    fn visit_abi_mut(&mut self, abi: &mut Abi) {
        if let Some(name) = &mut abi.name {
            *name = LitStr::new("C-unwind", name.span());
        }
    }

    fn visit_use_tree_mut(&mut self, tree: &mut UseTree) {
        visit_mut::visit_use_tree_mut(self, tree);
        let UseTree::Path(path) = tree else { return };
        if path.ident != "core" {
            return;
        }
        // `core::{fmt, sync::atomic::X}` would need two imports; one path reexports both.
        path.ident = parse_quote! { core_with_loom };
        let inner = tree.clone();
        *tree = parse_quote! { crate::#inner };
    }

    fn visit_expr_method_call_mut(&mut self, call: &mut ExprMethodCall) {
        visit_mut::visit_expr_method_call_mut(self, call);
        self.name_orderings(&call.method.to_string(), call.args.iter_mut());
    }

    fn visit_expr_call_mut(&mut self, call: &mut ExprCall) {
        visit_mut::visit_expr_call_mut(self, call);
        let function = call.func.to_token_stream().to_string().replace(' ', "");
        if function == "core::hint::spin_loop" {
            // Otherwise the model checker would never run the thread that this one waits for.
            call.func = parse_quote! { loom::thread::yield_now };
        }
        let name = function.rsplit("::").next().unwrap_or_default();
        self.name_orderings(name, call.args.iter_mut());
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        assert!(
            !invocation.tokens.to_string().contains("Ordering ::"),
            "{}: an ordering inside a macro",
            self.file
        );
    }
}
