//! `#[derive(Returned)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DeriveInput, Error, Expr, Result};

use crate::arguments::named_fields;
use crate::comments::paragraphs;
use crate::field::{option, text, value};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input)?;
    let values = fields.named.iter().map(return_value).collect::<Result<Vec<_>>>()?;
    let name = &input.ident;
    let (generics, types, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::driftless_module::Returned for #name #types #bounds {
            fn documentation() -> ::std::vec::Vec<::driftless_module::ReturnValue> {
                ::std::vec![#(#values),*]
            }
        }

        #[automatically_derived]
        impl #generics ::driftless_module::ReturnType for #name #types #bounds {
            fn kind() -> ::driftless_module::ReturnKind {
                ::driftless_module::ReturnKind {
                    name: "dict",
                    elements: ::std::option::Option::None,
                    contains: <Self as ::driftless_module::Returned>::documentation(),
                }
            }
        }
    })
}

fn return_value(field: &syn::Field) -> Result<TokenStream> {
    let Some(ident) = &field.ident else { return Err(Error::new_spanned(field, "needs a name")) };
    let name = ident.unraw().to_string();
    let description = paragraphs(&field.attrs);
    if description.is_empty() {
        return Err(Error::new_spanned(field, "needs a comment: it becomes the documentation of the key"));
    }
    let (mut when, mut sample) = ("success".to_owned(), None::<Expr>);
    for attribute in field.attrs.iter().filter(|it| it.path().is_ident("returned")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("when") {
                when = text(&meta)?;
            } else if meta.path.is_ident("sample") {
                sample = Some(meta.value()?.parse()?);
            } else {
                return Err(meta.error("takes `when` and `sample`"));
            }
            Ok(())
        })?;
    }
    let sample = option(sample.as_ref().map(|it| value(it, None)));
    let kind = &field.ty;
    Ok(quote! {
        ::driftless_module::ReturnValue {
            name: ::std::string::String::from(#name),
            description: ::std::vec![#(::std::string::String::from(#description)),*],
            returned: ::std::string::String::from(#when),
            kind: <#kind as ::driftless_module::ReturnType>::kind(),
            sample: #sample,
        }
    })
}
