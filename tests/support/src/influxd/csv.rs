//! Answers of Flux.

/// Rows of every table of a CSV answer; a table without a wanted column is an error.
pub(super) fn rows(csv: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut header: Option<Vec<usize>> = None;
    for record in records(csv) {
        match (&header, record.as_slice()) {
            // An empty record ends a table.
            (_, [only]) if only.is_empty() => header = None,
            (None, names) => {
                let place = |column: &&str| names.iter().position(|name| name == column);
                header = Some(
                    columns
                        .iter()
                        .map(|column| place(column).expect("a column"))
                        .collect(),
                );
            }
            (Some(places), values) => {
                rows.push(places.iter().map(|&place| values[place].clone()).collect());
            }
        }
    }
    rows
}

/// Records of RFC 4180: quotes are doubled inside quotes, where line ends are text.
fn records(csv: &str) -> Vec<Vec<String>> {
    let mut records = vec![];
    let mut record = vec![String::new()];
    let mut quoted = false;
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        let field = record.last_mut().expect("at least one field");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => records.push(std::mem::replace(&mut record, vec![String::new()])),
            other => field.push(other),
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_an_answer_are_read_with_quotes_and_line_ends_in_them() {
        let csv = ",result,table,nanos,text\r\n,_result,0,1,\"a \"\"b\"\"\r\nc\"\r\n,_result,0,2,d\r\n\r\n,result,table,text,nanos\r\n,_result,1,e,3\r\n\r\n";
        assert_eq!(
            rows(csv, &["nanos", "text"]),
            [["1", "a \"b\"\r\nc"], ["2", "d"], ["3", "e"]]
        );
    }
}
