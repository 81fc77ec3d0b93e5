//! Rules between parameters, whose names are checked when the module is compiled.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Error, Expr, ExprLit, Lit, Result};

use crate::field::{expressions, value};

/// Tokens of each kind of rule.
#[derive(Default)]
pub(crate) struct Rules {
    mutually_exclusive: Vec<TokenStream>,
    required_together: Vec<TokenStream>,
    required_one_of: Vec<TokenStream>,
    required_if: Vec<TokenStream>,
    required_by: Vec<TokenStream>,
}

impl Rules {
    /// Reads one rule; false if it is none.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>, known: &[String]) -> Result<bool> {
        let Some(key) = meta.path.get_ident().map(ToString::to_string) else { return Ok(false) };
        match key.as_str() {
            "mutually_exclusive" => self.mutually_exclusive.push(group(meta, known)?),
            "required_together" => self.required_together.push(group(meta, known)?),
            "required_one_of" => self.required_one_of.push(group(meta, known)?),
            "required_by" => {
                let written = expressions(meta)?;
                let [parameter, required @ ..] = written.as_slice() else {
                    return Err(meta.error("takes a parameter and those that it requires"));
                };
                let (parameter, required) = (name(parameter, known)?, names(required, known)?);
                self.required_by.push(quote!((::std::string::String::from(#parameter), #required)));
            }
            "required_if" | "required_if_any" => {
                let written = expressions(meta)?;
                let [parameter, wanted, required @ ..] = written.as_slice() else {
                    return Err(meta.error("takes a parameter, a value, and what is then required"));
                };
                let (parameter, required) = (name(parameter, known)?, names(required, known)?);
                let (wanted, any) = (value(wanted, None), key == "required_if_any");
                self.required_if.push(quote! {
                    ::driftless_module::specification::RequiredIf {
                        parameter: ::std::string::String::from(#parameter),
                        value: #wanted,
                        required: #required,
                        any: #any,
                    }
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ToTokens for Rules {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { mutually_exclusive, required_together, required_one_of, required_if, required_by } = self;
        tokens.extend(quote! {
            ::driftless_module::specification::Rules {
                mutually_exclusive: ::std::vec![#(#mutually_exclusive),*],
                required_together: ::std::vec![#(#required_together),*],
                required_one_of: ::std::vec![#(#required_one_of),*],
                required_if: ::std::vec![#(#required_if),*],
                required_by: ::std::vec![#(#required_by),*],
            }
        });
    }
}

fn group(meta: &ParseNestedMeta<'_>, known: &[String]) -> Result<TokenStream> {
    names(&expressions(meta)?, known)
}

fn names(written: &[Expr], known: &[String]) -> Result<TokenStream> {
    let names = written.iter().map(|it| name(it, known)).collect::<Result<Vec<_>>>()?;
    Ok(quote!(::std::vec![#(::std::string::String::from(#names)),*]))
}

fn name(written: &Expr, known: &[String]) -> Result<String> {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = written else {
        return Err(Error::new_spanned(written, "the name of a parameter is a text"));
    };
    let name = text.value();
    if known.contains(&name) { Ok(name) } else { Err(Error::new_spanned(text, "no field has this name")) }
}
