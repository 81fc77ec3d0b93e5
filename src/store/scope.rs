//! Scopes as conditions of queries, so that pages of lists are as long as they should be.

use crate::domain::{Grant, Scope};

/// The condition that a column, which names a stack or a source, is in a scope.
///
/// The names of a scope have lower-case letters, digits, `-`, `_` and one `/` between them: that is what makes them
/// names, so they are written into the query as they are.
pub(super) fn condition(scope: &Scope, column: &str) -> String {
    let Scope::Only(grants) = scope else { return "TRUE".to_owned() };
    let one = |grant: &Grant| match grant {
        // `0` is what follows `/`: so an index finds all that begins with the source.
        Grant::Source(it) => format!("{column} = '{it}' OR ({column} >= '{it}/' AND {column} < '{it}0')"),
        Grant::Stack(it) => format!("{column} = '{it}'"),
    };
    let conditions: Vec<String> = grants.iter().map(one).collect();
    if conditions.is_empty() { "FALSE".to_owned() } else { format!("({})", conditions.join(" OR ")) }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_condition_finds_what_a_scope_has() {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch(
            "CREATE TABLE things (name TEXT);
            INSERT INTO things VALUES ('infra'), ('infra/web'), ('infra/a-b_c'), ('infra-x/web'), ('infra0'),
                ('lab'), ('lab/web'), ('lab/web2'), ('daemon'), ('run 7')",
        )
        .expect("things");
        let found = |scope: &Scope| -> Vec<String> {
            let sql = format!("SELECT name FROM things WHERE {} ORDER BY rowid", condition(scope, "name"));
            let mut statement = db.prepare(&sql).expect("a query");
            let rows = statement.query_map((), |row| row.get(0)).expect("rows");
            rows.map(|it| it.expect("a row")).collect()
        };
        let only = |names: &[&str]| Scope::Only(names.iter().map(|it| it.parse().unwrap()).collect());
        assert_eq!(found(&Scope::All).len(), 10);
        assert_eq!(found(&only(&[])), Vec::<String>::new());
        assert_eq!(found(&only(&["infra"])), ["infra", "infra/web", "infra/a-b_c"]);
        assert_eq!(found(&only(&["lab/web"])), ["lab/web"]);
        assert_eq!(found(&only(&["infra", "lab/web"])), ["infra", "infra/web", "infra/a-b_c", "lab/web"]);
    }
}
