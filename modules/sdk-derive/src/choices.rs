//! `#[derive(Choices)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Variant};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "is for enums; for structs there is `Arguments`"));
    };
    let texts = data.variants.iter().map(text).collect::<Result<Vec<_>>>()?;
    let variants: Vec<_> = data.variants.iter().map(|it| &it.ident).collect();
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #name {
            /// As it is written in a playbook.
            pub fn as_str(&self) -> &'static str {
                match self { #(Self::#variants => #texts),* }
            }
        }

        #[automatically_derived]
        impl ::std::fmt::Display for #name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        #[automatically_derived]
        impl ::driftless_module::Argument for #name {
            fn kind() -> ::driftless_module::specification::Kind {
                ::driftless_module::specification::Kind::Str
            }

            fn choices() -> ::std::option::Option<::std::vec::Vec<::driftless_module::Value>> {
                ::std::option::Option::Some(::std::vec![#(::driftless_module::Value::from(#texts)),*])
            }

            fn from_value(
                value: ::driftless_module::Value,
            ) -> ::std::result::Result<Self, ::driftless_module::Unfit> {
                match value.as_str() {
                    #(::std::option::Option::Some(#texts) => ::std::result::Result::Ok(Self::#variants),)*
                    _ => ::std::result::Result::Err(::driftless_module::Unfit::new("is not one of the choices")),
                }
            }

            fn into_value(self) -> ::driftless_module::Value {
                ::driftless_module::Value::from(self.as_str())
            }
        }
    })
}

fn text(variant: &Variant) -> Result<String> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(variant, "a choice has no fields"));
    }
    match variant.attrs.iter().find(|it| it.path().is_ident("choice")) {
        Some(attribute) => Ok(attribute.parse_args::<LitStr>()?.value()),
        None => Ok(snake_case(&variant.ident.to_string())),
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(character.to_lowercase());
    }
    out
}
