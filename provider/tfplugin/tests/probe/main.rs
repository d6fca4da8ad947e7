//! A provider that misbehaves as its configuration says, for the tests of this crate.

use std::process::ExitCode;

use tfplugin::{
    Attr, Attribute, AttributePath, Block, Change, Context, Convert, Creation, DataSource,
    Deferral, Diagnostic, Diagnostics, ErasedDataSource, ErasedListResource, ErasedResource,
    Function, FunctionError, IdentityAttribute, IdentitySchema, ImportId, ListResource, Listed,
    MoveSource, NestedBlock, Parameter, Planned, Private, Proposal, Provider, Query, Resource,
    Schema, Signature, Stored, Type, Value,
};

#[tokio::main]
async fn main() -> ExitCode {
    tfplugin::serve(Probe, "registry.terraform.io/example/probe", &[env!("CARGO_CRATE_NAME")]).await
}

struct Probe;

tfplugin::object! {
    #[derive(Clone)]
    struct Config {
        greeting: String,
        refuse: Attr<bool>,
    }
}

impl Provider for Probe {
    type Config = Config;
    type Client = String;

    fn schema(&self) -> Schema {
        let block = Block::new()
            .attribute("greeting", Attribute::optional(Type::String).default_value("hello"))
            .attribute("refuse", Attribute::optional(Type::Bool));
        Schema::new(0, block)
    }

    async fn configure(&self, _: &str, config: Config) -> Result<String, Diagnostics> {
        match config.refuse.into_known() {
            Some(true) => Err(Diagnostic::error("Refused", "As configured.").into()),
            _ => Ok(config.greeting),
        }
    }

    fn resources(&self) -> Vec<ErasedResource<String>> {
        vec![Thing.into()]
    }

    fn data_sources(&self) -> Vec<ErasedDataSource<String>> {
        vec![Later.into()]
    }

    fn list_resources(&self) -> Vec<ErasedListResource<String>> {
        vec![Things.into()]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(Shout)]
    }
}

struct Shout;

impl Function for Shout {
    fn name(&self) -> &'static str {
        "shout"
    }

    fn signature(&self) -> Signature {
        let words = Parameter::new("words", Type::list(Type::String), "What to shout.");
        Signature::new(Type::String, "Shouts", "Shouts words.").parameter(words)
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let words = arguments.into_iter().next().unwrap_or(Value::Null);
        let words =
            Vec::<String>::from_value(words).map_err(|error| FunctionError::of_value(0, &error))?;
        assert!(!words.is_empty(), "nothing to shout");
        Ok(words.join(" ").to_uppercase().into_value())
    }
}

struct Thing;

tfplugin::object! {
    #[derive(Clone)]
    struct State {
        id: Attr<String>,
        /// What to do in apply: nothing, `panic`, `wait` for Stop, or `vanish`; in a read and a
        /// plan: `defer`.
        act: Attr<String>,
        text: Attr<String>,
        greeting: Attr<String>,
        secret: Attr<String>,
        any: Value,
        tags: Attr<Vec<Attr<String>>>,
        part: Attr<Vec<Part>>,
    }

    #[derive(Clone)]
    struct Part {
        name: Attr<String>,
        size: Attr<i64>,
        made: Attr<String>,
    }
}

/// How often the object was written.
#[derive(Clone, Default)]
struct Writes(u32);

impl Private for Writes {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text.".to_owned())?;
        text.parse().map(Self).map_err(|_| format!("{text:?} is no count."))
    }

    fn encode(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }
}

type Kept = Stored<State, Writes>;

impl Resource for Thing {
    type Client = String;
    type State = State;
    type Private = Writes;

