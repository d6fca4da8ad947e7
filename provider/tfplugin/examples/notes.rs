//! A small provider: it keeps notes, each a file of a folder.
//!
//! ```hcl
//! provider "notes" {
//!   folder = "/tmp/notes"
//! }
//!
//! resource "notes_note" "milk" {
//!   title = "milk"
//!   text  = "Two litres."
//! }
//!
//! data "notes_titles" "all" {}
//! ```
//!
//! `terraform query` of Terraform 1.14 or newer lists what is there and not managed yet:
//!
//! ```hcl
//! list "notes_note" "all" {
//!   provider = notes
//! }
//! ```

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use tfplugin::{
    Attr, Attribute, AttributePath, Block, Change, Context, Convert, Creation, DataSource,
    Diagnostic, Diagnostics, ErasedDataSource, ErasedListResource, ErasedResource, Function,
    FunctionError, IdentityAttribute, IdentitySchema, ImportId, ListResource, Listed, Parameter,
    Planned, Proposal, Provider, Query, Resource, Schema, Signature, Stored, Type, Value,
};

#[tokio::main]
async fn main() -> ExitCode {
    tfplugin::serve(Notes, "registry.terraform.io/example/notes", &[env!("CARGO_CRATE_NAME")]).await
}

struct Notes;

tfplugin::object! {
    #[derive(Clone)]
    struct Config {
        folder: Attr<String>,
    }
}

/// What resources and data sources work with. The folder is unknown while it comes from a resource
/// that is not there yet.
struct Folder(Option<PathBuf>);

impl Provider for Notes {
    type Config = Config;
    type Client = Folder;

    fn schema(&self) -> Schema {
        let folder = Attribute::required(Type::String).describe("Where the notes are.");
        Schema::new(0, Block::new().attribute("folder", folder))
    }

    async fn configure(&self, _: &str, config: Config) -> Result<Folder, Diagnostics> {
        Ok(Folder(config.folder.into_known().map(PathBuf::from)))
    }

    fn resources(&self) -> Vec<ErasedResource<Folder>> {
        vec![Note.into()]
    }

    fn data_sources(&self) -> Vec<ErasedDataSource<Folder>> {
        vec![Titles.into()]
    }

    fn list_resources(&self) -> Vec<ErasedListResource<Folder>> {
        vec![Notebook.into()]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(TitleOf)]
    }
}

/// `provider::notes::title_of("Buy milk!", …)`: a title made of the words of a text.
struct TitleOf;

impl Function for TitleOf {
    fn name(&self) -> &'static str {
        "title_of"
    }

    fn signature(&self) -> Signature {
        let text = Parameter::new("text", Type::String, "Any text with a letter in it.");
        let more = Parameter::new("more", Type::String, "More of it.");
        Signature::new(Type::String, "A title", "Makes a title of the words of a text.")
            .parameter(text)
            .variadic(more)
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let texts = arguments.into_iter().map(String::from_value).collect::<Result<Vec<_>, _>>();
        let text = texts.map_err(|error| FunctionError::of_value(0, &error))?.join(" ");
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Err(FunctionError::on(0, "There is no letter in it."));
        }
        Ok(words.join("-").to_lowercase().into_value())
    }
}

struct Note;

tfplugin::object! {
    #[derive(Clone)]
    struct NoteState {
        title: Attr<String>,
        text: Attr<String>,
        bytes: Attr<u64>,
    }
}

type Kept = Stored<NoteState, ()>;

impl Resource for Note {
    type Client = Folder;
    type State = NoteState;
    type Private = ();

    fn type_name(&self) -> &'static str {
        "notes_note"
    }

    fn schema(&self) -> Schema {
        let title = Attribute::required(Type::String)
            .describe("The name of the file. A change makes a new note.")
            .check(|title: &String| match title.as_str() {
                "" | "." | ".." => Err(not_a_title(title)),
                title if title.contains('/') => Err(not_a_title(title)),
                _ => Ok(()),
            });
        let text = Attribute::optional(Type::String).describe("What it says.").default_value("");
        let bytes = Attribute::computed(Type::Number).describe("How long it is.");
        let block = Block::new()
            .describe("A note.")
            .attribute("title", title)
            .attribute("text", text)
            .attribute("bytes", bytes);
        Schema::new(0, block)
    }

    async fn read(&self, cx: &Context<Folder>, prior: Kept) -> Option<Kept> {
        let path = path(cx, &prior.state)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(note(prior.state.title, text)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                cx.report(Diagnostic::error("Note cannot be read", describe(&path, &error)));
                Some(prior)
            }
        }
    }

    async fn plan(
        &self,
        _: &Context<Folder>,
        proposal: Proposal<NoteState, ()>,
    ) -> Planned<NoteState, ()> {
        let mut state = proposal.proposed;
        state.bytes = state.text.as_ref().map(|text| text.len() as u64);
        let renamed = proposal.prior.is_some_and(|prior| prior.state.title != state.title);
        let requires_replace = renamed.then(|| AttributePath::root("title")).into_iter().collect();
        Planned { state, private: (), requires_replace }
    }

    async fn create(&self, cx: &Context<Folder>, new: Creation<NoteState, ()>) -> Option<Kept> {
        write(cx, new.planned.state)
    }

    async fn update(&self, cx: &Context<Folder>, change: Change<NoteState, ()>) -> Kept {
        let prior = change.prior;
        write(cx, change.planned.state).unwrap_or(Stored { state: prior, private: () })
    }

    async fn delete(&self, cx: &Context<Folder>, prior: Kept) -> Option<Kept> {
        let path = path(cx, &prior.state)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                cx.report(Diagnostic::error("Note cannot be deleted", describe(&path, &error)));
                Some(prior)
            }
            _ => None,
        }
    }

    async fn import(&self, _: &Context<Folder>, id: ImportId) -> Vec<Kept> {
        let title = match id {
            ImportId::Id(title) => Some(title),
            ImportId::Identity(identity) => title_of(identity),
        };
        // Terraform reads the rest right after.
        title.into_iter().map(|title| note(Attr::Known(title), String::new())).collect()
    }

    fn identity_schema(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::new(0).attribute("title", IdentityAttribute::required(Type::String)))
    }

    fn identity(&self, state: &NoteState) -> Option<Value> {
        state.title.known().map(|title| identity_of(title))
    }
}

