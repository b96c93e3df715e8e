//! The files beside the configuration: the catalogue of models and prices, the rules of labels.

use std::sync::Arc;

use tollgate_classify::{Classifier, Classify, DEFAULT_RULES, RulesError, RulesFile};
use tollgate_meter::{Catalogue, CatalogueError, CatalogueFile, DEFAULT_FILES, Oddity};

use crate::document::Document;
use crate::file;

use super::Desk;

/// The built-in catalogue with the operator's files over it, and what looks mistyped in them; `None`
/// when one of those is wrong.
pub(super) fn catalogue(file: &file::CatalogueFile, desk: &mut Desk<'_>) -> Option<(Catalogue, Vec<Oddity>)> {
    let file::CatalogueFile { files } = file;
    let mut read: Vec<_> = DEFAULT_FILES.iter().map(|(name, text)| entries(name, text, desk)).collect();
    for path in files {
        let found = desk.file(path, "the catalogue's file");
        read.push(found.and_then(|(path, text)| entries(&path.display().to_string(), &text, desk)));
    }
    let read: Option<Vec<_>> = read.into_iter().collect();
    let read = read?;
    let oddities = read.iter().flat_map(CatalogueFile::oddities).collect();
    // Each file has been tried alone, and they cannot contradict each other.
    Some((Catalogue::new(read).ok()?, oddities))
}

fn entries(name: &str, text: &str, desk: &mut Desk<'_>) -> Option<CatalogueFile> {
    let mut document = Document::open(name, text, desk.reads);
    let file: Option<CatalogueFile> = document.read();
    for error in file.iter().flat_map(CatalogueFile::contradictions) {
        let (CatalogueError::Duplicate { model, .. } | CatalogueError::Steps { model, .. }) = &error;
        let place = document.last_scalar(model);
        document.note(place, error.to_string(), "");
    }
    let is_wrong = document.is_wrong();
    desk.elsewhere.append(&mut document.into_problems());
    file.filter(|_| !is_wrong)
}

/// The operator's rules, or the built-in ones; `None` when they are wrong.
pub(super) fn classifier(file: &file::ClassifyFile, desk: &mut Desk<'_>) -> Option<Arc<dyn Classify>> {
    let file::ClassifyFile { rules } = file;
    let (name, text) = match rules {
        None => ("classify.yaml".to_owned(), DEFAULT_RULES.to_owned()),
        Some(path) => {
            let (path, text) = desk.file(path, "the file of rules")?;
            (path.display().to_string(), text)
        }
    };
    let mut document = Document::open(&name, &text, desk.reads);
    let made = document.read().map(|rules: RulesFile| Classifier::new(rules));
    if let Some(Err(error)) = &made {
        let rule = match error {
            RulesError::Duplicate(rule) | RulesError::EmptyWord(rule) | RulesError::Pattern { name: rule, .. } => rule,
            RulesError::Words(_) => "",
        };
        let place = document.last_scalar(rule);
        document.note(place, error.to_string(), "");
    }
    let is_wrong = document.is_wrong();
    desk.elsewhere.append(&mut document.into_problems());
    let classifier = made?.ok().filter(|_| !is_wrong)?;
    Some(Arc::new(classifier))
}