    fn type_name(&self) -> &'static str {
        "probe_thing"
    }

    fn schema(&self) -> Schema {
        let short = |tag: &String| match tag.len() {
            0..=3 => Ok(()),
            _ => Err(Diagnostic::error("Tag too long", "At most three letters.")),
        };
        let part = Block::new()
            .attribute("name", Attribute::required(Type::String))
            .attribute("size", Attribute::optional(Type::Number).default_value(1))
            .attribute("made", Attribute::computed(Type::String));
        let block = Block::new()
            .attribute("id", Attribute::computed(Type::String))
            .attribute("act", Attribute::optional(Type::String))
            .attribute("text", Attribute::optional(Type::String).deprecated("Use tags."))
            .attribute("greeting", Attribute::computed(Type::String))
            .attribute("secret", Attribute::optional(Type::String).write_only())
            .attribute("any", Attribute::optional(Type::Dynamic))
            .attribute("tags", Attribute::optional(Type::set(Type::String)).check_each(short))
            .block("part", NestedBlock::list(part).max_items(3));
        Schema::new(2, block)
    }

    fn validate(&self, config: &State, diagnostics: &mut Diagnostics) {
        if config.act.known().is_some_and(|act| act == "invalid") {
            let path = AttributePath::root("act");
            diagnostics.push(Diagnostic::error("Invalid", "As configured.").on(path));
        }
        if config.act.known().is_some_and(|act| act == "panic early") {
            panic!("as configured, early");
        }
    }

    async fn read(&self, cx: &Context<String>, mut prior: Kept) -> Option<Kept> {
        defer(cx, &prior.state);
        if prior.state.act.known().is_some_and(|act| act == "vanish") {
            return None;
        }
        prior.private.0 += 100;
        Some(prior)
    }

    async fn plan(
        &self,
        cx: &Context<String>,
        proposal: Proposal<State, Writes>,
    ) -> Planned<State, Writes> {
        let mut state = proposal.proposed;
        defer(cx, &state);
        state.greeting = Attr::Known(cx.client().clone());
        let replace = proposal.prior.as_ref().is_some_and(|prior| prior.state.tags != state.tags);
        let private = match (proposal.prior, proposal.replaced) {
            (Some(prior), _) => {
                called("plan of an update", &prior.private);
                prior.private
            }
            (None, Some(replaced)) => {
                called("plan of a replacement", &replaced);
                Writes(replaced.0 + 1000)
            }
            (None, None) => {
                called("plan of a creation", &Writes::default());
                Writes::default()
            }
        };
        // Beyond a set Terraform cannot follow a path, which is this crate's concern.
        let path = AttributePath::root("tags").index(0);
        Planned { state, private, requires_replace: replace.then_some(path).into_iter().collect() }
    }

    async fn plan_destroy(&self, cx: &Context<String>, prior: Kept) -> Writes {
        called("plan of a destruction", &prior.private);
        cx.report(Diagnostic::warning("Destroys", "It will be gone."));
        prior.private
    }

    async fn create(&self, cx: &Context<String>, new: Creation<State, Writes>) -> Option<Kept> {
        called("create", &new.planned.private);
        act(cx, &new.planned.state).await.then(|| written(new.planned))
    }

    async fn update(&self, cx: &Context<String>, change: Change<State, Writes>) -> Kept {
        if act(cx, &change.planned.state).await {
            written(change.planned)
        } else {
            Stored { state: change.prior, private: change.planned.private }
        }
    }

    async fn delete(&self, cx: &Context<String>, prior: Kept) -> Option<Kept> {
        called("delete", &prior.private);
        (!act(cx, &prior.state).await).then_some(prior)
    }

    async fn import(&self, cx: &Context<String>, id: ImportId) -> Vec<Kept> {
        let id = match id {
            ImportId::Id(id) => id,
            ImportId::Identity(Value::Map(identity)) => match identity.get("id") {
                Some(Value::String(id)) => id.clone(),
                _ => return Vec::new(),
            },
            ImportId::Identity(_) => return Vec::new(),
        };
        match id.as_str() {
            "later" if cx.defer(Deferral::ProviderConfigUnknown) => Vec::new(),
            "none" => Vec::new(),
            _ => vec![blank(id)],
        }
    }

    fn upgrade(
        &self,
        from_version: i64,
        mut state: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostic> {
        match from_version {
            1 => {
                // The id had another name once.
                let name = state.as_object_mut().and_then(|state| state.remove("name"));
                state["id"] = name.unwrap_or_default();
                Ok(state)
            }
            _ => Err(Diagnostic::error("Too old", "There is no way.")),
        }
    }

    fn move_from(&self, source: MoveSource) -> Result<Option<Kept>, Diagnostic> {
        let id = source.state.get("id").and_then(|id| id.as_str());
        let known = source.type_name == "null_resource";
        Ok(id.filter(|_| known).map(|id| blank(id.to_owned())))
    }

    fn identity_schema(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::new(1).attribute("id", IdentityAttribute::required(Type::String)))
    }

    fn identity(&self, state: &State) -> Option<Value> {
        let id = state.id.known()?;
        Some(Value::from(std::collections::BTreeMap::from([("id".to_owned(), id.as_str())])))
    }
}

