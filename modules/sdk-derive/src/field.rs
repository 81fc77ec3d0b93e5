//! One field and its parameter.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitStr, Result, Token, Type, parenthesized};

use crate::comments::paragraphs;

/// A field as it was written.
pub(crate) struct Field {
    ident: Ident,
    name: String,
    kind_of: Type,
    description: Vec<String>,
    default: Option<Expr>,
    choices: Option<Vec<Expr>>,
    aliases: Vec<String>,
    deprecated_aliases: Vec<TokenStream>,
    removal: Removal,
    no_log: bool,
    apply_defaults: bool,
    kind: Option<Ident>,
    version_added: Option<String>,
}

impl Field {
    pub(crate) fn read(field: &syn::Field) -> Result<Self> {
        let Some(ident) = field.ident.clone() else { return Err(Error::new_spanned(field, "needs a name")) };
        let mut read = Self {
            name: ident.unraw().to_string(),
            ident,
            kind_of: field.ty.clone(),
            description: paragraphs(&field.attrs),
            default: None,
            choices: None,
            aliases: Vec::new(),
            deprecated_aliases: Vec::new(),
            removal: Removal::default(),
            no_log: false,
            apply_defaults: false,
            kind: None,
            version_added: None,
        };
        for attribute in field.attrs.iter().filter(|it| it.path().is_ident("argument")) {
            attribute.parse_nested_meta(|meta| read.attribute(&meta))?;
        }
        if read.description.is_empty() {
            return Err(Error::new_spanned(
                field,
                "needs a comment: it becomes the documentation of the parameter",
            ));
        }
        Ok(read)
    }

    fn attribute(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if self.removal.read(meta)? {
            return Ok(());
        }
        let Some(key) = meta.path.get_ident().map(ToString::to_string) else {
            return Err(meta.error("unknown"));
        };
        match key.as_str() {
            "default" => self.default = Some(meta.value()?.parse()?),
            "choices" => self.choices = Some(expressions(meta)?),
            "aliases" => self.aliases.extend(texts(meta)?),
            "deprecated_alias" => self.deprecated_alias(meta)?,
            "no_log" => self.no_log = true,
            "apply_defaults" => self.apply_defaults = true,
            "name" => self.name = text(meta)?,
            "kind" => self.kind = Some(kind(meta)?),
            "version_added" => self.version_added = Some(text(meta)?),
            _ => return Err(meta.error("not known here; see the documentation of `Arguments`")),
        }
        Ok(())
    }

