//! Reads an INI file as Ansible does, through Python's `configparser` with `;` for comments behind values.
//!
//! Where the two should ever differ nothing is lost: what comes out is written anew, from what is understood here.

/// One setting as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) section: String,
    /// In lower case, as Ansible compares it.
    pub(super) key: String,
    /// The lines of the value, without comments, joined.
    pub(super) value: String,
    /// Where it begins, from 1.
    pub(super) line: u32,
}

pub(super) fn settings(text: &str) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    let mut section = String::new();
    // How far the last key was indented, while lines may still belong to its value.
    let mut open: Option<usize> = None;
    for (number, raw) in text.lines().enumerate() {
        let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let indent = raw.len() - raw.trim_start().len();
        let value = uncommented(raw).trim();
        if value.is_empty() {
            continue;
        }
        if let (Some(at), Some(last)) = (open, found.last_mut())
            && at < indent
        {
            last.value.push('\n');
            last.value.push_str(value);
            continue;
        }
        if let Some(name) = value.strip_prefix('[').and_then(|it| it.rfind(']').map(|end| &it[..end])) {
            name.clone_into(&mut section);
            open = None;
            continue;
        }
        let (key, value) = value.split_once(['=', ':']).unwrap_or((value, ""));
        found.push(Setting {
            section: section.clone(),
            key: key.trim().to_lowercase(),
            value: value.trim().to_owned(),
            line,
        });
        open = Some(indent);
    }
    found
}

fn uncommented(line: &str) -> &str {
    if line.trim_start().starts_with(['#', ';']) {
        return "";
    }
    let comment = line.match_indices(';').find(|(at, _)| line[..*at].ends_with(char::is_whitespace));
    comment.map_or(line, |(at, _)| &line[..at])
}
