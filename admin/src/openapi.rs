//! The OpenAPI document, made from the table of routes: what is in the one is in the other.

use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, ObjectBuilder, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};

use crate::refusal::Code;
use crate::rights::Right;
use crate::route::{Route, Verb};
use crate::routes::ROUTES;

const BEARER: &str = "management_key";
const ERROR: &str = "Error";

/// The schemas met so far, by name.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

/// Says what a body looks like.
pub(crate) type Shape = fn(&mut Schemas) -> RefOr<Schema>;

/// One of these.
pub(crate) fn one<T: ToSchema>(met: &mut Schemas) -> RefOr<Schema> {
    met.push((T::name().into_owned(), T::schema()));
    T::schemas(met);
    Ref::from_schema_name(T::name()).into()
}

/// All of these.
pub(crate) fn list<T: ToSchema>(met: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new().property("data", ArrayBuilder::new().items(one::<T>(met))).required("data").into()
}

/// A page of these.
pub(crate) fn many<T: ToSchema>(met: &mut Schemas) -> RefOr<Schema> {
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("What to give as `after` for the next page; `null` on the last one."));
    ObjectBuilder::new()
        .property("data", ArrayBuilder::new().items(one::<T>(met)))
        .property("next", next)
        .required("data")
        .required("next")
        .into()
}

/// An object that is described elsewhere.
pub(crate) fn anything(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true))).into()
}

/// The OpenAPI document of this API, as JSON for people.
#[must_use]
pub fn openapi() -> String {
    let mut met = Schemas::new();
    let mut paths = Paths::new();
    for route in ROUTES {
        paths.add_path_operation(route.path, vec![method(route.method)], operation(route, &mut met));
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(met)
        .schema(ERROR, error())
        .security_scheme(BEARER, bearer())
        .build();
    let info = InfoBuilder::new()
        .title("Tollgate management API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Tenants, members, keys, credentials, budgets, balances and what was used. Money is US dollars as \
             decimal text. What belongs to another tenant does not exist: 404, with the same bytes.",
        ))
        .build();
    let document = OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build();
    document.to_pretty_json().map(|text| text + "\n").unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be written");
        "{}\n".into()
    })
}

fn bearer() -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("tgm_…")
            .description(Some("A management key. `x-api-key` works as well."))
            .build(),
    )
}

fn operation(route: &Route, met: &mut Schemas) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(route)))
        .tag(tag(route.path))
        .summary(Some(route.says))
        .description(Some(format!("For: {}.", route.right.says())));
    for name in in_path(route.path) {
        operation = operation.parameter(parameter(name, ParameterIn::Path, None));
    }
    for name in route.asks {
        operation = operation.parameter(parameter(name, ParameterIn::Query, Some(asked(name))));
    }
    if let Some(takes) = route.takes {
        let content = Content::new(Some(takes(met)));
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    let mut done = ResponseBuilder::new().description("Done.");
    if let Some(gives) = route.gives {
        done = done.content("application/json", Content::new(Some(gives(met))));
    }
    operation = operation.response(route.status.to_string(), done.build());
    if route.right != Right::Open {
        operation = operation.security(SecurityRequirement::new(BEARER, Vec::<String>::new()));
        let content = Content::new(Some(Ref::from_schema_name(ERROR)));
        let error = ResponseBuilder::new().description("Refused.").content("application/json", content);
        operation = operation.response("default", error.build());
    }
    operation.build()
}

fn parameter(name: &str, place: ParameterIn, says: Option<&str>) -> Parameter {
    let required = matches!(place, ParameterIn::Path) || matches!(name, "from" | "to");
    let kind = if matches!(name, "limit" | "before") { Type::Integer } else { Type::String };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(says)
        .schema(Some(ObjectBuilder::new().schema_type(kind)))
        .build()
}

/// What the parameters mean, wherever they are.
fn asked(name: &str) -> &'static str {
    match name {
        "after" => "The id after which the page begins.",
        "limit" => "How many at most: 1 to 1000, 100 where nothing is said.",
        "before" => "The number of the record before which the page begins.",
        "from" => "The first day, `2026-11-01`.",
        "to" => "The last day, `2026-11-30`.",
        "key" => "The public id of a key.",
        "member" => "The id of a member.",
        _ => "",
    }
}

/// The names in the braces of a path.
fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
}

/// The last word of a path that stands for things.
fn tag(path: &str) -> &str {
    let mut words = path.split('/').skip(4).filter(|step| !step.starts_with('{'));
    match (words.next(), words.next()) {
        (Some("tenants"), Some(of_tenant)) => of_tenant,
        (first, _) => first.unwrap_or_default(),
    }
}

fn operation_id(route: &Route) -> String {
    let words = route.path.split('/').skip(4).map(|step| step.trim_matches(['{', '}']).replace(['-', '.'], "_"));
    let words: Vec<_> = words.collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}

fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn error() -> RefOr<Schema> {
    let text = |says: &'static str| ObjectBuilder::new().schema_type(Type::String).description(Some(says));
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    let inner = ObjectBuilder::new()
        .property("code", text("Stable.").enum_values(Some(codes)))
        .property("message", text("What is wrong."))
        .property("rule", text("What holds for everyone."))
        .property("remedy", text("What to do."));
    let inner = ["code", "message", "rule", "remedy"].into_iter().fold(inner, ObjectBuilder::required);
    ObjectBuilder::new().property("error", inner).required("error").into()
}