    fn deprecated_alias(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let mut name = None;
        let mut removal = Removal::default();
        meta.parse_nested_meta(|inner| {
            if removal.read(&inner)? {
                return Ok(());
            }
            if inner.path.is_ident("name") {
                name = Some(text(&inner)?);
                return Ok(());
            }
            Err(inner.error(
                "a deprecated alias has a name, removed_in_version or removed_at_date, and \
                             removed_from_collection",
            ))
        })?;
        let (Some(name), Some((due, collection))) = (name, removal.tokens()) else {
            return Err(meta.error("a deprecated alias needs a name, and when it goes"));
        };
        self.deprecated_aliases.push(quote! {
            ::driftless_module::specification::Deprecated {
                name: ::std::string::String::from(#name), due: #due, collection: #collection,
            }
        });
        self.aliases.push(name);
        Ok(())
    }

    /// All names under which the parameter can be given.
    pub(crate) fn names(&self) -> Vec<String> {
        std::iter::once(self.name.clone()).chain(self.aliases.iter().cloned()).collect()
    }

    /// The parameter of the specification.
    pub(crate) fn parameter(&self) -> TokenStream {
        let Self { name, kind_of, description, aliases, deprecated_aliases, no_log, apply_defaults, .. } =
            self;
        let has_default = self.default.is_some();
        let default = option(self.default.as_ref().map(|it| value(it, Some(kind_of))));
        let choices = if let Some(choices) = &self.choices {
            let choices = choices.iter().map(|it| value(it, None));
            quote!(::std::option::Option::Some(::std::vec![#(#choices),*]))
        } else {
            quote!(<#kind_of as ::driftless_module::Argument>::choices())
        };
        let kind = if let Some(kind) = &self.kind {
            quote!(::driftless_module::specification::Kind::#kind)
        } else {
            quote!(<#kind_of as ::driftless_module::Argument>::kind())
        };
        let removal = option(self.removal.tokens().map(|(due, collection)| {
            quote!(::driftless_module::specification::Removal { due: #due, collection: #collection })
        }));
        let version_added =
            option(self.version_added.as_ref().map(|it| quote!(::std::string::String::from(#it))));
        quote! {
            ::driftless_module::specification::Parameter {
                name: ::std::string::String::from(#name),
                kind: #kind,
                required: !(#has_default || <#kind_of as ::driftless_module::Argument>::OPTIONAL),
                default: #default,
                choices: #choices,
                aliases: ::std::vec![#(::std::string::String::from(#aliases)),*],
                deprecated_aliases: ::std::vec![#(#deprecated_aliases),*],
                no_log: #no_log,
                removal: #removal,
                apply_defaults: #apply_defaults,
                description: ::std::vec![#(::std::string::String::from(#description)),*],
                version_added: #version_added,
            }
        }
    }

    /// `field: taken from the parameters`
    pub(crate) fn take(&self) -> TokenStream {
        let Self { ident, name, .. } = self;
        quote!(#ident: ::driftless_module::derive::take(&mut parameters, #name)?)
    }

    /// Puts the field into `map`.
    pub(crate) fn give(&self) -> TokenStream {
        let Self { ident, name, .. } = self;
        quote!(map.insert(#name, ::driftless_module::Argument::into_value(self.#ident));)
    }
}

/// When something goes, in the words of Ansible's specifications.
#[derive(Default)]
struct Removal {
    version: Option<String>,
    date: Option<String>,
    collection: Option<String>,
}

impl Removal {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        let place = if meta.path.is_ident("removed_in_version") {
            &mut self.version
        } else if meta.path.is_ident("removed_at_date") {
            &mut self.date
        } else if meta.path.is_ident("removed_from_collection") {
            &mut self.collection
        } else {
            return Ok(false);
        };
        *place = Some(text(meta)?);
        Ok(true)
    }

    fn tokens(&self) -> Option<(TokenStream, TokenStream)> {
        let due = match (&self.version, &self.date) {
            (_, Some(date)) => {
                quote!(::driftless_module::specification::Due::Date(::std::string::String::from(#date)))
            }
            (Some(version), None) => {
                quote!(::driftless_module::specification::Due::Version(::std::string::String::from(#version)))
            }
            (None, None) => return None,
        };
        let collection = option(self.collection.as_ref().map(|it| quote!(::std::string::String::from(#it))));
        Some((due, collection))
    }
}

/// Tokens that make a `Value`. Literals and lists of them are taken as they are; anything else is of the field's type.
pub(crate) fn value(expression: &Expr, kind_of: Option<&Type>) -> TokenStream {
    match (expression, kind_of) {
        (Expr::Array(array), _) => {
            let items = array.elems.iter().map(|it| value(it, None));
            quote!(::driftless_module::Value::List(::std::vec![#(#items),*]))
        }
        (Expr::Lit(_) | Expr::Unary(_), _) => quote!(::driftless_module::Value::from(#expression)),
        (_, Some(kind_of)) => quote! {{
            let value: #kind_of = #expression;
            ::driftless_module::Argument::into_value(value)
        }},
        (_, None) => quote!(::driftless_module::Argument::into_value(#expression)),
    }
}

pub(crate) fn option(tokens: Option<TokenStream>) -> TokenStream {
    if let Some(tokens) = tokens {
        quote!(::std::option::Option::Some(#tokens))
    } else {
        quote!(::std::option::Option::None)
    }
}

/// `= "text"`
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

/// `("a", "b")`
pub(crate) fn texts(meta: &ParseNestedMeta<'_>) -> Result<Vec<String>> {
    let content;
    parenthesized!(content in meta.input);
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(list.iter().map(LitStr::value).collect())
}

/// `(1, "b", State::Present)`
pub(crate) fn expressions(meta: &ParseNestedMeta<'_>) -> Result<Vec<Expr>> {
    let content;
    parenthesized!(content in meta.input);
    Ok(Punctuated::<Expr, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// `= "path"`, for a field whose Rust type says less.
fn kind(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    let written: LitStr = meta.value()?.parse()?;
    let variant = match written.value().as_str() {
        "str" => "Str",
        "int" => "Int",
        "float" => "Float",
        "bool" => "Bool",
        "path" => "Path",
        "raw" => "Raw",
        "json" | "jsonarg" => "Json",
        "bytes" => "Bytes",
        "bits" => "Bits",
        _ => return Err(Error::new_spanned(written, "not a type of Ansible without elements or options")),
    };
    Ok(Ident::new(variant, written.span()))
}
