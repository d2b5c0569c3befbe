//! Reads the sources of the submit path: every await in it has a name, and every name is one of the list.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::collections::BTreeMap;
use std::path::Path;

use gammaq_crash::points::{DOWNLOAD_PATH, DOWNLOAD_POINTS, PATH, POINTS, SWEEP_PATH, SWEEP_POINTS};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ExprAwait, ExprCall, ImplItemFn, ItemFn, Lit, Macro};

/// The awaits of one file's functions.
#[derive(Default)]
struct Awaits<'a> {
    wanted: &'a [&'a str],
    seen: Vec<String>,
    inside: usize,
    names: Vec<String>,
    nameless: Vec<String>,
}

/// The name in `at("name", …)`.
fn name(expr: &Expr) -> Option<String> {
    let Expr::Call(ExprCall { func, args, .. }) = expr else {
        return None;
    };
    let Expr::Path(path) = &**func else { return None };
    if path.path.segments.last()?.ident != "at" || args.len() != 2 {
        return None;
    }
    match args.first()? {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

impl Awaits<'_> {
    fn function(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let wanted = self.wanted.contains(&name);
        if wanted {
            self.seen.push(name.to_owned());
        }
        self.inside += usize::from(wanted);
        visit(self);
        self.inside -= usize::from(wanted);
    }

    fn check(&mut self, expr: &Expr) {
        match name(expr) {
            Some(name) => self.names.push(name),
            None => self.nameless.push(format!("line {}", expr.span().start().line)),
        }
        visit::visit_expr(self, expr);
    }

    /// `join!` and `select!` await without the word.
    fn check_macro(&mut self, name: &str, tokens: &TokenStream) {
        let (futures, handlers) = match name {
            "join" | "try_join" => (split(tokens.clone(), ','), Vec::new()),
            "select" => branches(tokens),
            _ => return,
        };
        for tokens in handlers {
            match syn::parse2::<Expr>(tokens.clone()) {
                Ok(expr) => self.visit_expr(&expr),
                Err(error) => self.nameless.push(format!("{error}: {tokens}")),
            }
        }
        for tokens in futures {
            match syn::parse2::<Expr>(tokens.clone()) {
                Ok(expr) => self.check(&expr),
                Err(error) => self.nameless.push(format!("{error}: {tokens}")),
            }
        }
    }
}

fn split(tokens: TokenStream, at: char) -> Vec<TokenStream> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == at => parts.push(Vec::new()),
            token => parts.last_mut().unwrap().push(token),
        }
    }
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.map(|part| part.into_iter().collect()).collect()
}

/// The futures and the handlers of `pattern = future => handler`; a handler in braces ends a branch, else a comma does.
fn branches(tokens: &TokenStream) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let (mut futures, mut handlers) = (Vec::new(), Vec::new());
    let (mut current, mut in_future) = (Vec::new(), false);
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let punct = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        let arrow =
            punct == '=' && matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '>');
        if in_future && arrow {
            futures.push(std::mem::take(&mut current).into_iter().collect());
            in_future = false;
            tokens.next();
            let mut handler = Vec::new();
            for token in tokens.by_ref() {
                let (brace, comma) = match &token {
                    TokenTree::Group(group) => (group.delimiter() == Delimiter::Brace, false),
                    TokenTree::Punct(punct) => (false, punct.as_char() == ','),
                    _ => (false, false),
                };
                if !comma {
                    handler.push(token);
                }
                if brace || comma {
                    break;
                }
            }
            handlers.push(handler.into_iter().collect());
        } else if in_future {
            current.push(token);
        } else if punct == '=' {
            in_future = true;
        }
    }
    (futures, handlers)
}

impl<'ast> Visit<'ast> for Awaits<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig.ident.to_string(), |it| visit::visit_item_fn(it, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig.ident.to_string(), |it| {
            visit::visit_impl_item_fn(it, item)
        });
    }

    fn visit_expr_await(&mut self, expr: &'ast ExprAwait) {
        if self.inside > 0 {
            self.check(&expr.base);
        } else {
            visit::visit_expr_await(self, expr);
        }
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        if self.inside > 0
            && let Some(last) = item.path.segments.last()
        {
            self.check_macro(&last.ident.to_string(), &item.tokens);
        }
        visit::visit_macro(self, item);
    }
}

fn awaits<'a>(text: &str, wanted: &'a [&'a str]) -> Awaits<'a> {
    let mut awaits = Awaits {
        wanted,
        ..Awaits::default()
    };
    awaits.visit_file(&syn::parse_file(text).unwrap());
    awaits
}

#[test]
fn every_await_of_the_submit_path_has_a_name_of_its_own() {
    check(PATH, POINTS.iter().map(|(name, _)| *name));
}

#[test]
fn every_await_of_a_download_has_a_name_of_its_own() {
    check(DOWNLOAD_PATH, DOWNLOAD_POINTS.iter().map(|(name, _)| *name));
}

#[test]
fn every_await_of_a_sweep_has_a_name_of_its_own() {
    check(SWEEP_PATH, SWEEP_POINTS.iter().map(|(name, _)| *name));
}

fn check(path: &[(&str, &[&str])], points: impl Iterator<Item = &'static str>) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (file, functions) in path {
        let text = std::fs::read_to_string(crates.join(file)).unwrap();
        let awaits = awaits(&text, functions);
        assert!(
            awaits.nameless.is_empty(),
            "{file}: an await without a name: {:?}",
            awaits.nameless
        );
        for function in *functions {
            let there = awaits.seen.iter().any(|seen| seen == function);
            assert!(there, "{file}: {function} is gone; where is the path now?");
        }
        for name in awaits.names {
            *found.entry(name).or_insert(0) += 1;
        }
    }
    let listed: BTreeMap<String, usize> = points.map(|name| (name.to_owned(), 1)).collect();
    assert_eq!(found, listed, "names in the sources, and the list in points.rs");
}

#[test]
fn the_reader_sees_what_it_has_to() {
    let text = r#"
        async fn wanted() {
            named().await;
            crash::at("a", one()).await?;
            tokio::select! { biased; x = at("b", two()) => x, () = three() => { other().await }, }
            tokio::join!(at("c", four()), five());
            let block = async { six().await };
            at("d", async { seven().await }).await;
            at(name, eight()).await;
        }
        async fn other() { free().await }
    "#;
    let awaits = awaits(text, &["wanted"]);
    assert_eq!(awaits.names, ["a", "b", "c", "d"]);
    assert_eq!(awaits.nameless.len(), 7, "{:?}", awaits.nameless);
    assert_eq!(awaits.seen, ["wanted"]);
}
