//! README.ru.md says in Russian what README.md says: its structure, commands, code and links are the same.

const ENGLISH: &str = include_str!("../../README.md");
const RUSSIAN: &str = include_str!("../../README.ru.md");

/// What must be the same in both: levels of headings, fenced blocks as they are, tables by rows and columns.
fn skeleton(text: &str) -> Vec<String> {
    let mut skeleton = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
            skeleton.push(line.to_owned());
        } else if in_block {
            skeleton.push(line.to_owned());
        } else if line.starts_with('#') {
            let level = line.chars().take_while(|c| *c == '#').count();
            skeleton.push(format!("heading {level}"));
        } else if line.starts_with('|') {
            skeleton.push(format!("row of {}", line.matches('|').count()));
        } else if line.starts_with("- **") {
            skeleton.push("point".to_owned());
        }
    }
    skeleton
}

/// Inline code outside of fenced blocks, of each stretch between two headings, sorted: languages order words differently.
fn code(text: &str) -> Vec<Vec<&str>> {
    let mut sections = vec![Vec::new()];
    for (place, part) in text.split("```").enumerate() {
        if place % 2 == 1 {
            continue;
        }
        for line in part.lines() {
            if line.starts_with('#') {
                sections.push(Vec::new());
            }
            let spans = line.split('`').skip(1).step_by(2);
            sections.last_mut().unwrap().extend(spans);
        }
    }
    sections
        .iter_mut()
        .for_each(|section| section.sort_unstable());
    sections
}

/// Targets of links, sorted, but for the one to the other language.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1);
    let mut targets: Vec<_> = targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.starts_with("README"))
        .collect();
    targets.sort_unstable();
    targets
}

#[test]
fn the_russian_readme_has_the_headings_commands_and_tables_of_the_english_one() {
    assert_eq!(skeleton(RUSSIAN), skeleton(ENGLISH));
}

#[test]
fn the_russian_readme_names_the_same_keys_files_and_pages() {
    for (russian, english) in code(RUSSIAN).iter().zip(code(ENGLISH)) {
        assert_eq!(*russian, english);
    }
    assert_eq!(links(RUSSIAN), links(ENGLISH));
}

#[test]
fn no_page_that_the_documents_link_to_is_missing() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = [
        "README.md",
        "README.ru.md",
        "docs/migrating.md",
        "docs/points.md",
        "docs/settings.md",
        "docs/stats.md",
    ];
    for document in documents {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let folder = root.join(document);
        let folder = folder.parent().unwrap();
        for target in links(&text)
            .into_iter()
            .filter(|target| !target.contains("://"))
        {
            assert!(folder.join(target).exists(), "{document}: {target}");
        }
    }
}
