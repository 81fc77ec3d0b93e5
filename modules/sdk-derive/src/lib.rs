//! The derive macros of `driftless-module`. Use them from there.

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

mod about;
mod arguments;
mod choices;
mod comments;
mod field;
mod returned;
mod rules;

/// Makes a struct what a module takes: a parameter for each field, with the comment of the field as its documentation.
///
/// A field is required unless it is an `Option` or has a default. Its type gives Ansible's type; a struct that derives
/// `Arguments` too is a dictionary with options.
///
/// On a field, `#[argument(…)]` takes `default = …`, `choices(…)`, `aliases(…)`, `no_log`, `name = "…"`, `kind = "path"`,
/// `apply_defaults`, `version_added = "…"`, `removed_in_version = "…"` or `removed_at_date = "…"` with
/// `removed_from_collection = "…"`, and `deprecated_alias(name = "…", removed_in_version = "…", …)`.
///
/// On the struct, `#[arguments(…)]` takes the rules `mutually_exclusive(…)`, `required_together(…)`, `required_one_of(…)`,
/// `required_if("parameter", value, …)`, `required_if_any("parameter", value, …)` and `required_by("parameter", …)`, and for
/// the documentation `author(…)`, `version_added = "…"`, `requirements(…)`, `notes(…)`, `see_also(…)` and `examples = …`.
#[proc_macro_derive(Arguments, attributes(arguments, argument))]
pub fn derive_arguments(input: TokenStream) -> TokenStream {
    finish(arguments::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Makes an enum without fields a parameter with choices: the names of the variants in snake case, or what
/// `#[choice("…")]` says.
#[proc_macro_derive(Choices, attributes(choice))]
pub fn derive_choices(input: TokenStream) -> TokenStream {
    finish(choices::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Documents a struct that a module returns: a key for each field, with the comment of the field. It derives `Serialize`
/// too. On a field, `#[returned(…)]` takes `when = "…"` and `sample = …`.
#[proc_macro_derive(Returned, attributes(returned))]
pub fn derive_returned(input: TokenStream) -> TokenStream {
    finish(returned::derive(&parse_macro_input!(input as DeriveInput)))
}

fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result
        .unwrap_or_else(|error| {
            let error = error.to_compile_error();
            quote!(#error)
        })
        .into()
}