fn identity_of(title: &str) -> Value {
    Value::from(BTreeMap::from([("title".to_owned(), title)]))
}

fn title_of(identity: Value) -> Option<String> {
    let Value::Map(mut identity) = identity else { return None };
    String::from_value(identity.remove("title")?).ok()
}

/// The notes there are, for `terraform query`.
struct Notebook;

tfplugin::object! {
    #[derive(Clone)]
    struct Which {
        prefix: String,
    }
}

impl ListResource for Notebook {
    type Client = Folder;
    type Config = Which;
    type State = NoteState;

    fn type_name(&self) -> &'static str {
        "notes_note"
    }

    fn schema(&self) -> Schema {
        let prefix = Attribute::optional(Type::String)
            .describe("What the titles begin with.")
            .default_value("");
        Schema::new(0, Block::new().describe("The notes there are.").attribute("prefix", prefix))
    }

    async fn list(
        &self,
        cx: &Context<Folder>,
        which: Which,
        query: Query,
    ) -> Vec<Listed<NoteState>> {
        let Some(folder) = folder(cx) else { return Vec::new() };
        let titles = titles(cx, folder).unwrap_or_default().into_iter();
        let listed = titles.filter(|title| title.starts_with(&which.prefix)).map(|title| Listed {
            identity: identity_of(&title),
            display_name: title.clone(),
            state: query.with_state.then(|| {
                let text = std::fs::read_to_string(folder.join(&title)).unwrap_or_default();
                note(Attr::Known(title), text).state
            }),
        });
        listed.take(query.limit).collect()
    }
}

struct Titles;

tfplugin::object! {
    #[derive(Clone)]
    struct TitlesState {
        titles: Attr<Vec<String>>,
    }
}

impl DataSource for Titles {
    type Client = Folder;
    type State = TitlesState;

    fn type_name(&self) -> &'static str {
        "notes_titles"
    }

    fn schema(&self) -> Schema {
        let titles = Attribute::computed(Type::list(Type::String)).describe("All titles, sorted.");
        Schema::new(0, Block::new().describe("The notes there are.").attribute("titles", titles))
    }

    async fn read(&self, cx: &Context<Folder>, _: TitlesState) -> Option<TitlesState> {
        let titles = titles(cx, folder(cx)?)?;
        Some(TitlesState { titles: Attr::Known(titles) })
    }
}

/// The titles of a folder, sorted.
fn titles(cx: &Context<Folder>, folder: &std::path::Path) -> Option<Vec<String>> {
    let names = folder.read_dir().and_then(|entries| {
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    });
    let mut titles: Vec<String> = names
        .map_err(|error| {
            cx.report(Diagnostic::error("Notes cannot be listed", describe(folder, &error)));
        })
        .ok()?;
    titles.sort();
    Some(titles)
}

/// Writes a planned note, and returns what is stored then; None where it failed.
fn write(cx: &Context<Folder>, planned: NoteState) -> Option<Kept> {
    let path = path(cx, &planned)?;
    let text = planned.text.into_known().unwrap_or_default();
    match std::fs::write(&path, &text) {
        Ok(()) => Some(note(planned.title, text)),
        Err(error) => {
            cx.report(
                Diagnostic::error("Note cannot be written", describe(&path, &error))
                    .on(AttributePath::root("title")),
            );
            None
        }
    }
}

fn note(title: Attr<String>, text: String) -> Kept {
    let bytes = Attr::Known(text.len() as u64);
    Stored { state: NoteState { title, text: Attr::Known(text), bytes }, private: () }
}

fn path(cx: &Context<Folder>, note: &NoteState) -> Option<PathBuf> {
    Some(folder(cx)?.join(note.title.known()?))
}

fn folder(cx: &Context<Folder>) -> Option<&PathBuf> {
    let folder = cx.client().0.as_ref();
    if folder.is_none() {
        let detail = "The folder of the notes is unknown before another resource is applied.";
        cx.report(Diagnostic::error("Folder not known yet", detail));
    }
    folder
}

fn describe(path: &std::path::Path, error: &std::io::Error) -> String {
    format!("{}: {error}.", path.display())
}

fn not_a_title(title: &str) -> Diagnostic {
    let detail = format!("A title is the name of a file, which {title:?} cannot be.");
    Diagnostic::error("Not a title", detail)
}
