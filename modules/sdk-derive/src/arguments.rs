//! `#[derive(Arguments)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, FieldsNamed, Result};

use crate::about::About;
use crate::field::Field;
use crate::rules::Rules;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input)?;
    let fields = fields.named.iter().map(Field::read).collect::<Result<Vec<_>>>()?;
    let names: Vec<_> = fields.iter().flat_map(Field::names).collect();
    let mut rules = Rules::default();
    let mut about = About::read_comment(&input.attrs);
    for attribute in input.attrs.iter().filter(|it| it.path().is_ident("arguments")) {
        attribute.parse_nested_meta(|meta| {
            if rules.read(&meta, &names)? || about.read(&meta)? {
                return Ok(());
            }
            Err(meta.error("not known here; see the documentation of `Arguments`"))
        })?;
    }
    let name = &input.ident;
    let (generics, types, bounds) = input.generics.split_for_impl();
    let parameters = fields.iter().map(Field::parameter);
    let taken = fields.iter().map(Field::take);
    let given = fields.iter().map(Field::give);
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::driftless_module::Arguments for #name #types #bounds {
            fn specification() -> ::driftless_module::specification::Specification {
                ::driftless_module::specification::Specification {
                    parameters: ::std::vec![#(#parameters),*],
                    rules: #rules,
                }
            }

            fn about() -> ::driftless_module::About {
                #about
            }

            fn from_parameters(
                mut parameters: ::driftless_module::Map,
            ) -> ::std::result::Result<Self, ::driftless_module::Failure> {
                ::std::result::Result::Ok(Self { #(#taken),* })
            }
        }

        #[automatically_derived]
        impl #generics ::driftless_module::Argument for #name #types #bounds {
            fn kind() -> ::driftless_module::specification::Kind {
                ::driftless_module::specification::Kind::Dict(::std::option::Option::Some(
                    <Self as ::driftless_module::Arguments>::specification(),
                ))
            }

            fn from_value(
                value: ::driftless_module::Value,
            ) -> ::std::result::Result<Self, ::driftless_module::Unfit> {
                ::driftless_module::derive::nested(value)
            }

            fn into_value(self) -> ::driftless_module::Value {
                let mut map = ::driftless_module::Map::new();
                #(#given)*
                ::driftless_module::Value::Map(map)
            }
        }
    })
}

pub(crate) fn named_fields(input: &DeriveInput) -> Result<&FieldsNamed> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields),
            _ => Err(Error::new_spanned(&input.ident, "needs fields with names")),
        },
        _ => Err(Error::new_spanned(&input.ident, "is for structs; for enums there is `Choices`")),
    }
}
