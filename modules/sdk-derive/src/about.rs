//! What the documentation says besides the parameters.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, Result};

use crate::comments::paragraphs;
use crate::field::{option, text, texts};

/// The first paragraph of the comment is the short description, the rest the description.
#[derive(Default)]
pub(crate) struct About {
    short_description: String,
    description: Vec<String>,
    author: Vec<String>,
    version_added: Option<String>,
    requirements: Vec<String>,
    notes: Vec<String>,
    see_also: Vec<String>,
    examples: Option<Expr>,
}

impl About {
    pub(crate) fn read_comment(attributes: &[Attribute]) -> Self {
        let mut paragraphs = paragraphs(attributes).into_iter();
        let short_description = paragraphs.next().unwrap_or_default();
        Self { short_description, description: paragraphs.collect(), ..Self::default() }
    }

    /// Reads one attribute; false if it is none of these.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        let Some(key) = meta.path.get_ident().map(ToString::to_string) else { return Ok(false) };
        match key.as_str() {
            "author" => self.author.extend(texts(meta)?),
            "requirements" => self.requirements.extend(texts(meta)?),
            "notes" => self.notes.extend(texts(meta)?),
            "see_also" => self.see_also.extend(texts(meta)?),
            "version_added" => self.version_added = Some(text(meta)?),
            "examples" => self.examples = Some(meta.value()?.parse()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ToTokens for About {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { short_description, description, author, requirements, notes, see_also, .. } = self;
        let version_added =
            option(self.version_added.as_ref().map(|it| quote!(::std::string::String::from(#it))));
        let examples = self.examples.as_ref().map_or_else(|| quote!(""), ToTokens::to_token_stream);
        tokens.extend(quote! {
            ::driftless_module::About {
                short_description: ::std::string::String::from(#short_description),
                description: ::std::vec![#(::std::string::String::from(#description)),*],
                author: ::std::vec![#(::std::string::String::from(#author)),*],
                version_added: #version_added,
                requirements: ::std::vec![#(::std::string::String::from(#requirements)),*],
                notes: ::std::vec![#(::std::string::String::from(#notes)),*],
                see_also: ::std::vec![#(::std::string::String::from(#see_also)),*],
                examples: ::std::string::String::from(#examples),
            }
        });
    }
}