/// As many objects as configured, whatever the limit is.
struct Things;

tfplugin::object! {
    #[derive(Clone)]
    struct Which {
        count: i64,
        /// What to report: `error`, `warning`, or `panic`.
        report: Attr<String>,
    }
}

impl ListResource for Things {
    type Client = String;
    type Config = Which;
    type State = State;

    fn type_name(&self) -> &'static str {
        "probe_thing"
    }

    fn schema(&self) -> Schema {
        let block = Block::new()
            .attribute("count", Attribute::optional(Type::Number).default_value(3))
            .attribute("report", Attribute::optional(Type::String).deprecated("Report less."));
        Schema::new(0, block)
    }

    async fn list(&self, cx: &Context<String>, which: Which, query: Query) -> Vec<Listed<State>> {
        match which.report.known().map(String::as_str) {
            Some("error") => cx.report(Diagnostic::error("Not listed", "As configured.")),
            Some("warning") => cx.report(Diagnostic::warning("Listed in part", "As configured.")),
            Some(_) => panic!("not listed"),
            None => {}
        }
        let listed = (1..=which.count).map(|id| Listed {
            identity: Value::Map([("id".to_owned(), Value::String(id.to_string()))].into()),
            display_name: format!("the thing {id}"),
            state: query.with_state.then(|| blank(id.to_string()).state),
        });
        listed.collect()
    }
}

/// What can never be read now.
struct Later;

tfplugin::object! {
    #[derive(Clone)]
    struct Text {
        text: Attr<String>,
    }
}

impl DataSource for Later {
    type Client = String;
    type State = Text;

    fn type_name(&self) -> &'static str {
        "probe_later"
    }

    fn schema(&self) -> Schema {
        Schema::new(0, Block::new().attribute("text", Attribute::optional(Type::String)))
    }

    async fn read(&self, cx: &Context<String>, _: Text) -> Option<Text> {
        if !cx.defer(Deferral::ProviderConfigUnknown) {
            cx.report(Diagnostic::error("Too early", "It cannot be read yet."));
        }
        None
    }
}

/// Puts an object off that is configured so.
fn defer(cx: &Context<String>, state: &State) {
    if state.act.known().is_some_and(|act| act == "defer") {
        cx.defer(Deferral::AbsentPrerequisite);
        cx.defer(Deferral::ResourceConfigUnknown);
    }
}

/// Logs a call and its private state.
fn called(operation: &str, private: &Writes) {
    tracing::info!("call: {operation} with {};", private.0);
}

/// Does what the object is configured to do. False is: it failed, and said so.
async fn act(cx: &Context<String>, state: &State) -> bool {
    match state.act.known().map(String::as_str) {
        Some("panic") => panic!("as configured"),
        Some("wait") => {
            tracing::info!("waiting for Stop");
            cx.stopped().cancelled().await;
            cx.report(Diagnostic::error("Interrupted", "Stopped while waiting."));
            false
        }
        _ => true,
    }
}

fn written(mut kept: Kept) -> Kept {
    let id = kept.state.id.known().cloned().unwrap_or_else(|| "made".to_owned());
    kept.state.id = Attr::Known(id);
    if let Attr::Known(parts) = &mut kept.state.part {
        for part in parts {
            part.made = Attr::Known("made".to_owned());
        }
    }
    kept.private.0 += 1;
    kept
}

fn blank(id: String) -> Kept {
    let state = State {
        id: Attr::Known(id),
        act: Attr::Null,
        text: Attr::Null,
        greeting: Attr::Known("hello".to_owned()),
        secret: Attr::Null,
        any: Value::Null,
        tags: Attr::Null,
        part: Attr::Known(Vec::new()),
    };
    Stored { state, private: Writes::default() }
}
