//! Which stack a person means.

use std::fmt;
use std::str::FromStr;

use super::ErrorBody;
use crate::domain::{NameError, SourceName, StackId, StackName};

/// A stack as a person names it: `infra/web`, or only `web` where no other source has a stack of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameWanted {
    /// The source, if it was given.
    pub source: Option<SourceName>,
    /// The stack.
    pub stack: StackName,
}

impl NameWanted {
    /// In a path of the API, `-` stands for a source that was not given. No source can have that name.
    pub const ANY_SOURCE: &str = "-";

    /// From the two parts of a path of the API.
    pub fn from_path(source: &str, stack: &str) -> Result<Self, NameError> {
        let source = if source == Self::ANY_SOURCE { None } else { Some(source.parse()?) };
        Ok(Self { source, stack: stack.parse()? })
    }

    /// The two parts of a path of the API.
    pub fn to_path(&self) -> String {
        format!("{}/{}", self.source.as_ref().map_or(Self::ANY_SOURCE, SourceName::as_str), self.stack)
    }
}

impl FromStr for NameWanted {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        match given.split_once('/') {
            Some((source, stack)) => Self::from_path(source, stack),
            None => Ok(Self { source: None, stack: given.parse()? }),
        }
    }
}

impl fmt::Display for NameWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}/{}", self.stack),
            None => self.stack.fmt(f),
        }
    }
}

/// Finds the one stack that is meant among those that are known; else says which could be meant.
pub fn resolve_stack(wanted: &NameWanted, known: &[StackId]) -> Result<StackId, ErrorBody> {
    let matches: Vec<&StackId> = known
        .iter()
        .filter(|it| it.stack == wanted.stack && wanted.source.as_ref().is_none_or(|name| *name == it.source))
        .collect();
    match matches.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(unknown(wanted, known)),
        several => Err(ErrorBody::bad_request(format!("`{wanted}` could be {}", list(several)))
            .remedy("give the source as well: `source/stack`")),
    }
}

fn unknown(wanted: &NameWanted, known: &[StackId]) -> ErrorBody {
    let error = ErrorBody::not_found(format!("there is no stack `{wanted}`"));
    if known.is_empty() {
        return error.remedy("no source declares a stack yet; `driftless status` shows why");
    }
    // The name of a source alone is easily taken for that of its stack.
    let source = wanted.source.as_ref().map_or(wanted.stack.as_str(), SourceName::as_str);
    let of_source: Vec<&StackId> = known.iter().filter(|it| it.source.as_str() == source).collect();
    let near = nearest(wanted, known);
    if near.is_empty() && wanted.source.is_some() && of_source.is_empty() {
        error.remedy(format!("no source `{source}` declares a stack; `driftless status` shows the sources"))
    } else if near.is_empty() && !of_source.is_empty() {
        error.remedy(format!("the source `{source}` has {}", list(&of_source)))
    } else if near.is_empty() {
        error.remedy("`driftless stacks` lists those that exist")
    } else {
        error.remedy(format!("did you mean {}?", list(&near)))
    }
}

/// The known stacks whose short name is similar to the wanted one, the most similar first, at most three.
fn nearest<'a>(wanted: &NameWanted, known: &'a [StackId]) -> Vec<&'a StackId> {
    let wanted = wanted.stack.as_str();
    let mut near: Vec<(usize, &StackId)> = known
        .iter()
        .map(|id| (strsim::damerau_levenshtein(wanted, id.stack.as_str()), id))
        .filter(|(edits, id)| *edits <= (id.stack.as_str().len() / 3).max(1))
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, id)| id).collect()
}

fn list(ids: &[&StackId]) -> String {
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ErrorCode;

    fn known() -> Vec<StackId> {
        ["infra/web", "infra/db", "lab/web", "lab/monitoring"].map(|it| it.parse().expect("a stack")).to_vec()
    }

    fn resolved(wanted: &str) -> Result<String, ErrorBody> {
        resolve_stack(&wanted.parse().expect("a name"), &known()).map(|it| it.to_string())
    }

    #[test]
    fn a_short_name_is_enough_where_it_is_unique() {
        assert_eq!(resolved("db"), Ok("infra/db".to_owned()));
        assert_eq!(resolved("lab/web"), Ok("lab/web".to_owned()));
    }

    #[test]
    fn a_name_that_could_be_two_is_refused_with_both() {
        let error = resolved("web").expect_err("two");
        assert_eq!(error.code, ErrorCode::BadRequest);
        assert_eq!(error.message, "`web` could be `infra/web` or `lab/web`");
    }

    #[test]
    fn a_name_that_is_none_says_what_may_have_been_meant() {
        let error = resolved("monitorin").expect_err("none");
        assert_eq!(error.code, ErrorCode::NotFound);
        assert_eq!(error.remedy.as_deref(), Some("did you mean `lab/monitoring`?"));
        assert_eq!(
            resolved("infra/monitoring").expect_err("other source").remedy.as_deref(),
            Some("did you mean `lab/monitoring`?")
        );
        for (wanted, remedy) in [
            ("infra", "the source `infra` has `infra/web` or `infra/db`"),
            ("infra/zzz", "the source `infra` has `infra/web` or `infra/db`"),
            ("other/web", "did you mean `infra/web` or `lab/web`?"),
            ("nope/x", "no source `nope` declares a stack; `driftless status` shows the sources"),
        ] {
            assert_eq!(resolved(wanted).expect_err("none").remedy.as_deref(), Some(remedy), "{wanted}");
        }
        assert_eq!(
            resolved("zzz").expect_err("none").remedy.as_deref(),
            Some("`driftless stacks` lists those that exist")
        );
        let error = resolve_stack(&"web".parse().expect("a name"), &[]).expect_err("none");
        assert!(error.remedy.expect("a remedy").contains("driftless status"));
    }

    #[test]
    fn a_name_goes_through_a_path_and_back() {
        for text in ["web", "infra/web"] {
            let wanted: NameWanted = text.parse().expect("a name");
            let path = wanted.to_path();
            let (source, stack) = path.split_once('/').expect("two parts");
            assert_eq!(NameWanted::from_path(source, stack), Ok(wanted));
        }
        for bad in ["", "/", "a/b/c", "-", "Web", "../x", "a b"] {
            assert!(bad.parse::<NameWanted>().is_err(), "{bad:?}");
        }
    }
}
